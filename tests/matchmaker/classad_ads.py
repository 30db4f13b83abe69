"""Job and slot ads as sites have them, from a seed: expressions of real submit systems, values that vary."""

from __future__ import annotations

import random
from typing import TypeAlias

Pairs: TypeAlias = dict[str, str]

_USUAL = '(TARGET.Arch == "X86_64") && (TARGET.OpSys == "LINUX") && (TARGET.Disk >= RequestDisk)'
_FITS = "(TARGET.Memory >= RequestMemory) && (TARGET.Cpus >= RequestCpus)"
_SHARED = "((TARGET.FileSystemDomain == MY.FileSystemDomain) || (TARGET.HasFileTransfer))"
_TUNED = "ifThenElse(MemoryUsage isnt undefined, MemoryUsage * 5 / 4, 2000) <= TARGET.Memory"

REQUIREMENTS = [
    # what condor_submit writes by itself
    f"{_USUAL} && (TARGET.Memory >= RequestMemory) && (TARGET.HasFileTransfer)",
    f"{_USUAL} && {_FITS} && {_SHARED}",
    f"{_FITS} && (countMatches(MY.RequireGPUs,TARGET.AvailableGPUs) >= RequestGPUs)",
    # open pools
    'HAS_SINGULARITY == true && (OpSysMajorVer == 7 || OpSysMajorVer >= 8) && stringListMember(GLIDEIN_Site, "SU,PSC")',
    "TARGET.HAS_CVMFS_oasis_opensciencegrid_org =?= True && TARGET.CVMFS_oasis_REVISION >= 25000",
    '(HasSingularity isnt undefined && HasSingularity) && !regexp("^(bad|slow)", TARGET.Machine)',
    "isUndefined(TARGET.GLIDEIN_ResourceName) || !stringListIMember(TARGET.GLIDEIN_ResourceName, UNDESIRED_Sites)",
    'versionGE(split(TARGET.CondorVersion)[1], "10.0.0") && TARGET.Cpus > 1',
    # experiments
    f"stringListMember(TARGET.GLIDEIN_CMSSite, DESIRED_Sites) && {_FITS} && {_TUNED}",
    'regexp("^T2_(US|DE)_", TARGET.GLIDEIN_CMSSite) && (REQUIRED_OS == "any" || TARGET.REQUIRED_OS =?= MY.REQUIRED_OS)',
    '(NumJobStarts < 3 || TARGET.Machine =!= LastRemoteHost) && member(TARGET.FedschedRegion, {"eu-west", "us-east"})',
    "TARGET.FedschedEndAt =?= undefined || TARGET.FedschedEndAt - time() > MaxWallTimeMins * 60",
    # accelerators
    'TARGET.GPUs >= RequestGPUs && regexp("A100|H100", TARGET.GPUs_DeviceName) && TARGET.GPUs_GlobalMemoryMb > 40000',
    "TARGET.GPUs_Capability >= 7.5 ?: false",
    "RequestGPUs > 0 ? TARGET.GPUs_Capability >= 8.0 : TARGET.GPUs =?= 0",
    # order, absence, types
    "TARGET.NoSuchThing && TARGET.Cpus < 0",
    "TARGET.NoSuchThing || TARGET.Cpus > 0",
    "TARGET.Cpus > 0 || error",
    "error || TARGET.Cpus > 0",
    "TARGET.Cpus < 0 && error",
    '(TARGET.Memory > "much") || true',
    'true || (TARGET.Memory > "much")',
    "!(TARGET.NoSuchThing == 5)",
    "(TARGET.NoSuchThing == 5) is undefined",
    'TARGET.Arch =?= "x86_64"',
    'TARGET.Arch == "x86_64"',
    "TARGET.Cpus",
    "TARGET.Memory - 4096",
    "Memory >= 4096",
    "MY.Memory >= 4096",
    "Wanted",
    "",
]
STARTS = [
    *("true", "true", "TARGET.RequestCpus <= Cpus", '(TARGET.RequestMemory <= MY.Memory) && State =!= "Owner"'),
    *('stringListMember(TARGET.Owner, "alice,bob")', "TARGET.RequestGPUs > 0 || MY.GPUs =?= 0", "TARGET.JobPrio > 0"),
    *('regexp("^alice", TARGET.User) && Start', "undefined", "MY.FedschedEndAt > CurrentTime + 600"),
]


def job(rng: random.Random) -> Pairs:
    ad = {
        "RequestCpus": str(rng.choice([1, 1, 4, 8])),
        "RequestMemory": rng.choice(["512", "2000", "4 * 1024", "ifThenElse(MemoryUsage > 0, MemoryUsage, 1024)"]),
        "RequestDisk": str(rng.choice([1000, 2_000_000])),
        "RequestGPUs": str(rng.choice([0, 0, 1])),
        "RequireGPUs": rng.choice(["Capability >= 7.0", "GlobalMemoryMb > 20000", "undefined"]),
        "Owner": rng.choice(['"alice"', '"carol"']),
        "User": rng.choice(['"alice@b"', '"carol@b"']),
        "FileSystemDomain": '"b.org"',
        "UNDESIRED_Sites": '"PSC, SU"',
        "DESIRED_Sites": rng.choice(['"T2_US_UCSD,T2_DE_DESY"', '"T1_US_FNAL"']),
        "REQUIRED_OS": rng.choice(['"rhel8"', '"rhel9"']),
        "NumJobStarts": str(rng.randint(0, 5)),
        "LastRemoteHost": '"slot1@n1"',
        "MaxWallTimeMins": str(rng.choice([10, 2000])),
        "Wanted": "TARGET.Cpus >= RequestCpus && Deep",
        "Deep": rng.choice(["TARGET.Deeper", "true", "1/0"]),
        "JobPrio": str(rng.randint(-1, 2)),
        "Requirements": rng.choice(REQUIREMENTS),
    }
    return _some(rng, ad)


def slot(rng: random.Random) -> Pairs:
    cuda = rng.choice(["7.5", "8.0", "9.0"])
    ad = {
        "Arch": rng.choice(['"X86_64"', '"X86_64"', '"aarch64"']),
        "OpSys": '"LINUX"',
        "OpSysMajorVer": str(rng.choice([7, 8, 9])),
        "Cpus": str(rng.choice([1, 8, 64])),
        "Memory": str(rng.choice([1024, 4096, 65_536])),
        "Disk": str(rng.choice([500, 10_000_000])),
        "GPUs": str(rng.choice([0, 0, 2])),
        "GPUs_DeviceName": rng.choice(['"NVIDIA A100-SXM4-80GB"', '"Tesla T4"']),
        "GPUs_GlobalMemoryMb": str(rng.choice([16_000, 81_920])),
        "GPUs_Capability": cuda,
        "AvailableGPUs": f"{{ [ Capability = {cuda}; GlobalMemoryMb = 40000 ], [ Capability = 6.1 ] }}",
        "HasFileTransfer": rng.choice(["true", "true", "false"]),
        "HasSingularity": "true",
        "HAS_SINGULARITY": "HasSingularity",
        "HAS_CVMFS_oasis_opensciencegrid_org": rng.choice(["true", '"yes"']),
        "CVMFS_oasis_REVISION": str(rng.choice([24_999, 26_000])),
        "GLIDEIN_Site": rng.choice(['"SU"', '"PSC"', '"UCSD"']),
        "GLIDEIN_ResourceName": "GLIDEIN_Site",
        "GLIDEIN_CMSSite": rng.choice(['"T2_US_UCSD"', '"T2_DE_DESY"', '"T1_US_FNAL"']),
        "REQUIRED_OS": rng.choice(['"any"', '"rhel8"']),
        "Machine": rng.choice(['"slot1@n1"', '"bad7.site"', '"n2.site"']),
        "CondorVersion": rng.choice(['"$CondorVersion: 23.9.6 2024-08-01 $"', '"$CondorVersion: 9.0.1 2021-01-01 $"']),
        "FileSystemDomain": rng.choice(['"b.org"', '"other.org"']),
        "FedschedRegion": rng.choice(['"eu-west"', '"ap-south"']),
        "FedschedEndAt": str(rng.choice([1_000_900, 1_400_000])),
        "State": '"Unclaimed"',
        "Start": rng.choice(["true", "TARGET.RequestMemory < 3000"]),
        "Deeper": rng.choice(["true", "MY.Cpus > 4"]),
        "Requirements": rng.choice(STARTS),
    }
    return _some(rng, ad)


def _some(rng: random.Random, ad: Pairs) -> Pairs:
    """One attribute in eight is missing; none has no text."""
    return {name: text for name, text in ad.items() if text and (rng.random() > 0.12 or name == "Requirements")}


def pairs(seed: int, count: int) -> list[tuple[Pairs, Pairs]]:
    rng = random.Random(seed)  # noqa: S311 - ads, not secrets
    return [(job(rng), slot(rng)) for _ in range(count)]
