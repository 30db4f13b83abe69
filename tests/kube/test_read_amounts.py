"""Quantities and the arithmetic of room, without a cluster."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.kube.amounts import MEBI, Amounts, available, less, pod_needs, quantity, resources
from fedsched.kube.nodes import Node
from fedsched.kube.pods import Seat
from fedsched.kube.quantities import value
from fedsched.kube.rooms import Rooms, histogram
from fedsched.kube.wire import PodSpec
from fedsched.matchmaker.resources import UNBOUNDED, Resources

FACTORS = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1), "k": Fraction(10**3),
    "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12), "P": Fraction(10**15), "E": Fraction(10**18),
    "Ki": Fraction(2**10), "Mi": Fraction(2**20), "Gi": Fraction(2**30), "Ti": Fraction(2**40), "Pi": Fraction(2**50),
    "Ei": Fraction(2**60), "e3": Fraction(1000), "E2": Fraction(100), "e-2": Fraction(1, 100),
}  # fmt: skip


@given(st.integers(0, 9999), st.integers(0, 999), st.sampled_from(sorted(FACTORS)))
def test_every_suffix_means_what_kubernetes_says(whole: int, part: int, suffix: str) -> None:
    exact = (whole + Fraction(part, 1000)) * FACTORS[suffix]
    text = f"{whole}.{part:03}{suffix}"
    assert quantity(text, up=True) == min(UNBOUNDED, math.ceil(exact))
    assert quantity(text, up=False) == min(UNBOUNDED, math.floor(exact))
    assert quantity(text, thousandths=True, up=True) == min(UNBOUNDED, math.ceil(exact * 1000))


@given(st.text(max_size=80) | st.sampled_from(["", "-", "1e999", "0x10", "1 Gi", "\u0661", "1KI", "9" * 70, "1e", "+"]))
def test_no_string_breaks_the_reading_of_quantities(text: str) -> None:
    found = quantity(text)
    assert found is None or -UNBOUNDED <= found <= UNBOUNDED


def test_a_text_longer_than_any_quantity_is_none() -> None:
    assert value(" 1 ") == 1
    assert value(" " * 63 + "1") == 1
    assert value(" " * 64 + "1") is None


def test_what_cannot_be_read_is_never_room() -> None:
    assert available({"cpu": "many", "memory": "32Gi"}) == Amounts(0, 32 * 2**30)
    assert needs(spec([container(cpu="many")])).cpu == UNBOUNDED


def container(restart: str = "", **requests: str) -> dict[str, Any]:
    return {"resources": {"requests": requests}, **({"restartPolicy": restart} if restart else {})}


def spec(containers: list[Any], init: list[Any] | None = None, **more: Any) -> bytes:
    return msgspec.json.encode({"containers": containers, "initContainers": init or [], **more})


def needs(text: bytes) -> Amounts:
    return pod_needs(msgspec.json.decode(text, type=PodSpec))


@pytest.mark.parametrize(
    ("init", "more", "cpu"),
    [
        ([], {}, 300),
        ([container(cpu="250m")], {}, 300),
        ([container(cpu="1")], {}, 1000),
        ([container("Always", cpu="100m")], {}, 400),
        ([container("Always", cpu="100m"), container(cpu="350m")], {}, 450),
        ([container(cpu="350m"), container("Always", cpu="100m")], {}, 400),
        ([], {"overhead": {"cpu": "50m"}}, 350),
        ([], {"resources": {"requests": {"cpu": "2"}}}, 2000),
        ([container(cpu="1")], {"overhead": {"cpu": "50m"}}, 1050),
    ],
)
def test_a_pod_needs_what_the_scheduler_counts(init: list[Any], more: dict[str, Any], cpu: int) -> None:
    assert needs(spec([container(cpu="100m"), container(cpu="200m")], init, **more)).cpu == cpu


def test_devices_disk_and_the_place_of_a_pod_count() -> None:
    asked = {
        "resources": {"requests": {"cpu": "1n", "ephemeral-storage": "1Ki", "x.org/fpga": "2", "hugepages-2Mi": "4Mi"}}
    }
    assert needs(spec([asked])) == Amounts(1, 0, 1024, 1, (("x.org/fpga", 2),))


amounts = st.builds(
    Amounts,
    st.integers(0, 10**6),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    st.just(1),
    st.dictionaries(st.sampled_from(["a/x", "b/y", "nvidia.com/gpu"]), st.integers(1, 8)).map(
        lambda d: tuple(sorted(d.items()))
    ),
)


@given(amounts, st.lists(amounts, max_size=8), st.randoms())
def test_room_depends_on_which_pods_are_there_not_on_how_they_came(
    whole: Amounts, pods: list[Amounts], chance: Any
) -> None:
    node = Node("n", (), (), whole._replace(pods=110), usable=True, cordoned=False)
    rooms, again = Rooms(), Rooms()
    seats = [Seat("n", needs) for needs in pods]
    rooms.node_moved(None, node)
    for seat in seats:
        rooms.pod_moved(None, seat)
    other = [Seat("n", whole), *seats]
    chance.shuffle(other)
    for seat in other:
        again.pod_moved(None, seat)
    again.pod_moved(Seat("n", whole), None)
    again.node_moved(None, node)
    assert rooms.free("n") == again.free("n")
    left = node.allocatable
    for needs in pods:
        left = less(left, needs)
    assert rooms.free("n") == resources(left)
    for seat in seats:
        rooms.pod_moved(seat, None)
    assert rooms.free("n") == resources(node.allocatable)


free = st.builds(Resources, st.integers(0, 10**5), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 8))


@given(st.lists(free, max_size=60), st.integers(1, 20))
def test_a_coarser_histogram_keeps_every_node_and_never_adds_room(rooms: list[Resources], most: int) -> None:
    bars = histogram(rooms, most)
    assert sum(bar.nodes for bar in bars) == len(rooms)
    for name in ("cpu_milli", "memory_mib", "disk_mib", "gpus"):
        assert sum(bar.free.get(name) * bar.nodes for bar in bars) <= sum(room.get(name) for room in rooms)
        exact = sorted((room.get(name) for room in rooms), reverse=True)
        coarse = sorted((bar.free.get(name) for bar in bars for _ in range(bar.nodes)), reverse=True)
        assert all(mine <= theirs for mine, theirs in zip(coarse, exact, strict=True))


def test_needs_are_rounded_up_and_room_down_to_whole_mebibytes() -> None:
    odd = Amounts(1, MEBI + 1, 1)
    assert resources(odd, up=True) == Resources(1, 2, 1)
    assert resources(odd) == Resources(1, 1, 0)
