"""What a user of the hub may not have is refused with its field, by whichever path it comes, and reaches no member."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import pytest

from tests.federation.harness import eventually
from tests.federation.hub import PRINCIPALS, HubCluster, JobFederation, condition, copies, users_job
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.kubeapi import ApiError

POD = "spec.template.spec"
MAIN = f"{POD}.containers[0]"
VOLUME = f"{POD}.volumes[0]"
APPARMOR = "container.apparmor.security.beta.kubernetes.io/main"
CMS = PRINCIPALS.replace("atlas", "cms")
Thing = dict[str, Any]


def volume(**source: Any) -> Thing:
    """A pod with one volume."""
    return {"pod": {"volumes": [{"name": "v", **source}]}}


def context(**fields: Any) -> Thing:
    """A container's security context."""
    return {"container": {"securityContext": fields}}


CASES: Mapping[str, tuple[str, Thing]] = {
    "privileged": (f"{MAIN}.securityContext.privileged", context(privileged=True)),
    "capability": (f"{MAIN}.securityContext.capabilities", context(capabilities={"add": ["SYS_ADMIN"]})),
    "escalation": (f"{MAIN}.securityContext.allowPrivilegeEscalation", context(allowPrivilegeEscalation=True)),
    "root": (f"{MAIN}.securityContext.runAsUser", context(runAsUser=0)),
    "selinux": (
        f"{POD}.securityContext.seLinuxOptions",
        {"pod": {"securityContext": {"seLinuxOptions": {"level": "s0"}}}},
    ),
    "host-path": (f"{VOLUME}.hostPath", volume(hostPath={"path": "/etc"})),
    "host-network": (f"{POD}.hostNetwork", {"pod": {"hostNetwork": True}}),
    "host-pid": (f"{POD}.hostPID", {"pod": {"hostPID": True}}),
    "account": (f"{POD}.serviceAccountName", {"pod": {"serviceAccountName": "fedsched"}}),
    "token": (f"{VOLUME}.projected", volume(projected={"sources": [{"serviceAccountToken": {"path": "t"}}]})),
    "node": (f"{POD}.nodeName", {"pod": {"nodeName": "real-1"}}),
    "apparmor": (f"metadata.annotations[{APPARMOR}]", {"template": {"annotations": {APPARMOR: "unconfined"}}}),
    "forged": ("metadata.labels[fedsched.io/placement]", {"template": {"labels": {"fedsched.io/placement": "x-1"}}}),
    "group": ("metadata.labels[fedsched.io/group]", {"labels": {"fedsched.io/group": "group_cms"}}),
    "expression": (
        "metadata.annotations[fedsched.io/requirements]",
        {"notes": {"fedsched.io/requirements": "random() > 0"}},
    ),
    "terms": (
        "metadata.annotations[fedsched.io/requirements]",
        {"notes": {"fedsched.io/requirements": "true && " * 9999 + "true"}},
    ),
    "huge": ("spec", {"container": {"args": ["x" * 100_000] * 11}}),
}
"""Name -> (what the refusal names, what is wrong with the Job)."""


def bad(name: str, wrong: Thing) -> Thing:
    """A Job that is right but for that."""
    job = users_job(name, "true", labels=wrong.get("labels", {}), pod=wrong.get("pod", {}))
    job["spec"]["template"]["spec"]["containers"][0] |= wrong.get("container", {})
    job["spec"]["template"]["metadata"] = wrong.get("template", {})
    job["metadata"]["annotations"] |= wrong.get("notes", {})
    return job


class Site(NamedTuple):
    """A running federation. policies: whether the hub's admission refuses, or only who reads the queue."""

    fed: JobFederation
    hub: HubCluster
    planes: dict[str, ControlPlane]
    policies: bool


@pytest.fixture(scope="module", params=["admission", "reader"])
def site(request: pytest.FixtureRequest, lab: Laboratory, jobs_only: Callable[..., JobFederation]) -> Iterator[Site]:
    with lab.part() as part:
        planes = part.control_planes("i1")
        hub = HubCluster(part.control_plane("ihub", kwok=False))
        planes["i1"].add_fake_nodes("n", 2, cpu=8)
        hub.plane.namespace("cms")
        fed = jobs_only(request.param)
        policies = request.param == "admission"
        fed.add_queue(hub, PRINCIPALS + CMS, policies=policies)
        fed.join_for_jobs(planes["i1"])
        fed.start()
        yield Site(fed, hub, planes, policies)
        fed.stop()


def created(site: Site, job: Thing) -> str:
    """Its uid; a user of a hub without our policies names who manages it."""
    if not site.policies:
        job["spec"]["managedBy"] = "fedsched.io/hub"
    return site.hub.create(job)


def refused(site: Site, job: Thing) -> str:
    """What the hub's API server says of a Job that it does not take; "" for one that it took."""
    try:
        created(site, job)
    except ApiError as error:
        if error.status not in {413, 422}:
            raise
        return str(error.body["message"])
    return ""


def verdict_of(hub: HubCluster, name: str) -> str:
    """What a Job in the hub says of its refusal, or of why no member may take it."""
    job = hub.job(name)
    failed = condition(job, "Failed")
    if failed:
        assert failed["reason"] == "Refused", failed
        return str(failed["message"])
    placed = [c for c in job.get("status", {}).get("conditions") or [] if c["type"] == "fedsched.io/Placed"]
    return str(placed[0].get("message")) if placed and placed[0]["status"] == "False" else ""


@pytest.mark.timeout(600)
def test_each_forbidden_thing_is_refused_with_its_field_and_reaches_no_member(site: Site) -> None:
    fine = created(site, users_job("fine", "true"))
    said: dict[str, str] = {}
    for name, (_, wrong) in CASES.items():
        if refusal := refused(site, bad(name, wrong)):
            said[name] = f"at creation: {refusal}"
    for name, (field, _) in CASES.items():
        if name not in said:
            told = eventually(f"{name} has its verdict", partial(verdict_of, site.hub, name), 30)
            said[name] = f"in its status: {told}"
        print(f"{name}: {said[name][:230]}")
        assert field in said[name]
    site.hub.wait("fine", "Complete")
    there = {job["metadata"]["labels"]["fedsched.io/job-uid"] for job in site.fed.jobs(site.planes["i1"])}
    assert there <= {fine}
    pods = site.planes["i1"].api.items("/api/v1/namespaces/fedsched/pods")
    assert {pod["metadata"]["labels"]["fedsched.io/job-uid"] for pod in pods} <= {fine}
    assert site.policies == any(text.startswith("at creation: ") for text in said.values())


@pytest.mark.timeout(120)
def test_what_a_member_never_gets_is_not_even_kept_by_the_hubs_api_server(site: Site) -> None:
    more = {"name": "debug", "image": "any", "targetContainerName": "main"}
    with pytest.raises(ApiError, match="ephemeral containers not allowed"):
        created(site, bad("ephemeral", {"pod": {"ephemeralContainers": [more]}}))


@pytest.mark.timeout(300)
def test_jobs_of_one_name_in_two_namespaces_and_one_after_the_other_stay_apart(site: Site) -> None:
    mine = created(site, users_job("same", "true"))
    theirs = created(site, users_job("same", "true", namespace="cms"))
    cms = HubCluster(site.hub.plane, "cms")
    site.hub.wait("same", "Complete")
    cms.wait("same", "Complete")
    site.hub.plane.kubectl("delete", "job", "same", "-n", "atlas")
    again = created(site, users_job("same", "true"))
    site.hub.wait("same", "Complete")
    assert len({mine, theirs, again}) == 3
    found = [name for uid in (theirs, again) for name in copies(site.planes, uid)]
    assert len(found) == len(set(found))
    eventually("what is over and deleted goes", lambda: not copies(site.planes, mine), 60)
