"""`clusters`: the members as they stand, and what somebody should hear of them; states are not judged here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from fedsched.answers.shares import lent_cores
from fedsched.answers.view import View
from fedsched.client import NoAnswer
from fedsched.client.documents import ClusterLine, Clusters, Of, head
from fedsched.config.problems import did_you_mean
from fedsched.matchmaker.explain import action, age, clause
from fedsched.matchmaker.model import Held, MemberTerms, MemberView, NodeGroup
from fedsched.matchmaker.resources import Resources

CREDENTIAL_SOON_S = 3 * 86_400.0
STARTING = {"intended": "starting"}
"""What is written down to be made counts as starting."""
COPY_PHASES = {"intended": "starting", "unclaimed": "starting", "claimed": "running"}
"""Of a Job's copy, which no pool claims."""


def clusters(view: View, of: Of, name: str = "") -> Clusters:
    """All members by name, or one. NoAnswer where none is called so."""
    known = {terms.name: terms for terms in view.terms}
    if name and name not in known:
        raise NoAnswer("unknown", f"no member {name!r}{did_you_mean(name, list(known))}", "see all: fedsched clusters")
    lines = tuple(_line(view, known[one], of.now) for one in sorted(known) if name in {"", one})
    general = [*_about_us(view, of.now), *_about_pools(view, of.now)]
    mine = [text for line in lines for text in line.attention]
    return Clusters(
        **head(of),
        members=lines,
        attention=tuple(dict.fromkeys([*general, *mine])),
        frozen_since=view.plan.memory.frozen_since,
    )


def cluster_line(view: View, name: str, now: float) -> ClusterLine | None:
    """One member; None where none is called so."""
    return next((_line(view, terms, now) for terms in view.terms if terms.name == name), None)


def mode(terms: MemberTerms) -> str:
    """The mode as the member's file spells it."""
    return f"trial({terms.trial})" if terms.mode == "trial" else terms.mode


def _line(view: View, terms: MemberTerms, now: float) -> ClusterLine:
    name = terms.name
    seen = view.members.get(name) or MemberView(name)
    held = view.held_at.get(name, ())
    facts = dict(_facts(terms, seen.node_groups))
    return ClusterLine(
        name=name,
        state=_state(view, name),
        mode=mode(terms),
        seen_at=seen.seen_at,
        contact=seen.contact,
        contact_at=seen.contact_at,
        error=seen.contact_error,
        orders=tuple(one.kind for one in view.orders if one.kind != "deny" and one.target in {"*", name}),
        ours=dict(_phases(one for one in held if one.placement.form != "job")),
        copies=copies_by_phase(held),
        held_cpu_milli=sum(one.placement.size.cpu_milli * one.nodes for one in held if one.phase != "gone"),
        claimed_cpu_milli=sum(one.claimed_cpu_milli for one in held),
        nodes=sum(group.nodes for group in seen.node_groups),
        allocatable=_sum(group.allocatable.times(group.nodes) for group in seen.node_groups),
        free=_sum(bar.free.floor_zero().times(bar.nodes) for group in seen.node_groups for bar in group.rooms),
        node_groups=seen.node_groups,
        quotas=seen.quotas,
        lent=round(lent_cores(view).get(name, 0.0), 3),
        price_per_core_hour=terms.price_per_core_hour,
        region=str(facts.get("region", "")).strip('"'),
        latitude=_number(facts.get("latitude")),
        longitude=_number(facts.get("longitude")),
        version=seen.version,
        clock_skew_s=seen.clock_skew_s,
        credential_expires_at=seen.credential_expires_at,
        attention=tuple(dict.fromkeys(_about_member(view, terms, seen, now))),
    )


def _state(view: View, name: str) -> str:
    memory = view.plan.memory.members.get(name)
    if memory is None:
        return "never"
    return "credential" if memory.unauthorized else str(memory.state)


def _phases(held: Iterable[Held]) -> Iterator[tuple[str, int]]:
    counts: Counter[str] = Counter()
    for one in held:
        counts[STARTING.get(one.phase, one.phase)] += one.nodes
    return ((phase, counts[phase]) for phase in ("starting", "unclaimed", "claimed", "leaving"))


def copies_by_phase(held: Iterable[Held]) -> dict[str, int]:
    """How many of them are copies of users' Jobs, by phase; nothing where there are none: most members take no Jobs."""
    copies = (one.phase for one in held if one.placement.form == "job" and one.phase != "gone")
    counts = Counter(COPY_PHASES.get(phase, phase) for phase in copies)
    return {phase: counts[phase] for phase in ("starting", "running", "leaving") if counts}


def _facts(terms: MemberTerms, groups: tuple[NodeGroup, ...]) -> Iterator[tuple[str, str]]:
    """Where it is: as its node groups' ads tell, above them what its file tells of the whole of it."""
    for attributes in (*(group.attributes for group in groups[:1]), terms.attributes):
        yield from ((key.lower().removeprefix("fedsched"), value) for key, value in attributes)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _sum(amounts: Iterable[Resources]) -> Resources:
    total = Resources()
    for one in amounts:
        total += one
    return total


def _about_us(view: View, now: float) -> Iterator[str]:
    frozen = view.plan.memory.frozen_since
    if frozen is not None:
        since = age(now - frozen)
        yield f"frozen for {since}: most members fell silent together; check the hub's own network first"
    for order in view.orders:
        if order.kind != "deny" and order.target == "*":
            yield f"all members: {order.kind} for {age(now - order.at)} by {order.by or 'somebody'}: {order.reason}"


def _about_pools(view: View, now: float) -> Iterator[str]:
    for one in view.observation.pools:
        if one.error:
            last = "never" if one.seen_at is None else f"{age(now - one.seen_at)} ago"
            yield f"pool {one.name}: its startds were last seen {last}: {one.error}"
        if one.unannounced:
            yield one.unannounced


def _about_member(view: View, terms: MemberTerms, seen: MemberView, now: float) -> Iterator[str]:
    name = terms.name
    for order in view.orders:
        if order.kind != "deny" and order.target == name:
            yield f"{name}: {order.kind} for {age(now - order.at)} by {order.by or 'somebody'}: {order.reason}"
    if seen.contact != "ok" and seen.contact_error:
        yield f"{name}: {seen.contact}: {seen.contact_error}"
    if seen.credential_expires_at is not None and seen.credential_expires_at - now < CREDENTIAL_SOON_S:
        left = seen.credential_expires_at - now
        ends = f"ends in {age(left)}" if left > 0 else f"ended {age(-left)} ago"
        yield f"{name}: the credential {ends}; run `fedsched rotate {name}`"
    for held in view.held_at.get(name, ()):
        if held.failure is not None:
            yield f"{held.placement.id}: {clause(held.failure)}; {action(held.failure)}"
    yield from _resting(view, name, now)


def _resting(view: View, name: str, now: float) -> Iterator[str]:
    for key, pair in view.plan.memory.pairs.items():
        member, group, *_ = key.split("/", 2)
        if member == name and pair.closed_until > now:
            why = f": {clause(pair.last_failure)}; {action(pair.last_failure)}" if pair.last_failure else ""
            count = "1 failure" if pair.failures == 1 else f"{pair.failures} failures"
            yield f"{member}/{group} rests for {age(pair.closed_until - now)} after {count}{why}"
