"""ClassAd attributes of a node group, from node labels and the member's file; docs/matching.md has the same table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from fedsched.config.settings import MemberFile

GPU_PRODUCT = ("nvidia.com/gpu.product", "amd.com/gpu.product-name", "cloud.google.com/gke-accelerator")
GPU_MEMORY = ("nvidia.com/gpu.memory",)
FROM_LABELS: dict[str, tuple[str, ...]] = {
    "FedschedInstanceType": ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type"),
    "FedschedZone": ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"),
    "FedschedRegion": ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"),
    "FedschedNodePool": (
        "cloud.google.com/gke-nodepool",
        "eks.amazonaws.com/nodegroup",
        "agentpool",
        "karpenter.sh/nodepool",
    ),
    "FedschedCpuVendor": ("feature.node.kubernetes.io/cpu-model.vendor_id",),
    "FedschedCpuFamily": ("feature.node.kubernetes.io/cpu-model.family",),
    "FedschedCpuModel": ("feature.node.kubernetes.io/cpu-model.id",),
    "GPUs_DeviceName": GPU_PRODUCT,
}
"""Attribute -> labels that give it as a string; the first that a node has."""
NUMBERS: dict[str, tuple[str, ...]] = {
    "GPUs_GlobalMemoryMb": GPU_MEMORY,
    "GPUs_Capability_Major": ("nvidia.com/gpu.compute.major",),
}
"""Attribute -> labels that give it as a whole number."""
FLAGS: dict[str, str] = {
    "has_avx": "feature.node.kubernetes.io/cpu-cpuid.AVX",
    "has_avx2": "feature.node.kubernetes.io/cpu-cpuid.AVX2",
    "has_avx512f": "feature.node.kubernetes.io/cpu-cpuid.AVX512F",
    "has_sse4_1": "feature.node.kubernetes.io/cpu-cpuid.SSE4",
}
"""Attribute -> label that makes it true by being "true"."""
ARCH = ("kubernetes.io/arch", "beta.kubernetes.io/arch")
OS = ("kubernetes.io/os", "beta.kubernetes.io/os")
ARCHES = {"amd64": "X86_64", "arm64": "aarch64", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}
MATTERING = frozenset(
    [*ARCH, *OS, *FLAGS.values()] + [label for labels in (*FROM_LABELS.values(), *NUMBERS.values()) for label in labels]
)
"""Labels that make nodes different in kind."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def text(value: str) -> str:
    """A ClassAd string."""
    clean = "".join(c for c in value if c.isprintable())
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def attributes(
    labels: Mapping[str, str],
    member: MemberFile,
    facts: Iterable[tuple[str, str]] = (),
    declared: Iterable[tuple[str, str]] = (),
) -> tuple[tuple[str, str], ...]:
    """(name, ClassAd text), sorted. Later wins: labels, member, facts, the file's attributes, the declared group's."""
    found = _of_labels(labels)
    found.update(_of_member(member))
    found.update(facts)
    found.update(member.terms.attributes)
    found.update(declared)
    return tuple(sorted(found.items()))


def gpu_fact(gpu_resource: str) -> tuple[tuple[str, str], ...]:
    """Which resource counts as GPUs, for users' Jobs, which ask for one by its name; nothing where there is none."""
    return (("FedschedGpuResource", text(gpu_resource)),) if gpu_resource else ()


def _of_labels(labels: Mapping[str, str]) -> dict[str, str]:
    arch, system = _first(labels, ARCH) or "amd64", _first(labels, OS) or "linux"
    found = {"Arch": text(ARCHES.get(arch, arch)), "OpSys": text(system.upper())}
    for name, keys in FROM_LABELS.items():
        if value := _first(labels, keys):
            found[name] = text(value)
    for name, keys in NUMBERS.items():
        value = _first(labels, keys)
        if value.isascii() and value.isdigit() and len(value) < 12:
            found[name] = value
    found.update({name: "true" for name, key in FLAGS.items() if labels.get(key) == "true"})
    return found


def _of_member(member: MemberFile) -> dict[str, str]:
    found = {"FedschedMember": text(member.name)}
    for name, value in (("FedschedRegion", member.region), ("FedschedZone", member.zone)):
        if value:
            found[name] = text(value)
    for name, number in (("FedschedLatitude", member.latitude), ("FedschedLongitude", member.longitude)):
        if number is not None:
            found[name] = repr(float(number))
    for key, value in member.labels:
        name = "FedschedLabel_" + re.sub(r"[^A-Za-z0-9_]", "_", key)
        if _NAME.fullmatch(name):
            found[name] = text(value)
    return found


def _first(labels: Mapping[str, str], keys: Iterable[str]) -> str:
    return next((labels[key] for key in keys if labels.get(key)), "")
