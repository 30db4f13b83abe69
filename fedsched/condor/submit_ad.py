"""The job ad that condor_submit would make of a submit file's commands, as far as placing reads it; pure.

HTCondor's own bindings read the file but make no ads without a schedd; the rules here are condor_submit's, as its
`-dry-run` shows them (a test compares).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator

from fedsched.condor.principals import Origin
from fedsched.matchmaker import classad

Commands = Callable[..., str]
"""The value of the first of these commands that the file has, macros expanded; "" where it has none."""

KIB = 1024
NO_RANK = "0.0"
"""What condor_submit writes where nothing is said."""
_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_AMOUNT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([KMGT]?)B?", re.IGNORECASE)
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,30})://")
_STATED = {"request_cpus", "request_memory", "request_disk", "request_gpus"}
_NOTHING = {"undefined", "", "none"}
UNIVERSES = {"": "vanilla", "5": "vanilla", "vanilla": "vanilla", "container": "container", "docker": "docker"}
"""Universes whose jobs startds run."""

_PLAIN = {
    "AllowedJobDuration": ("allowed_job_duration", "AllowedJobDuration"),
    "AllowedExecuteDuration": ("allowed_execute_duration", "AllowedExecuteDuration"),
    "JobPrio": ("priority", "prio"),
    "Rank": ("rank", "preferences"),
}
"""Attributes whose text is the command's as it stands."""
_GPU_BOUNDS = (
    ("gpus_minimum_capability", "GPUsMinCapability", "Capability >= GPUsMinCapability"),
    ("gpus_maximum_capability", "GPUsMaxCapability", "Capability <= GPUsMaxCapability"),
    ("gpus_minimum_memory", "GPUsMinMemory", "GlobalMemoryMb >= GPUsMinMemory"),
    ("gpus_minimum_runtime", "GPUsMinRuntime", "MaxSupportedVersion >= GPUsMinRuntime"),
)


class RefusedFileError(ValueError):
    """A submit file that says nothing that could be placed: one line, and what to do."""


def attributes(given: Commands, names: Iterable[str], origin: Origin, user: str) -> dict[str, str]:
    """The ad of one job as (name, ClassAd text). names: of all commands. user: "name@domain" of who submits."""
    keys = tuple(names)
    ad = {"Rank": NO_RANK} | {name: text for name, commands in _PLAIN.items() if (text := given(*commands))}
    ad |= _requests(given, keys)
    ad |= _image(given)
    ad |= _account(given, user)
    if limits := given("concurrency_limits"):
        ad["ConcurrencyLimits"] = classad.quote(limits.lower())
    if text := given("max_materialize", "max_idle"):
        ad["JobMaterializeLimit"] = text
    ad |= {name[3:]: given(name) for name in keys if name[:3].lower() == "my."}
    ad.setdefault("FileSystemDomain", classad.quote(origin.schedd))
    ad["Requirements"] = _requirements(given, ad)
    return {name: text for name, text in ad.items() if text}


def amount(text: str, unit: str) -> str:
    """A size as condor_submit writes it: whole numbers of `unit` (K or M), which a bare number counts; else as is."""
    match = _AMOUNT.fullmatch(text)
    if not match:
        return text
    power = _UNITS[match[2].upper() or unit] - _UNITS[unit]
    return str(math.ceil(float(match[1]) * KIB**power))


def _requests(given: Commands, keys: tuple[str, ...]) -> dict[str, str]:
    found = {
        "RequestCpus": given("request_cpus", "RequestCpus") or "1",
        "RequestMemory": amount(given("request_memory", "RequestMemory"), "M"),
        "RequestDisk": amount(given("request_disk", "RequestDisk"), "K"),
        "RequestGPUs": given("request_gpus", "RequestGPUs"),
    }
    for name in keys:
        if name.lower().startswith("request_") and name.lower() not in _STATED:
            found[f"Request{name[8:]}"] = given(name)
    bounds = [
        (name, _bound(command, given(command)), clause) for command, name, clause in _GPU_BOUNDS if given(command)
    ]
    found |= {name: text for name, text, _ in bounds}
    wanted = [text for text in (given("require_gpus"), *(clause for *_, clause in bounds)) if text]
    if wanted:
        found["RequireGPUs"] = " && ".join(wanted)
    return {name: text for name, text in found.items() if text.lower() not in _NOTHING}


def _bound(command: str, text: str) -> str:
    return amount(text, "M") if command.endswith("memory") else text


def universe(given: Commands) -> str:
    """vanilla, container or docker. Raises RefusedFileError for jobs that no startd runs."""
    said = given("universe", "JobUniverse").lower()
    found = UNIVERSES.get(said)
    if found is None:
        raise RefusedFileError(
            f"universe {said[:40]}: its jobs do not run on startds; only vanilla, container and docker do"
        )
    if found == "vanilla" and given("container_image"):
        return "container"
    return "docker" if found == "vanilla" and given("docker_image") else found


def _image(given: Commands) -> dict[str, str]:
    kind = universe(given)
    if kind == "container":
        return {"ContainerImage": classad.quote(given("container_image")), "WantContainer": "true"}
    if kind == "docker":
        return {"DockerImage": classad.quote(given("docker_image")), "WantDocker": "true"}
    return {}


def _account(given: Commands, user: str) -> dict[str, str]:
    owner = user.partition("@")[0]
    found = {"User": classad.quote(user), "Owner": classad.quote(owner)}
    group, charged = given("accounting_group"), given("accounting_group_user") or owner
    if group:
        found |= {
            "AcctGroup": classad.quote(group),
            "AcctGroupUser": classad.quote(charged),
            "AccountingGroup": classad.quote(f"{group}.{charged}"),
        }
    return found


def _requirements(given: Commands, ad: dict[str, str]) -> str:
    """The user's own, then what condor_submit adds where they do not speak of it."""
    own = given("requirements")
    read = _read(own)
    parts = [f"({own})"] if own else []
    parts += _platform(universe(given), ad, read)
    parts += _sizes(ad, read)
    parts.append(_transfer(given, read))
    return " && ".join(part for part in parts if part)


def _read(own: str) -> frozenset[str]:
    """What the user's expression reads, in lower case, whatever it says of the side. Raises RefusedFileError."""
    if not own:
        return frozenset()
    try:
        return frozenset(name.rpartition(".")[2].lower() for name in classad.references(own))
    except classad.Refused as refused:
        raise RefusedFileError(f"requirements: {refused}") from None


def _platform(kind: str, ad: dict[str, str], read: frozenset[str]) -> Iterator[str]:
    if "arch" not in read:
        yield '(TARGET.Arch == "X86_64")'
    if kind == "docker":
        yield "TARGET.HasDocker"
    elif kind == "container":
        yield "TARGET.HasContainer"
        yield _image_kind(classad.unquote(ad["ContainerImage"]))
    elif not any(name.startswith("opsys") for name in read):
        yield '(TARGET.OpSys == "LINUX")'


def _image_kind(image: str) -> str:
    if image.startswith("docker:"):
        return "TARGET.HasDockerURL"
    return "TARGET.HasSIF" if image.endswith(".sif") or image.startswith("oras:") else "TARGET.HasSandboxImage"


def _sizes(ad: dict[str, str], read: frozenset[str]) -> Iterator[str]:
    if "requestdisk" not in read:
        yield "(TARGET.Disk >= RequestDisk)"
    if "requestmemory" not in read and ad.get("RequestMemory") != "0":
        yield "(TARGET.Memory >= RequestMemory)"
    if "requestcpus" not in read and ad.get("RequestCpus") not in {None, "0", "1"}:
        yield "(TARGET.Cpus >= RequestCpus)"
    if "RequestGPUs" in ad and "requestgpus" not in read:
        matching = "countMatches(MY.RequireGPUs,TARGET.AvailableGPUs)" if "RequireGPUs" in ad else "TARGET.GPUs"
        yield f"({matching} >= RequestGPUs)"
    known = {"RequestCpus", "RequestMemory", "RequestDisk", "RequestGPUs"}
    for name in sorted(ad):
        if name.startswith("Request") and name not in known and name.lower() not in read:
            yield f"(TARGET.{name[7:]} >= {name})"


def _transfer(given: Commands, read: frozenset[str]) -> str:
    shared = "(TARGET.FileSystemDomain == MY.FileSystemDomain)"
    how = given("should_transfer_files").upper()
    if "hasfiletransfer" in read or "filesystemdomain" in read:
        return ""
    if how == "NO":
        return shared
    schemes = sorted({scheme.lower() for scheme in _URL.findall(given("transfer_input_files", "TransferInput"))})
    methods = [f'stringListIMember("{scheme}",TARGET.HasFileTransferPluginMethods)' for scheme in schemes]
    by_us = " && ".join(["TARGET.HasJobTransferPlugins", *methods] if methods else ["TARGET.HasFileTransfer"])
    return f"({by_us})" if how == "YES" else f"({shared} || ({by_us}))"
