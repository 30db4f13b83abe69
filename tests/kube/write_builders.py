"""Builders of placements, member files and worker bundles for tests of writing; no API server here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fedsched.config.settings import MemberFile, Overrides
from fedsched.kube.manifests import Owner
from fedsched.kube.worker_bundle import WorkerBundle
from fedsched.matchmaker.model import MemberTerms, Placement, Principal
from fedsched.matchmaker.resources import Resources

FEDERATION = "fed-test"
NOW = 1_800_000_000.0
OWNER = Owner(FEDERATION, "00000000-0000-0000-0000-000000000001")
TOKEN = "head.body.signature-of-the-first-token"


def placement(**changed: Any) -> Placement:
    """A startd Job of two cores for alice on member m1; 10 GiB disk."""
    values: dict[str, Any] = {
        "id": "p-0001",
        "member": "m1",
        "node_group": "c8-m32",
        "form": "startd-job",
        "pool": "pool-a",
        "schedd": "schedd-b",
        "principal": Principal("physics.hep", "alice@pool-b"),
        "class_key": "abc123",
        "size": Resources(cpu_milli=2000, memory_mib=4096, disk_mib=10_240, pods=1),
        "created_at": NOW,
        "expires_at": NOW + 50_000,
        "lifetime_s": 43_200,
        "retire_s": 1800,
        "idle_s": 300,
        "first_refusal_s": 300,
        "epoch": 7,
    }
    return Placement(**values | changed)


def member(namespace: str = "fedsched", terms: dict[str, Any] | None = None, **overrides: Any) -> MemberFile:
    """Member m1; keyword arguments are fields of its overrides."""
    wanted = {"image": "docker.io/fedsched/startd:lab"} | overrides
    return MemberFile(
        terms=MemberTerms(name="m1", forms=("startd-job", "startd-daemonset"), **terms or {}),
        namespace=namespace,
        credential=Path("m1.json"),
        overrides=Overrides(**wanted),
    )


def worker(**changed: Any) -> WorkerBundle:
    """A bundle with the files that must be there, as short as can be."""
    start = "#!/bin/sh\nexec condor_master -f\n"
    values: dict[str, Any] = {
        "files": {"start": start, "alive": "exit 0\n", "condor_config": "DAEMON_LIST = MASTER STARTD\n"},
        "token": TOKEN,
        "token_expires_at": NOW + 86_400,
        "collector": "10.255.3.1:9618",
    }
    return WorkerBundle(**values | changed)
