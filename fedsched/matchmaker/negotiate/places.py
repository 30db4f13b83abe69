"""Every node group of every member that has a file, with all that a decision about it may read."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.match import JOBS, Place, pair_key
from fedsched.matchmaker.model import Memory, PairMemory, Snapshot, Startds
from fedsched.matchmaker.resources import Resources

_UNSEEN = PairMemory()


def places_of(snapshot: Snapshot, base: Memory, life: Startds) -> tuple[Place, ...]:
    """Every node group of every member that has a file, by name. life: the policy's, of startds.

    Where users' Jobs wait each stands here twice: their pods need nothing besides, live as long as the member lets
    them, and are known before the first one.
    """
    jobs = any(demand.job is not None for view in snapshot.observation.schedds for demand in view.classes)
    views = {view.name: view for view in snapshot.observation.members}
    places = []
    for terms in sorted(snapshot.terms, key=lambda t: t.name):
        view, memory = views.get(terms.name), base.members.get(terms.name)
        if view is None or memory is None:
            continue
        for group in sorted(view.node_groups, key=lambda g: g.name):
            pair = base.pairs.get(pair_key(terms.name, group.name, terms.image), _UNSEEN)
            places.append(Place(terms, view, group, memory, pair, life.lifetime_s, round(life.join_s)))
            if jobs:
                pair = base.pairs.get(pair_key(terms.name, group.name, JOBS), _UNSEEN)
                plain = msgspec.structs.replace(terms, pod_overhead=Resources())
                places.append(Place(plain, view, group, memory, pair, jobs=True))
    return tuple(places)
