"""Nodes that hold the image already, and groups of which no node exists yet (S9), read without a cluster."""

from __future__ import annotations

import msgspec
import pytest

from fedsched.config.settings import DeclaredGroup
from fedsched.kube.images import holds, normal
from fedsched.kube.nodes import Node, node
from fedsched.kube.survey import ClusterFacts, Survey
from fedsched.kube.wire import NodeItem
from fedsched.matchmaker.model import NodeGroup
from fedsched.matchmaker.resources import Resources
from tests.kube.reading import member

IMAGE = "registry.site.example:5000/fedsched/startd:24.0"
POOL = (("pool", "burst"),)
KINDS = ("own pods", "jobs", "daemonsets", "configmaps", "resourcequotas", "limitranges", "events", "nodes", "pods")


def item(name: str, *images: str, **labels: str) -> Node:
    """A ready node as the API server writes it, with these images."""
    held = [{"names": ["docker.io/library/other:1", image], "sizeBytes": 5} for image in images]
    text = {
        "metadata": {"name": name, "uid": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "status": {
            "allocatable": {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "100Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}],
            "images": held,
        },
    }
    return node(msgspec.json.decode(msgspec.json.encode(text), type=NodeItem), normal(IMAGE))


def groups(*nodes: Node, declared: tuple[DeclaredGroup, ...] = ()) -> dict[str, NodeGroup]:
    file = member("ns", groups=declared)
    file = msgspec.structs.replace(file, terms=msgspec.structs.replace(file.terms, image=IMAGE))
    survey = Survey(file)
    for one in nodes:
        survey.node_moved(None, one)
    view, _ = survey.view({kind: {} for kind in KINDS}, ClusterFacts())
    return {group.name: group for group in view.node_groups}


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("index.docker.io/library/busybox", "docker.io/library/busybox:latest"),
        ("fedsched/startd:lab", "docker.io/fedsched/startd:lab"),
        ("localhost/startd", "localhost/startd:latest"),
        ("h:5000/a/b:1", "h:5000/a/b:1"),
        ("ghcr.io/a/b:1@sha256:00ff", "ghcr.io/a/b@sha256:00ff"),
    ],
)
def test_an_image_has_one_full_name_however_it_is_written(written: str, full: str) -> None:
    assert normal(written) == full
    assert normal(full) == full


def test_a_node_holds_an_image_when_one_of_its_names_is_the_same_in_full() -> None:
    listed = msgspec.Raw(msgspec.json.encode([{"names": ["docker.io/fedsched/startd:lab"]}, {"names": None}, {}]))
    assert holds(listed, normal("fedsched/startd:lab"))
    assert not holds(listed, normal("fedsched/startd:old"))
    assert not holds(listed, normal("ghcr.io/fedsched/startd:lab"))
    assert not holds(listed, "")
    assert not holds(msgspec.Raw(b"null"), normal("startd"))
    assert not holds(msgspec.Raw(b'{"startd": 1}'), normal("startd"))


def test_a_group_holds_the_image_when_most_of_its_usable_nodes_do() -> None:
    most = groups(item("a", IMAGE), item("b", IMAGE), item("c"))
    few = groups(item("a", IMAGE), item("b", "x/y:1"), item("c"))
    half = groups(item("a", IMAGE), item("b"))
    assert [group.images for group in most.values()] == [(IMAGE,)]
    assert [group.images for group in (*few.values(), *half.values())] == [(), ()]


def test_a_declared_group_without_any_node_is_a_template_of_what_could_come() -> None:
    shape = Resources(16_000, 65_536, 100_000, pods=100)
    burst = DeclaredGroup("burst", POOL, allocatable=shape, autoscaled=True, can_grow_to=5, grow_s=240)
    found = groups(item("a"), declared=(burst,))["burst"]
    assert (found.template, found.declared, found.nodes, found.rooms) == (True, False, 0, ())
    assert (found.allocatable, found.selector, found.can_grow_to, found.grow_s) == (shape, POOL, 5, 240)


def test_with_its_first_node_a_template_becomes_an_ordinary_group_that_can_grow_further() -> None:
    burst = DeclaredGroup("burst", POOL, allocatable=Resources(16_000), can_grow_to=5, grow_s=240)
    found = groups(item("a", pool="burst"), declared=(burst,))["burst"]
    assert (found.template, found.nodes, found.can_grow_to, found.grow_s) == (False, 1, 5, 240)
    assert found.allocatable.cpu_milli == 8000


def test_a_declared_group_that_cannot_grow_or_has_no_shape_is_no_template() -> None:
    fixed = DeclaredGroup("fixed", POOL, allocatable=Resources(16_000))
    shapeless = DeclaredGroup("shapeless", POOL, can_grow_to=5)
    assert set(groups(item("a"), declared=(fixed, shapeless))) == {"c8-m32"}
