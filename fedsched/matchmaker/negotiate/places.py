"""Every node group of every member that has a file, with all that a decision about it may read."""

from __future__ import annotations

from fedsched.matchmaker.match import Place, pair_key
from fedsched.matchmaker.model import Memory, PairMemory, Snapshot, Startds


def places_of(snapshot: Snapshot, base: Memory, life: Startds) -> tuple[Place, ...]:
    """Every node group of every member that has a file, by name. life: the policy's, of startds."""
    views = {view.name: view for view in snapshot.observation.members}
    places = []
    for terms in sorted(snapshot.terms, key=lambda t: t.name):
        view, memory = views.get(terms.name), base.members.get(terms.name)
        if view is None or memory is None:
            continue
        for group in sorted(view.node_groups, key=lambda g: g.name):
            pair = base.pairs.get(pair_key(terms.name, group.name, terms.image), PairMemory())
            places.append(Place(terms, view, group, memory, pair, life.lifetime_s, round(life.join_s)))
    return tuple(places)
