"""What one startd says of who holds and claims how much of it: read once, and again when it says something else."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fedsched.matchmaker.model import Claim, Phase, Placement, Principal, SlotView
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.accounts import claim_amount, has_room
from fedsched.matchmaker.share.paths import path_of
from fedsched.matchmaker.share.sizes import CE, Sizes


class Who:
    """A principal with its path, once for all startds that speak of it: the same one is the very same."""

    __slots__ = ("path", "principal")

    def __init__(self, principal: Principal) -> None:
        self.principal, self.path = principal, path_of(principal)


class People(dict[Principal, Who]):
    """Everybody who holds or claims something."""

    def __missing__(self, principal: Principal) -> Who:
        self[principal] = found = Who(principal)
        return found


class Run(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Claims of one principal, amount and size on one slot, that follow each other; and how each is remembered.

    size: of one, in thousandths of a core-equivalent. worked: of each kind how many: core-equivalents that jobs keep
    busy.
    """

    who: Who
    amount: Resources
    size: int
    slot: SlotView
    claims: tuple[Claim, ...]
    keys: tuple[str, ...]
    worked: tuple[tuple[float, int], ...]


class Line(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One startd as it was read; each is equal to itself alone.

    placement, nodes, slots, phase, since: what it was read of, the last two only where there is no slot. who: whom it
    was placed for. size: of one startd, in thousandths. runs: all claims. taken: of each slot, in thousandths.
    claimants: whose claims there are. rest: what nobody claims, in thousandths; left: in resources. idles: whether
    something of it may be wasted. amounts: all whose sizes are in here.
    """

    placement: Placement
    nodes: int
    slots: tuple[SlotView, ...]
    phase: Phase
    since: float | None
    who: Who
    size: int
    runs: tuple[Run, ...]
    taken: tuple[int, ...]
    claimants: tuple[Who, ...]
    rest: int
    left: Resources
    idles: bool
    amounts: tuple[Resources, ...]

    def holds(self, stand: Standing) -> bool:
        """Whether the startd still says the same."""
        held, slots = stand.held, stand.slots
        if held.placement is not self.placement or held.nodes != self.nodes:
            return False
        if slots is self.slots:
            return bool(slots) or (held.phase == self.phase and held.unclaimed_since == self.since)
        return len(slots) == len(self.slots) > 0 and all(map(_says_the_same, slots, self.slots))


def line_of(stand: Standing, sizes: Sizes, people: People) -> Line:
    """What the startd says now."""
    held, slots, placement = stand.held, stand.slots, stand.held.placement
    runs, taken, left = list[Run](), list[int](), placement.size
    left = left if held.nodes == 1 else left.times(held.nodes)
    for slot in slots:
        claimed = 0
        for claims in _alike(slot.claims):
            run = _run(slot, claims, sizes, people)
            runs.append(run)
            claimed += run.size * len(claims)
            left -= run.amount.times(len(claims))
        taken.append(claimed)
    size = sizes.of(placement.size)
    return Line(
        placement,
        held.nodes,
        slots,
        held.phase,
        held.unclaimed_since,
        people[placement.principal],
        size,
        tuple(runs),
        tuple(taken),
        tuple(dict.fromkeys([run.who for run in runs])),
        max(0, size * held.nodes - sum(taken)),
        left.floor_zero(),
        _may_idle(stand, size, taken),
        (placement.size, *[run.amount for run in runs]),
    )


def _may_idle(stand: Standing, size: int, taken: list[int]) -> bool:
    """Whether it is unclaimed, or a part of it is that nobody can claim."""
    held, placement = stand.held, stand.held.placement
    if not stand.slots:
        return held.phase == "unclaimed" and held.unclaimed_since is not None
    for slot, claimed in zip(stand.slots, taken, strict=True):
        if not slot.claims:
            if slot.unclaimed_since is not None:
                return True
        elif claimed < size and not has_room(placement.size, max(1, placement.units), slot.free):
            return True
    return False


def _says_the_same(one: SlotView, other: SlotView) -> bool:
    """In all that is read of it here. When it was heard of changes with every ad, and is not."""
    return one is other or (
        (one.claims is other.claims or one.claims == other.claims)
        and one.unclaimed_since == other.unclaimed_since
        and one.name == other.name
        and one.started_at == other.started_at
        and (one.free is other.free or one.free == other.free)
        and (one.size is other.size or one.size == other.size)
    )


def _alike(claims: tuple[Claim, ...]) -> Iterator[tuple[Claim, ...]]:
    """Claims that follow each other are mostly alike: these as one run."""
    if not claims:
        return
    begin, first = 0, claims[0]
    for end, one in enumerate(claims):
        if one.cpu_milli != first.cpu_milli or one.principal != first.principal or one.amount != first.amount:
            yield claims[begin:end]
            begin, first = end, one
    yield claims[begin:]


def _run(slot: SlotView, claims: tuple[Claim, ...], sizes: Sizes, people: People) -> Run:
    amount, name = claim_amount(claims[0], slot), slot.name
    size, kinds = sizes.of(amount), dict[float, int]()
    for claim in claims:
        part = worked(claim, size)
        kinds[part] = kinds.get(part, 0) + 1
    keys = tuple([claim_key(name, claim.since) for claim in claims])
    return Run(people[claims[0].principal], amount, size, slot, claims, keys, tuple(kinds.items()))


def claim_key(name: str, since: float) -> str:
    """How a claim is remembered: its slot's name and when it began; two that began together count as one."""
    return f"{name} {since:.0f}"


def worked(claim: Claim, size: int) -> float:
    """What of a claim its job keeps busy, in core-equivalents; all of it where nobody measured."""
    if claim.used_cpu_milli is None:
        return size / CE
    return size / CE * max(0.0, min(1.0, claim.used_cpu_milli / max(1, claim.cpu_milli)))
