"""Pods go to the first node with room, the site's own first, however many nodes there are."""

from __future__ import annotations

import random
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.model import MemberTerms, OrderLeave
from fedsched.matchmaker.resources import Resources, fits
from fedsched.sim.nodes import Cluster
from fedsched.sim.racks import Node, Racks
from fedsched.sim.scenario import Faults, NodeLoss, Owner, SimMember, SimNodeGroup
from tests.sim.builders import JOB, NODE, member, place, world

SIZES = st.builds(Resources, st.integers(0, 8), st.integers(0, 8), st.just(0), st.integers(0, 2), st.integers(0, 1))
STEPS = st.lists(
    st.tuples(st.sampled_from(("hold", "release", "lose", "bring")), SIZES, st.integers(0, 99)), max_size=60
)


@settings(max_examples=150, deadline=None)
@given(st.lists(SIZES, min_size=1, max_size=100), STEPS, SIZES)
def test_the_index_finds_what_looking_at_every_node_finds(
    frees: list[Resources], steps: list[tuple[str, Resources, int]], request: Resources
) -> None:
    nodes = [Node(f"n{number:03d}", "std", free) for number, free in enumerate(frees)]
    racks = Racks(nodes)
    for what, amount, which in steps:
        node = nodes[which % len(nodes)]
        if what == "hold" and node.up:
            racks.hold(node, amount)
        elif what == "release" and node.up:
            racks.release(node, amount)
        elif what == "lose":
            racks.lose(node)
        elif what == "bring" and not node.up:
            racks.bring(node, amount)
        assert racks.first_fit("std", amount) is _looked_for(nodes, amount)
    assert racks.first_fit("std", request) is _looked_for(nodes, request)
    up = [node.free.floor_zero() for node in nodes if node.up]
    assert {room.free: room.nodes for room in racks.rooms("std")} == {free: up.count(free) for free in up}
    assert racks.first_fit("none", request) is None


def _looked_for(nodes: list[Node], request: Resources) -> Node | None:
    return next((node for node in nodes if node.up and fits(request, node.free)), None)


def test_eight_thousand_pods_find_their_nodes_among_fifteen_hundred_in_little_time() -> None:
    """The size of the largest trace that is run: each pod comes, waits for room, runs and goes."""
    chance = random.Random(2)  # noqa: S311 - repeatable luck, no secret
    size = Resources(96_000, 393_216, 1_000_000, 8, 110)
    cluster = Cluster(SimMember(MemberTerms("big"), (SimNodeGroup("gpu", 1523, size),)), chance)
    began = time.process_time()
    for number in range(8152):
        request = Resources(
            chance.choice((4, 12, 48)) * 1000, chance.choice((16, 64)) * 1024, 0, chance.choice((1, 4)), 1
        )
        cluster.add("pod", "gpu", request, float(number))
        cluster.step(float(number))
        if number > 5000:
            cluster.remove(next(iter(cluster.pods.values())))
    placed = sum(pod.node is not None for pod in cluster.pods.values())
    assert placed > 4000
    assert time.process_time() - began < 5.0  # a minute and more with every node and every pod looked at


def test_the_sites_own_pods_get_what_becomes_free_before_ours() -> None:
    site = member(nodes=1)
    whole = Resources(8000, 1024, 0, 0, 1)
    made = world(type(site)(site.terms, site.groups, owners=(Owner(10.0, "std", 1, whole, 50.0),)))
    place(made, *range(6))
    made.sleep(20)
    seen = made.observe(made.now())
    assert [pod.request for pod in seen.members[0].site_pods] == [whole]
    assert len(seen.members[0].site_pods[0].nodes) == 1
    for thing in seen.objects:
        pod = thing.pods[0]
        made.act(OrderLeave("m1", "p", pod.name, pod.uid, made.now()))
    made.sleep(30)
    assert not made.observe(made.now()).members[0].site_pods


def test_a_pod_on_a_node_that_is_pulling_its_image_waits_for_the_same_pull() -> None:
    made = world(member(nodes=1))
    place(made, 1)
    made.sleep(5)
    place(made, 2)
    made.sleep(60)
    place(made, 3)
    made.sleep(2)
    started = [thing.pods[0].started_at for thing in made.observe(made.now()).objects]
    assert started[0] == started[1]
    assert started[2] == made.now() - 1


def test_a_daemonset_has_no_pod_on_a_lost_node_and_one_again_when_it_is_back() -> None:
    made = world(member(nodes=3, faults=Faults(node_losses=(NodeLoss(100.0, "std", 1, 200.0),), losses=((300.0, 1),))))
    place(made, 1, form="startd-daemonset")
    made.sleep(90)
    assert len(made.observe(made.now()).objects[0].pods) == 3
    made.sleep(20)
    assert {pod.node for pod in made.observe(made.now()).objects[0].pods} == {"std-000", "std-001"}
    made.sleep(150)
    assert {pod.phase for pod in made.observe(made.now()).objects[0].pods} == {"running"}
    before = {pod.uid for pod in made.observe(made.now()).objects[0].pods}
    made.sleep(100)
    after = made.observe(made.now()).objects[0].pods
    assert len({pod.node for pod in after if pod.phase == "running"}) == 3
    assert len({pod.uid for pod in after} - before) == 1  # the one that was killed was made again


def test_room_that_is_taken_off_every_node_is_never_free() -> None:
    busy = Resources(7000, 1024, 0, 0, 5)
    site = SimMember(MemberTerms("m1", image="worker"), (SimNodeGroup("std", 2, NODE, busy),))
    made = world(site)
    place(made, 1)
    made.sleep(10)
    assert made.observe(made.now()).objects[0].pods[0].problem.endswith("insufficient cpu_milli")
    assert JOB.cpu_milli > NODE.cpu_milli - busy.cpu_milli
