"""What a Job demands: its class and its key, the request of a pod as it will be enforced, who is charged for it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fedsched.config.settings import QueuePrincipal, QueueSettings
from fedsched.kube.amounts import resources
from fedsched.kube.jobs.demand import demand_of
from fedsched.kube.jobs.principals import principal_of
from fedsched.kube.jobs.sizes import sized
from fedsched.kube.jobs.spec import Problem
from fedsched.matchmaker import classad
from fedsched.matchmaker.model import JobLength, Principal, names
from fedsched.matchmaker.model.jobs import JobShape, Toleration
from fedsched.matchmaker.resources import Resources
from tests.kube.job_builders import ALICE, SETTINGS, demanded, job, noted, spec_of

Object = dict[str, Any]


def asks(requests: Object | None = None, limits: Object | None = None, **more: Any) -> Object:
    """Fields of a container with these resources."""
    found = {key: value for key, value in (("requests", requests), ("limits", limits)) if value is not None}
    return {"resources": found} | more


def needs(pod: Object | None = None, container: Object | None = None) -> Resources:
    """What one pod asks, not rounded."""
    return resources(sized(spec_of(job(pod, container)).pod).needs, up=True)


def beside(name: str, requests: Object | None = None, **more: Any) -> Object:
    return {"name": name, "image": "i"} | (asks(requests) if requests else {}) | more


WHOLE = {"cpu": "2", "memory": "4Gi", "ephemeral-storage": "10Gi"}


def test_requests_are_what_one_pod_asks() -> None:
    assert demanded(job(container=asks(WHOLE))).request == Resources(2000, 4096, 10_240, 0, 1)


def test_limits_count_where_there_are_no_requests() -> None:
    assert needs(container=asks(None, WHOLE)) == Resources(2000, 4096, 10_240, 0, 1)


def test_memory_and_disk_that_may_be_used_are_promised() -> None:
    """CPU above the request is only a wish; memory above it would end the container."""
    limits = {"cpu": "8", "memory": "6Gi", "ephemeral-storage": "20Gi"}
    found = demanded(job(container=asks(WHOLE, limits)))
    assert found.request == Resources(2000, 6144, 20_480, 0, 1)
    assert "memory of main: its limit counts, 6144 MiB" in found.floors


def test_a_job_that_names_nothing_gets_a_core_and_little_else_and_it_is_said() -> None:
    found = demanded(job())
    assert found.request == Resources(1000, 512, 1024, 0, 1)
    assert found.floors == (
        "cpu is not stated: 1 cores assumed",
        "ephemeral-storage is not stated: 1024 MiB assumed",
        "memory is not stated: 512 MiB assumed",
    )


def test_a_limit_of_nothing_is_not_taken_for_no_limit() -> None:
    assert needs(container=asks({"cpu": "0", "memory": "0"})) == Resources(1000, 512, 1024, 0, 1)


def test_containers_add_up_and_init_containers_count_where_they_are_larger() -> None:
    small = {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}
    pod = {
        "initContainers": [
            beside("early", {"cpu": "3", "memory": "1Gi", "ephemeral-storage": "1Gi"}),
            beside("side", {"cpu": "500m", "memory": "256Mi", "ephemeral-storage": "1Gi"}, restartPolicy="Always"),
            beside("late", {"cpu": "3", "memory": "1Gi", "ephemeral-storage": "1Gi"}),
        ],
        "containers": [beside("a", small), beside("b", small)],
    }
    # late runs beside side: 3.5 cores; both main ones with side: 2.5 cores, 2.25 GiB, 3 GiB of disk
    assert needs(pod) == Resources(3500, 2304, 3072, 0, 1)


def test_an_init_container_that_names_nothing_asks_no_more_than_the_main_ones() -> None:
    pod = {"initContainers": [beside("first")]}
    assert needs(pod, asks(WHOLE)) == Resources(2000, 4096, 10_240, 0, 1)


def test_what_is_stated_for_the_pod_as_a_whole_is_shared_out() -> None:
    stated = asks({"cpu": "1", "memory": "1Gi"})
    pod = {"resources": {"requests": {"cpu": "4", "memory": "8Gi"}}, "containers": [beside("a") | stated, beside("b")]}
    assert needs(pod).cpu_milli == 4000
    assert needs(pod).memory_mib == 8192
    assert [each["cpu"] for each in sized(spec_of(job(pod)).pod).main] == [1000, 3000]


def test_bounded_scratch_volumes_fit_into_what_is_assumed() -> None:
    pod = {
        "volumes": [
            {"name": "work", "emptyDir": {"sizeLimit": "20Gi"}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
        ]
    }
    assert needs(pod) == Resources(1000, 1536, 21_504, 0, 1)


def test_amounts_are_rounded_up_so_that_alike_jobs_are_one_class() -> None:
    one, other = (demanded(job(container=asks({"cpu": "1", "memory": amount}))) for amount in ("1100Mi", "1200Mi"))
    assert one.request == other.request == Resources(1000, 1280, 1024, 0, 1)
    assert one.key == other.key


def test_gpus_are_asked_for_by_their_name() -> None:
    found = demanded(job(container=asks(None, {"nvidia.com/gpu": "2", "example.org/fpga": "1"})))
    assert (found.request.gpus, found.request.other) == (2, (("example.org/fpga", 1),))
    assert matches(found, FedschedGpuResource='"nvidia.com/gpu"')
    assert matches(found)
    assert not matches(found, FedschedGpuResource='"amd.com/gpu"')


def matches(demand: Any, labels: str = "[ ]", **attributes: str) -> bool:
    """Whether a place with these labels (a ClassAd record) and attributes meets its requirements."""
    place = classad.Ad([("NodeLabels", labels), ("Requirements", "true"), *attributes.items()], 0.0)
    mine = classad.Ad([("Requirements", demand.requirements or "true")], 0.0)
    return classad.matches(mine, place, 0.0)


def affinity(*terms: list[Object]) -> Object:
    required = {"nodeSelectorTerms": [{"matchExpressions": term} for term in terms]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}


def rule(operator: str, *values: str) -> Object:
    return {"key": "example.org/kind", "operator": operator} | ({"values": list(values)} if values else {})


@pytest.mark.parametrize(
    ("terms", "label", "expected"),
    [
        ([[rule("In", "a", "b")]], "b", True),
        ([[rule("In", "a", "b")]], "B", False),
        ([[rule("In", "a", "b")]], None, False),
        ([[rule("NotIn", "a")]], "b", True),
        ([[rule("NotIn", "a")]], "a", False),
        ([[rule("NotIn", "a")]], None, True),
        ([[rule("Exists")]], "", True),
        ([[rule("Exists")]], None, False),
        ([[rule("DoesNotExist")]], None, True),
        ([[rule("DoesNotExist")]], "x", False),
        ([[rule("Gt", "40")]], "80", True),
        ([[rule("Gt", "40")]], "9", False),
        ([[rule("Gt", "40")]], "many", False),
        ([[rule("Gt", "-5")]], None, False),
        ([[rule("Lt", "40")]], "9", True),
        ([[rule("Lt", "40")]], "40", False),
        ([[rule("In", "a")], [rule("In", "b")]], "b", True),
        ([[rule("Exists"), rule("NotIn", "b")]], "b", False),
        ([[]], "a", False),
    ],
)
def test_required_node_affinity_means_what_it_means_to_kubernetes(
    *, terms: list[list[Object]], label: str | None, expected: bool
) -> None:
    labels = "[ ]" if label is None else f"[ 'example.org/kind' = \"{label}\"; ]"
    assert matches(demanded(job(affinity(*terms))), labels) is expected


def test_a_node_selector_and_the_annotation_must_both_hold() -> None:
    made = noted(requirements="TARGET.Memory > 4096 || TARGET.Fast")
    made["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "ssd"}
    found = demanded(made)
    assert matches(found, '[ disk = "ssd" ]', Memory="8192", Fast="false")
    assert not matches(found, '[ disk = "hdd" ]', Memory="8192", Fast="true")
    assert not matches(found, '[ disk = "ssd" ]', Memory="2048", Fast="false")


def test_preferred_affinity_is_no_requirement() -> None:
    weighed = [{"weight": 1, "preference": {"matchExpressions": [rule("Exists")]}}]
    node = {"preferredDuringSchedulingIgnoredDuringExecution": weighed}
    assert demanded(job({"affinity": {"nodeAffinity": node}})).requirements == ""


def test_the_class_says_all_that_a_member_must_know() -> None:
    pod = {
        "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 5}],
        "hostNetwork": True,
        "imagePullSecrets": [{"name": "pull"}],
    }
    found = demanded(job(pod, parallelism=3, completions=9))
    assert found.job == JobShape(
        namespace="lab",
        pods=3,
        images=("images.example/fit:1",),
        tolerations=(Toleration("gpu", "Exists", "", "NoSchedule"),),
        objects=(("Secret", "pull"),),
        grants=("hostNetwork spec.template.spec.hostNetwork",),
    )
    assert (found.pool, found.schedd, found.principal, found.idle) == ("", "hub", ALICE, 0)


@pytest.mark.parametrize(
    ("deadline", "length"),
    [
        (None, JobLength(7200, "assumed")),
        (8, JobLength(10, "activeDeadlineSeconds")),
        (100, JobLength(120, "activeDeadlineSeconds")),
        (3601, JobLength(7200, "activeDeadlineSeconds")),
        (2**31 - 1, JobLength(366 * 86_400, "activeDeadlineSeconds")),
    ],
)
def test_a_jobs_own_deadline_is_its_length(deadline: int | None, length: JobLength) -> None:
    asked: Object = {} if deadline is None else {"activeDeadlineSeconds": deadline}
    assert demanded(job(**asked)).length == length


@pytest.mark.parametrize(
    "other",
    [
        job(container=asks({"cpu": "2"})),
        job({"nodeSelector": {"a": "b"}}),
        job({"tolerations": [{"key": "a", "operator": "Exists"}]}),
        job({"volumes": [{"name": "v", "configMap": {"name": "c"}}]}),
        job({"hostNetwork": True}),
        job(container={"image": "images.example/other:1"}),
        job(parallelism=2, completions=2),
        job(activeDeadlineSeconds=60),
        noted(gang="true"),
        noted(rerun="never"),
        noted(rank="TARGET.Memory"),
    ],
)
def test_jobs_that_differ_in_what_matters_are_different_classes(other: Object) -> None:
    assert demanded(other).key != demanded(job()).key


def test_jobs_that_differ_in_what_does_not_matter_are_one_class() -> None:
    other = job(container={"command": ["another"], "env": [{"name": "SEED", "value": "2"}]}, backoffLimit=3)
    other["metadata"]["name"] = "fit-2"
    assert demanded(other) == demanded(job())


def test_another_principal_or_queue_is_another_class() -> None:
    spec, mine = spec_of(job()), demanded(job())
    assert demand_of(spec, Principal("a", "b"), "hub", SETTINGS).key != mine.key
    assert demand_of(spec, ALICE, "local", SETTINGS).key != mine.key


def test_what_the_gate_refuses_of_an_expression_is_said() -> None:
    spec = msgspec.structs.replace(spec_of(job()), requirements="random() > 0.5")
    assert demand_of(spec, ALICE, "hub", SETTINGS).gate


RULES = QueueSettings(
    "hub",
    principals=(
        QueuePrincipal("reana-*", user_label="reana/user", user_domain="lab.example", groups=("physics.*",)),
        QueuePrincipal("astro", groups=("astro", "astro.*"), default="astro"),
    ),
)


def charged(namespace: str, **labels: str) -> Principal | Problem:
    wanted = {"group": names.LABEL_GROUP, "user": "reana/user"}
    return principal_of(namespace, {wanted[key]: text for key, text in labels.items()}, RULES)


def test_the_first_rule_for_a_namespace_says_who_is_charged() -> None:
    assert charged("reana-a", user="alice", group="physics.hep") == Principal("physics.hep", "alice@lab.example")
    assert charged("reana-a", user="alice") == Principal("guest.reana-a", "alice@lab.example")
    assert charged("astro") == Principal("astro", "astro")
    assert charged("elsewhere") == Principal("guest.elsewhere", "elsewhere")


@pytest.mark.parametrize(
    "group", ["astro", "physics", "physics.hep.", "physics..x", "physics.*", "Physics hep", "a" * 64]
)
def test_a_claim_to_anothers_group_is_refused_by_the_labels_path(group: str) -> None:
    found = charged("reana-a", user="alice", group=group)
    assert isinstance(found, Problem)
    assert found.path == "metadata.labels[fedsched.io/group]"


def test_the_group_that_is_charged_anyway_may_be_named_and_without_a_rule_no_other() -> None:
    assert charged("elsewhere", group="guest.elsewhere") == charged("elsewhere")
    assert isinstance(charged("elsewhere", group="guest.another"), Problem)


def test_a_job_without_the_label_that_names_its_user_is_refused() -> None:
    found = charged("reana-a")
    assert isinstance(found, Problem)
    assert found.path == "metadata.labels[reana/user]"
