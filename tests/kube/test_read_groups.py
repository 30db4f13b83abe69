"""Grouping, naming, quotas and constraints, without a cluster."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.config.settings import DeclaredGroup
from fedsched.kube.amounts import Amounts
from fedsched.kube.attributes import FLAGS, FROM_LABELS, NUMBERS, attributes, gpu_fact
from fedsched.kube.declared import declared_groups
from fedsched.kube.node_groups import Grouper
from fedsched.kube.nodes import Node
from fedsched.kube.pods import seat
from fedsched.kube.quota import quota
from fedsched.kube.wire import PodItem, QuotaItem
from fedsched.matchmaker.model import Quota, Taint
from fedsched.matchmaker.resources import Resources
from tests.kube.reading import member

GIBI = 2**30


def node(
    name: str, cpu: int = 8, memory: int = 32, taints: tuple[Taint, ...] = (), zone: str = "", **labels: str
) -> Node:
    """A ready node."""
    named = {"kubernetes.io/hostname": name, **({"topology.kubernetes.io/zone": zone} if zone else {}), **labels}
    shape = Amounts(cpu * 1000, memory * GIBI, 100 * GIBI, 110)
    return Node(name, tuple(sorted(named.items())), taints, shape, usable=True, cordoned=False)


def test_alike_means_shape_labels_that_matter_and_lasting_taints() -> None:
    batch = Taint("batch", "", "NoSchedule")
    nodes = [
        node("a", team="x"),
        node("b", team="y"),
        node("c", taints=(Taint("node.kubernetes.io/not-ready", "", "NoSchedule"),)),
        node("d", cpu=16),
        node("e", taints=(batch,)),
        node("f", zone="z1"),
    ]
    groups = Grouper(member("ns")).groups(nodes)
    assert sorted([n.name for n in g.nodes] for g in groups) == [["a", "b", "c"], ["d"], ["e"], ["f"]]
    assert len({g.name for g in groups}) == 4


def test_small_differences_of_memory_make_no_new_group() -> None:
    shape = Amounts(8000, 31 * GIBI + 5, 99 * GIBI, 110)
    other = msgspec.structs.replace(node("b"), allocatable=shape._replace(memory=31 * GIBI + 700_000_000))
    (group,) = Grouper(member("ns")).groups([msgspec.structs.replace(node("a"), allocatable=shape), other])
    assert group.name == "c8-m31"


@given(st.permutations([node(f"n{i}", cpu=2 ** (i % 3), zone=f"z{i % 2}") for i in range(12)]))
def test_names_and_selectors_do_not_depend_on_the_order_of_observation(nodes: list[Node]) -> None:
    groups = Grouper(member("ns")).groups(nodes)
    again = Grouper(member("ns")).groups(sorted(nodes, key=lambda n: n.name))
    assert [(g.name, g.selector) for g in groups] == [(g.name, g.selector) for g in again]


def test_a_name_stays_when_a_namesake_appears_and_goes() -> None:
    grouper = Grouper(member("ns"))
    (first,) = grouper.groups([node("b", zone="z2")])
    both = grouper.groups([node("a", zone="z1"), node("b", zone="z2")])
    assert {g.name for g in both if g.nodes[0].name == "b"} == {first.name}
    assert len({g.name for g in both}) == 2


def test_a_selector_picks_its_group_and_no_other_where_labels_allow() -> None:
    nodes = [node(f"s{i}", cpu=4, pool="small") for i in range(3)] + [
        node(f"b{i}", cpu=32, pool="big") for i in range(3)
    ]
    for group in Grouper(member("ns")).groups(nodes):
        picked = [n.name for n in nodes if set(group.selector) <= set(n.labels)]
        assert picked == [n.name for n in group.nodes]


def test_without_a_telling_label_a_single_node_is_picked_by_its_name() -> None:
    groups = Grouper(member("ns")).groups([node("a"), node("b", cpu=16)])
    assert {g.selector for g in groups} == {(("kubernetes.io/hostname", "a"),), (("kubernetes.io/hostname", "b"),)}


def constrained(**spec: Any) -> Any:
    """A site pod that cannot be scheduled."""
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "lastTransitionTime": "2026-11-21T04:12:09Z",
    }
    item = {
        "metadata": {"name": "p", "namespace": "x"},
        "spec": spec,
        "status": {"phase": "Pending", "conditions": [condition]},
    }
    found = seat(msgspec.json.decode(msgspec.json.encode(item), type=PodItem), "ours")
    assert found is not None
    assert found.stuck is not None
    return found.stuck


@pytest.mark.parametrize(
    ("phase", "counts"), [("Succeeded", False), ("Failed", False), ("Running", True), ("Pending", True)]
)
def test_only_pods_that_are_not_over_take_room(phase: str, counts: bool) -> None:  # noqa: FBT001 - a table
    item = {"metadata": {"name": "p"}, "spec": {"nodeName": "n"}, "status": {"phase": phase}}
    assert (seat(msgspec.json.decode(msgspec.json.encode(item), type=PodItem), "ours") is not None) is counts


def rule(key: str, operator: str, *values: str) -> dict[str, Any]:
    """A required node affinity of one rule."""
    terms = [{"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ({}, True),
        ({"nodeSelector": {"pool": "a"}}, True),
        ({"nodeSelector": {"pool": "b"}}, False),
        ({"affinity": rule("pool", "In", "a", "c")}, True),
        ({"affinity": rule("pool", "NotIn", "a")}, False),
        ({"affinity": rule("none", "NotIn", "a")}, True),
        ({"affinity": rule("pool", "Exists")}, True),
        ({"affinity": rule("pool", "DoesNotExist")}, False),
        ({"affinity": rule("rank", "Gt", "4")}, True),
        ({"affinity": rule("rank", "Lt", "5")}, False),
        ({"affinity": rule("rank", "Gt", "x")}, False),
        (
            {
                "affinity": {
                    "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}}
                }
            },
            False,
        ),
    ],
)
def test_a_site_pod_goes_where_its_selector_and_affinity_say(spec: dict[str, Any], allowed: bool) -> None:  # noqa: FBT001 - a table
    assert constrained(**spec).allows(node("n", pool="a", rank="5")) is allowed


@pytest.mark.parametrize(
    ("toleration", "allowed"),
    [
        ({"key": "k", "operator": "Exists"}, True),
        ({"key": "k", "value": "v"}, True),
        ({"key": "k", "value": "w"}, False),
        ({"operator": "Exists"}, True),
        ({"key": "k", "operator": "Exists", "effect": "NoExecute"}, False),
    ],
)
def test_a_site_pod_goes_where_it_tolerates_the_taints(toleration: dict[str, Any], allowed: bool) -> None:  # noqa: FBT001 - a table
    tainted = node("n", taints=(Taint("k", "v", "NoSchedule"),))
    assert constrained(tolerations=[toleration]).allows(tainted) is allowed


@pytest.mark.parametrize(
    ("spec", "applies"),
    [
        ({}, True),
        ({"scopes": ["BestEffort"]}, False),
        ({"scopes": ["NotBestEffort"]}, True),
        ({"scopes": ["Terminating"]}, False),
        (
            {
                "scopeSelector": {
                    "matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]
                }
            },
            False,
        ),
        (
            {
                "scopeSelector": {
                    "matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["low"]}]
                }
            },
            True,
        ),
    ],
)
def test_only_quotas_that_speak_of_our_pods_count(spec: dict[str, Any], applies: bool) -> None:  # noqa: FBT001 - a table
    item = msgspec.convert({"metadata": {"name": "q"}, "spec": {"hard": {"cpu": "4"}, **spec}}, QuotaItem)
    assert (quota(item, (), "low") is not None) is applies


def test_declared_groups_have_no_more_room_than_quota_leaves() -> None:
    shape = Resources(8000, 32768, 10240, pods=110)
    file = member("ns", visibility="namespace", groups=(DeclaredGroup("g", allocatable=shape, nodes=3),))
    left = Quota("q", Resources(5000, 2**30), frozenset({"cpu_milli"}))
    (group,) = declared_groups(file, (left,), (), (), ())
    assert group.declared
    assert [(room.free, room.nodes) for room in group.rooms] == [(msgspec.structs.replace(shape, cpu_milli=5000), 3)]


def test_every_attribute_stands_in_the_documentation_and_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs" / "matching.md").read_text()
    table = page.partition("<!-- attributes -->")[2].partition("<!-- end -->")[0]
    documented = set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))
    file = member("ns", region="r", zone="z", latitude=1.0, longitude=2.0)
    labels = {keys[0]: "1" for keys in (*FROM_LABELS.values(), *NUMBERS.values())} | dict.fromkeys(
        FLAGS.values(), "true"
    )
    storage = (("FedschedCsiDrivers", '""'), ("FedschedStorageClasses", '""'))
    facts = (*storage, *gpu_fact("nvidia.com/gpu"))
    assert {name for name, _ in attributes(labels, file, facts)} == documented


@given(st.text(max_size=30))
def test_no_label_value_breaks_out_of_its_classad_string(value: str) -> None:
    found = dict(attributes({"nvidia.com/gpu.product": value}, member("ns")))
    text = found.get("GPUs_DeviceName", '""')
    assert re.fullmatch(r'"(?:[^"\\]|\\["\\])*"', text)
