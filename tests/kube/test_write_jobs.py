"""Startd Jobs at a real API server under our narrow rights: created once, never mixed up, ended by their uid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from fedsched.matchmaker.model import AdoptOwner, CreateObject, DeleteObject, DeletePod, OrderLeave, Placement, names
from tests.kube.write_builders import NOW, worker
from tests.kube.write_site import GUESTS, Site

if TYPE_CHECKING:
    from tests.laboratory.controlplane import ControlPlane

OTHER_UID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def site(control_plane: ControlPlane, namespace: str) -> Site:
    return Site(control_plane, namespace)


def test_a_placement_is_one_job_however_often_it_is_created(site: Site) -> None:
    create = CreateObject("m1", site.placement())
    first, second = site.act(create), site.act(create)
    site.actuator = site.new_actuator()
    third = site.act(create)
    assert [first.result, second.result, third.result] == ["done", "done", "done"]
    assert first.uid == second.uid == third.uid != ""
    assert (first.what, second.what) == ("", "it existed already")
    assert site.names_of(site.batch) == {"fs-p-0001"}


def test_our_pod_runs_where_only_restricted_pods_may(site: Site) -> None:
    site.nodes()
    site.place()
    pod = site.pod(lambda each: each["status"]["phase"] == "Running")
    assert pod["spec"]["priorityClassName"] == GUESTS
    assert pod["spec"]["priority"] == -1000
    assert pod["spec"]["preemptionPolicy"] == "Never"
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {
        "cpu": "2",
        "memory": "4224Mi",
        "ephemeral-storage": "10496Mi",
    }


def test_the_record_on_the_job_is_the_placement(site: Site) -> None:
    site.place()
    notes = site.admin.get(f"{site.batch}/fs-p-0001")["metadata"]["annotations"]
    assert msgspec.json.decode(notes[names.NOTE_PLACEMENT], type=Placement) == site.placement()


def test_a_namesake_that_is_not_ours_is_left_alone(site: Site) -> None:
    theirs = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "fs-p-0001", "namespace": site.namespace},
        "spec": {
            "suspend": True,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "theirs"}]}},
        },
    }
    site.admin.create(theirs)
    before = site.admin.wait(f"{site.batch}/fs-p-0001", lambda job: (job or {}).get("status", {}).get("conditions"))
    outcome = site.act(CreateObject("m1", site.placement()))
    assert outcome.result == "conflict"
    assert outcome.what.startswith("foreign-object: Job fs-p-0001")
    assert site.admin.get(f"{site.batch}/fs-p-0001") == before


def test_our_own_job_that_was_written_differently_is_no_success(site: Site) -> None:
    site.place()
    outcome = site.act(CreateObject("m1", site.placement(idle_s=301)))
    assert (outcome.result, "written differently" in outcome.what) == ("conflict", True)


def test_a_job_that_is_still_being_deleted_is_tried_again(site: Site) -> None:
    made = site.place()
    hold = {"metadata": {"finalizers": ["test.fedsched.io/hold"]}}
    site.admin.patch(f"{site.batch}/fs-p-0001", hold)
    assert site.act(DeleteObject("m1", "p-0001", "fs-p-0001", "Job", made.uid)).result == "done"
    assert site.act(CreateObject("m1", site.placement())).result == "retry"
    site.admin.patch(f"{site.batch}/fs-p-0001", {"metadata": {"finalizers": None}})


def test_a_quota_that_refuses_is_named(site: Site) -> None:
    spec = {"hard": {"count/jobs.batch": "0"}}
    metadata = {"name": "no-jobs-here", "namespace": site.namespace}
    site.admin.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": spec})
    site.admin.wait(
        f"{site.core}/resourcequotas/no-jobs-here", lambda quota: (quota or {}).get("status", {}).get("hard")
    )
    outcome = site.act(CreateObject("m1", site.placement()))
    assert outcome.result == "refused"
    assert outcome.what.startswith("quota no-jobs-here: ")


def test_what_admission_adds_to_a_job_is_read_back(site: Site) -> None:
    group = "admissionregistration.k8s.io/v1"
    rule = {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
    expression = '[JSONPatch{op: "add", path: "/spec/template/spec/nodeSelector/put-by", value: "site"}]'
    policy = {
        "apiVersion": group,
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": site.label},
        "spec": {
            "matchConstraints": {
                "resourceRules": [rule],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}},
            },
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
        },
    }
    binding = {
        "apiVersion": group,
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": site.label},
        "spec": {"policyName": site.label},
    }
    for plural, body in (("mutatingadmissionpolicies", policy), ("mutatingadmissionpolicybindings", binding)):
        site.admin.request("POST", f"/apis/{group}/{plural}", body)
    number = iter(range(1000, 2000))

    def facts() -> str:
        return site.place(id=f"p-{next(number)}").what

    try:
        assert site.until(facts, "a mutated job") == "spec.template.spec.nodeSelector.put-by added: site"
    finally:
        for plural in ("mutatingadmissionpolicybindings", "mutatingadmissionpolicies"):
            site.admin.delete(f"/apis/{group}/{plural}/{site.label}")


def test_a_pod_that_changed_meanwhile_survives_its_withdrawal(site: Site) -> None:
    site.place()
    seen = site.pod()["metadata"]
    site.admin.patch(f"{site.core}/pods/{seen['name']}", {"metadata": {"annotations": {"it": "moved"}}})
    late = DeletePod("m1", "p-0001", seen["name"], seen["uid"], resource_version=seen["resourceVersion"])
    assert site.act(late).result == "conflict"
    now = site.pod()["metadata"]
    assert (now["uid"], now.get("deletionTimestamp")) == (seen["uid"], None)


def test_a_withdrawn_pod_is_not_replaced_and_its_job_can_be_cleared(site: Site) -> None:
    made = site.place()
    seen = site.pod(lambda each: any(c["type"] == "PodScheduled" for c in each["status"].get("conditions", [])))[
        "metadata"
    ]
    gone = site.act(DeletePod("m1", "p-0001", seen["name"], seen["uid"], resource_version=seen["resourceVersion"]))
    assert gone.result == "done"
    job = site.admin.wait(f"{site.batch}/fs-p-0001", lambda each: _condition(each, "Failed"))
    assert job is not None
    assert job["status"].get("active", 0) == 0
    assert site.act(DeletePod("m1", "p-0001", seen["name"], seen["uid"])).result == "gone"
    assert site.act(DeleteObject("m1", "p-0001", "fs-p-0001", "Job", made.uid)).result == "done"
    site.until(lambda: not site.pods() and not site.names_of(site.batch), "an empty namespace")


def test_a_running_placement_that_is_deleted_leaves_nothing(site: Site) -> None:
    site.nodes()
    made = site.place()
    site.pod(lambda each: each["status"]["phase"] == "Running")
    assert site.act(DeleteObject("m1", "p-0001", "fs-p-0001", "Job", made.uid)).result == "done"
    site.until(lambda: not site.pods() and not site.names_of(site.batch), "an empty namespace")
    assert site.act(DeleteObject("m1", "p-0001", "fs-p-0001", "Job", made.uid)).result == "gone"


def test_the_leave_order_stands_on_the_pod(site: Site) -> None:
    site.nodes()
    site.place()
    seen = site.pod(lambda each: each["status"]["phase"] == "Running")["metadata"]
    assert site.act(OrderLeave("m1", "p-0001", seen["name"], seen["uid"], NOW + 5)).result == "done"
    assert site.pod()["metadata"]["annotations"][names.NOTE_LEAVE] == "1800000005"


def test_nothing_is_changed_or_deleted_under_another_uid(site: Site) -> None:
    site.place()
    pod = site.pod()["metadata"]["name"]
    before = (site.admin.get(f"{site.batch}/fs-p-0001")["metadata"]["uid"], site.pod()["metadata"]["uid"])
    changes = (
        OrderLeave("m1", "p-0001", pod, OTHER_UID, NOW),
        DeletePod("m1", "p-0001", pod, OTHER_UID),
        DeleteObject("m1", "p-0001", "fs-p-0001", "Job", OTHER_UID),
        AdoptOwner("m1", "p-0001", "fs-p-0001", "Job", OTHER_UID),
    )
    assert [site.act(change).result for change in changes] == ["conflict"] * 4
    assert (site.admin.get(f"{site.batch}/fs-p-0001")["metadata"]["uid"], site.pod()["metadata"]["uid"]) == before
    assert names.NOTE_LEAVE not in site.pod()["metadata"].get("annotations", {})


def test_a_hard_kill_is_refused(site: Site) -> None:
    site.place()
    seen = site.pod()["metadata"]
    assert site.act(DeletePod("m1", "p-0001", seen["name"], seen["uid"], grace_s=0)).result == "refused"
    assert site.pod()["metadata"]["uid"] == seen["uid"]


def test_a_job_that_lost_its_anchor_is_given_the_present_one(site: Site) -> None:
    made = site.place()
    site.admin.patch(f"{site.batch}/fs-p-0001", {"metadata": {"ownerReferences": None}})
    assert site.act(AdoptOwner("m1", "p-0001", "fs-p-0001", "Job", made.uid)).result == "done"
    owners = site.admin.get(f"{site.batch}/fs-p-0001")["metadata"]["ownerReferences"]
    assert [each["uid"] for each in owners] == [site.anchor_uid]


def test_a_change_for_another_member_is_refused(site: Site) -> None:
    assert site.act(CreateObject("m2", site.placement(member="m2"))).result == "refused"
    assert site.names_of(site.batch) == set()


def test_a_token_that_is_not_accepted_is_a_credential_problem(site: Site) -> None:
    site.transport.swap(msgspec.structs.replace(site.credential("fedsched"), token="not-a-token"))
    outcome = site.actuator.act(CreateObject("m1", site.placement()), worker(), 7, NOW)
    assert (outcome.result, outcome.what) == ("retry", "unauthorized")


def _condition(job: dict[str, object] | None, kind: str) -> bool:
    conditions = ((job or {}).get("status") or {}).get("conditions") or []  # type: ignore[attr-defined]  # decoded JSON
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)
