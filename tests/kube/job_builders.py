"""Builders of users' Jobs, of the placements that are their copies, and of members' files; no API server here."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from fedsched.config.settings import Federation, JobRules, MemberFile
from fedsched.kube.jobs.bundle import JobBundle
from fedsched.kube.jobs.copy import Beside, copy_of
from fedsched.kube.jobs.demand import demand_of
from fedsched.kube.jobs.fields import read
from fedsched.kube.jobs.spec import JobSpec, Refusal
from fedsched.matchmaker.model import DemandClass, JobTerms, MemberTerms, Placement, Principal
from fedsched.matchmaker.resources import Resources
from tests.kube import write_builders
from tests.kube.write_builders import OWNER

UID = "3f9f6c1e-0000-4000-8000-000000000001"
ALICE = Principal("physics.hep", "alice@lab.example")
SETTINGS = Federation(id="fed-test", assumed_length_s=7200)
GENEROUS = Resources(cpu_milli=64_000, memory_mib=2**20, disk_mib=2**21, gpus=8, pods=1)
Object = dict[str, Any]


def job(pod: Object | None = None, container: Object | None = None, **spec: Any) -> Object:
    """Alice's Job `fit` in namespace `lab`; fields of its pod, of its only container, and of its spec."""
    only = {"name": "main", "image": "images.example/fit:1", "command": ["fit"]} | (container or {})
    inside = {"restartPolicy": "Never", "containers": [only]} | (pod or {})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "fit", "namespace": "lab", "uid": UID},
        "spec": {"template": {"spec": inside}} | spec,
    }


def noted(**notes: str) -> Object:
    """A Job with annotations of ours by their last word."""
    made = job()
    made["metadata"]["annotations"] = {f"fedsched.io/{key}": text for key, text in notes.items()}
    return made


def sent(manifest: Object) -> Object:
    """As it arrives: nothing shared with what the test keeps."""
    return copy.deepcopy(manifest)


def spec_of(manifest: Object) -> JobSpec:
    """What is read of a Job that must be taken."""
    found = read(sent(manifest))
    assert isinstance(found, JobSpec), str(found)
    return found


def problems_of(manifest: Object) -> list[str]:
    """Paths of what is wrong with a Job that must be refused."""
    found = read(sent(manifest))
    assert isinstance(found, Refusal), "it was taken"
    return [problem.path for problem in found.problems]


def demanded(manifest: Object) -> DemandClass:
    """Its class in the queue `hub`."""
    return demand_of(spec_of(manifest), ALICE, "hub", SETTINGS)


def placement(manifest: Object | None = None, **changed: Any) -> Placement:
    """The copy of a Job: large enough for any, one hour long."""
    metadata = (manifest or job())["metadata"]
    values: dict[str, Any] = {
        "form": "job",
        "pool": "",
        "schedd": "hub",
        "size": GENEROUS,
        "lifetime_s": 3600,
        "job": f"{metadata['namespace']}/{metadata['name']}",
        "job_uid": metadata["uid"],
    }
    return write_builders.placement(**values | changed)


def member(namespace: str = "fedsched", rules: JobRules | None = None, **overrides: Any) -> MemberFile:
    """Member m1 that takes users' Jobs, with these rules for them; keyword arguments are fields of its overrides."""
    made = write_builders.member(namespace, **overrides)
    rules = rules or JobRules()
    jobs = JobTerms(**{name: getattr(rules, name) for name in JobTerms.__struct_fields__})
    terms = MemberTerms(name="m1", forms=("startd-job", "job"), jobs=jobs)
    return msgspec.structs.replace(made, terms=terms, jobs=rules)


def copied(manifest: Object, file: MemberFile | None = None, beside: Beside | None = None, **changed: Any) -> Object:
    """The copy's manifest."""
    where = placement(manifest, **changed)
    return copy_of(spec_of(manifest), where, file or member(), OWNER, beside or Beside())


def pod_of(manifest: Object, file: MemberFile | None = None, **changed: Any) -> Object:
    """The copy's pod spec."""
    found: Object = copied(manifest, file, **changed)["spec"]["template"]["spec"]
    return found


def bundle(manifest: Object, *copies: Object) -> JobBundle:
    """As a queue gives it."""
    metadata = manifest["metadata"]
    return JobBundle(f"{metadata['namespace']}/{metadata['name']}", metadata["uid"], sent(manifest), copies)


def config_map(name: str, **data: str) -> Object:
    """A ConfigMap of the queue's namespace."""
    head = {"name": name, "namespace": "lab", "labels": {"their": "own"}, "resourceVersion": "7", "uid": f"u-{name}"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": head, "data": data}


def secret(name: str, type_: str = "Opaque", **data: str) -> Object:
    """A Secret of the queue's namespace; values in base64."""
    head = {"name": name, "namespace": "lab", "annotations": {"kubernetes.io/service-account.name": "default"}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": head, "type": type_, "data": data}
