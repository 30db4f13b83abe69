"""What a hub's admission does with Jobs: labelled ones are ours or refused with their field, others are not met."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fedsched.config.settings import JobRules, MemberFile, QueuePrincipal
from fedsched.matchmaker.model import MemberTerms, Principal
from fedsched.matchmaker.model.names import JOB_MANAGER, LABEL_GROUP, LABEL_QUEUE, NOTE_RERUN
from tests.kube.hub_site import QUEUE, Hub, job, jobs, until
from tests.laboratory.kubeapi import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.kube
POD = "spec.template.spec"


def container(name: str, **more: Any) -> dict[str, Any]:
    """One that does nothing."""
    return {"name": name, "image": "registry.example/work:1", **more}


def test_a_job_with_nothing_but_the_label_is_ours_and_the_hub_itself_leaves_it_alone(hub: Hub, space: str) -> None:
    """D5: the label is all that a user adds."""
    made = hub.create(space, "ours")
    assert made["spec"]["managedBy"] == JOB_MANAGER
    hub.create(space, "theirs", labels={})
    pods = f"/api/v1/namespaces/{space}/pods"
    until(lambda: hub.admin.items(pods), "a pod of the other Job")  # made later: ours would have had its pod before
    assert {pod["metadata"]["labels"]["job-name"] for pod in hub.admin.items(pods)} == {"theirs"}
    assert hub.job(space, "ours")["status"] == {}


REFUSED: dict[str, dict[str, Any]] = {
    f"metadata.labels[{LABEL_QUEUE}]": {"labels": {LABEL_QUEUE: "nope"}},
    f"metadata.labels[{LABEL_GROUP}]": {"labels": {LABEL_QUEUE: "hub", LABEL_GROUP: "chemistry"}},
    f"metadata.annotations[{NOTE_RERUN}]": {"notes": {NOTE_RERUN: "always"}},
    f"{POD}.hostNetwork": {"hostNetwork": True},
    f"{POD}.hostPID": {"hostPID": True},
    f"{POD}.serviceAccountName": {"serviceAccountName": "admin"},
    f"{POD}.runtimeClassName": {"runtimeClassName": "kata"},
    f"{POD}.volumes[1].hostPath": {
        "volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/etc"}}]
    },
    f"{POD}.volumes[0]": {"volumes": [{"name": "n", "nfs": {"server": "x", "path": "/"}}]},
    f"{POD}.nodeName": {"nodeName": "n-1"},
    f"{POD}.schedulerName": {"schedulerName": "mine"},
    f"{POD}.affinity.podAntiAffinity": {
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}
                ]
            }
        }
    },
    f"{POD}.schedulingGates": {"schedulingGates": [{"name": "example.org/wait"}]},
    f"{POD}.containers[1].securityContext.privileged": {
        "containers": [container("a"), container("b", securityContext={"privileged": True})]
    },
    f"{POD}.initContainers[0].securityContext.privileged": {
        "initContainers": [container("i", securityContext={"privileged": True})]
    },
    "spec.managedBy": {"managedBy": "kueue.example/multi"},
}


@pytest.mark.parametrize("field", REFUSED)
def test_what_no_member_could_run_is_refused_when_it_is_made_with_its_field(hub: Hub, space: str, field: str) -> None:
    assert f"{field}: " in hub.refused(job(space, "bad", **REFUSED[field]))


def test_a_job_with_all_that_a_plain_one_may_have_is_taken(hub: Hub, space: str) -> None:
    term = {"matchExpressions": [{"key": "gpu", "operator": "Exists"}]}
    needs = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    volumes = [
        {"name": "scratch", "emptyDir": {}},
        {"name": "none-said"},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "set", "configMap": {"name": "settings"}},
        {"name": "pass", "secret": {"secretName": "pass"}},
        {"name": "all", "projected": {"sources": [{"secret": {"name": "pass"}}]}},
    ]
    made = hub.create(
        space,
        "plain",
        volumes=volumes,
        affinity={"nodeAffinity": needs},
        serviceAccountName="default",
        initContainers=[container("first", securityContext={"privileged": False})],
    )
    assert made["spec"]["managedBy"] == JOB_MANAGER


def test_a_job_without_the_label_never_meets_the_policies(hub: Hub, space: str) -> None:
    for number, (field, given) in enumerate(REFUSED.items()):
        if "labels" not in given and field != "spec.managedBy":
            made = hub.create(space, f"free-{number}", **given, labels={LABEL_GROUP: "chemistry"})
            assert "managedBy" not in made["spec"]


def test_a_group_that_the_namespace_may_name_is_taken_whatever_its_case(hub: Hub, space: str) -> None:
    for number, group in enumerate(("physics.atlas", "BIO", f"guest.{space}")):
        hub.create(space, f"g-{number}", labels={LABEL_QUEUE: "hub", LABEL_GROUP: group})


def test_the_labels_stay_as_the_job_was_made_and_others_may_change(hub: Hub, space: str) -> None:
    hub.create(space, "ours", labels={LABEL_QUEUE: "hub", LABEL_GROUP: "bio"})
    hub.create(space, "plain", labels={})
    for labels in ({LABEL_QUEUE: None}, {LABEL_QUEUE: "else"}, {LABEL_GROUP: "physics.x"}, {LABEL_GROUP: None}):
        with pytest.raises(ApiError, match="stays as the Job was made"):
            hub.admin.patch(jobs(space, "ours"), {"metadata": {"labels": labels}})
    with pytest.raises(ApiError, match="when it is made, not later"):
        hub.admin.patch(jobs(space, "plain"), {"metadata": {"labels": {LABEL_QUEUE: "hub"}}})
    hub.admin.patch(jobs(space, "ours"), {"metadata": {"labels": {"step": "2"}}, "spec": {"suspend": True}})
    hub.admin.patch(jobs(space, "plain"), {"metadata": {"labels": {"step": "2"}}})


def test_a_job_of_a_thousand_containers_is_judged_in_time(hub: Hub, space: str) -> None:
    many = [container(f"c{number}") for number in range(1_000)]
    tried = hub.admin.request("POST", jobs(space) + "?dryRun=All", job(space, "many", containers=many))
    assert tried["spec"]["managedBy"] == JOB_MANAGER
    many[999]["securityContext"] = {"privileged": True}
    assert f"{POD}.containers[999].securityContext.privileged: " in hub.refused(job(space, "bad", containers=many))


@pytest.fixture
def cleared(hub: Hub) -> Iterator[None]:
    """What a test takes away stands again afterwards."""
    yield
    hub.join()


@pytest.mark.usefixtures("cleared")
def test_without_the_policy_that_makes_it_ours_a_labelled_job_is_refused_and_no_other(hub: Hub, space: str) -> None:
    hub.admin.delete(hub.policy("mutating", "binding"))

    def refused() -> str:
        try:
            hub.admin.request("POST", jobs(space) + "?dryRun=All", job(space, "late"))
        except ApiError as error:
            return str(error)
        return ""

    assert "spec.managedBy: " in until(refused, "the policy's end is noticed")
    hub.create(space, "plain", labels={})
    hub.create(space, "careful", managedBy=JOB_MANAGER)


def test_a_hub_of_named_namespaces_takes_jobs_of_these_alone_and_reads_nothing_else(
    fresh_control_plane: Callable[[str], Any], tmp_path: Path
) -> None:

    plane = fresh_control_plane("named")
    for name in ("physics", "bio", "other"):
        plane.namespace(name)
    rules = (QueuePrincipal("phys*", user_label="example.org/user"), *QUEUE.principals)
    hub = Hub(plane, tmp_path, msgspec.structs.replace(QUEUE, namespaces=("bio", "physics"), principals=rules))
    member = MemberFile(MemberTerms("m1"), "fedsched", Path("m1.json"), jobs=JobRules(copied=("Secret",)))
    states, _ = hub.join((member,))
    assert set(states.values()) == {"ok"}
    assert "metadata.labels[example.org/user]: is missing" in hub.refused(job("physics", "a"))
    assert "does not take Jobs of this namespace" in hub.refused(job("other", "a"))
    role = hub.admin.get(f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{hub.name}")
    assert "jobs" not in {resource for rule in role["rules"] for resource in rule["resources"]}
    volumes = [{"name": "s", "secret": {"secretName": "pass"}}, {"name": "c", "configMap": {"name": "settings"}}]
    hub.create("physics", "a", labels={LABEL_QUEUE: "hub", "example.org/user": "anna"}, volumes=volumes)
    hub.create("bio", "b")
    for kind, name in (("Secret", "pass"), ("ConfigMap", "settings")):
        hub.admin.create({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "physics"}})
    with hub.reading() as queue:
        until(lambda: [one.id for one in queue.latest().jobs] == ["bio/b", "physics/a"], "both namespaces")
        one = queue.latest().jobs[1]
        assert one.principal == Principal("guest.physics", "anna")
        bundle = queue.bundle(one.id, one.uid, ("Secret",))
        assert bundle is not None
        assert [(each["kind"], each["metadata"]["name"]) for each in bundle.copies] == [("Secret", "pass")]
        other = queue.bundle(one.id, one.uid, ("ConfigMap",))
        assert other is not None
        assert other.copies == ()  # no member copies these: no right
