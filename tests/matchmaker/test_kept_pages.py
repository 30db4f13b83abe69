"""Pages come to what each startd says by itself, whatever of them was kept from the look before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.matchmaker import surge
from fedsched.matchmaker.model import (
    LedgerEntry,
    Memory,
    Principal,
    Snapshot,
)
from fedsched.matchmaker.reconcile import Again, Standing, reconcile
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.ledger import advance
from fedsched.matchmaker.share.pages import Pages
from fedsched.matchmaker.share.sizes import Sizes
from fedsched.matchmaker.share.use import Look, There, read
from tests.matchmaker import plain_looks
from tests.matchmaker.at_jobs import (
    EVERY_S,
    OTHERS,
    Looks,
    at_job,
    many,
    partly,
    several,
    with_schedds,
)
from tests.matchmaker.builders import T0, res
from tests.matchmaker.startds_seen import (
    BOB,
    Seen,
    look,
    of_held,
    of_placement,
    of_slot,
)
from tests.matchmaker.test_looks import CORES, GONE, POLICY


@settings(max_examples=150, deadline=None)
@given(several(), GONE, st.booleans())
def test_pages_come_to_what_each_startd_says_by_itself(looks: Looks, gone: frozenset[str], larger: bool) -> None:  # noqa: FBT001
    """Whatever was kept, and also where sizes of requests change in between."""
    before: dict[str, LedgerEntry] = {}
    memory, kept, then = tuple(one.held for one in looks[0]), Pages(), T0 - 150
    for number, seen in enumerate(looks):
        at = T0 + number * EVERY_S
        sizes = Sizes(Resources(100_000, 150_000), CORES.names) if larger and number > 2 else CORES
        standing = reconcile(look(seen, at), POLICY.startds, POLICY.pending).standing
        what, kept = Look(sizes, 90.0, gone, then, at), Pages(kept)
        found, used = read(before, memory, There(standing, kept=kept), what)
        assert found == plain_looks.accounts(standing, what)
        assert used == plain_looks.use(before, memory, standing, what)
        before, memory = advance(before, used, POLICY.sharing, at), tuple(stand.held for stand in standing)
        then = at


def each_by_itself(looks: Looks, sizes: list[Sizes]) -> None:
    """Accounts, use and supply of every look, where those that are quiet are passed over, are those of each startd.

    sizes: of requests, at each look.
    """
    before: dict[str, LedgerEntry] = {}
    memory, kept, again, calm = None, Pages(), Again(), surge.Groups()
    for number, (startds_, size) in enumerate(zip(looks, sizes, strict=True)):
        at = T0 + number * EVERY_S
        seen = look(startds_, at, memory)
        facts = reconcile(seen, POLICY.startds, POLICY.pending, again)
        what, kept = Look(size, 90.0, frozenset(), at - EVERY_S, at), Pages(kept)
        found, used = read(before, seen.memory.held, There(facts.standing, facts.restless, facts.quiet, kept), what)
        assert found == plain_looks.accounts(facts.standing, what)
        assert used == plain_looks.use(before, seen.memory.held, facts.standing, what)
        calm, again = surge.grouped(facts.again, facts.quiet, calm, again), facts.again
        for change in ASKED:
            schedds = change(seen).observation.schedds
            plain = plain_looks.supply(surge.asked(schedds, at), facts.standing, frozenset())
            assert surge.supply(surge.asked(schedds, at, calm), facts.standing, frozenset()) == plain
        before = advance(before, used, POLICY.sharing, at)
        memory = Memory(cycle=4 + number, at=at, held=tuple(stand.held for stand in facts.standing))


ASKED: tuple[Callable[[Snapshot], Snapshot], ...] = (
    lambda seen: seen,
    lambda seen: with_schedds(seen, seen_at=T0 - 25),
    OTHERS["smaller jobs"],
    OTHERS["no jobs"],
    OTHERS["a schedd that was never asked"],
)
DEAR = Sizes(Resources(100_000, 150_000), ("cpu_milli", "memory_mib"))


@settings(max_examples=100, deadline=None)
@given(several(), st.lists(st.sampled_from((CORES, CORES, DEAR)), min_size=5, max_size=5))
def test_facts_of_each_by_itself(looks: Looks, sizes: list[Sizes]) -> None:
    each_by_itself(looks, sizes)


@pytest.mark.parametrize("sizes", [[CORES] * 6, [CORES] * 3 + [DEAR] * 3, [DEAR, CORES] * 3])
def test_facts_where_one_after_the_other_goes(sizes: list[Sizes]) -> None:
    first = many()
    each_by_itself([first, first, first, first[1:], first[2:], first], sizes)
    each_by_itself([first, first, first, first[::-1], first[:-1], first[1:]], sizes)


LEAN = [of_slot(size=res(8, 4), free=res(6, 0, 9))(of_placement(size=res(8, 4))(at_job(n))) for n in (30, 31)]
"""Of theirs cores are scarce; of all others memory is."""


@pytest.mark.parametrize("sizes", [[CORES] * 3 + [DEAR] * 3, [DEAR, CORES] * 3, [CORES, CORES, DEAR] * 2])
def test_where_sizes_change_only_those_are_read_again_of_whose_amounts_one_did(sizes: list[Sizes]) -> None:
    first = [*many(), *LEAN]
    each_by_itself([first] * 6, sizes)
    each_by_itself([first, first, first, first[1:], first[2:], first], sizes)
    kept = Pages()
    read({}, (), There([Standing(*one) for one in first], kept=kept), Look(CORES, 90.0, frozenset(), T0 - 5, T0))
    quiet = frozenset(kept.lines)
    assert Pages(kept).begin(CORES, quiet) == quiet
    assert Pages(kept).begin(DEAR, quiet) == {one.held.placement.id for one in LEAN}


WHOLE = at_job(1)
PART = of_slot(free=res(1, 2, 9))(partly(1))
IDLE = of_held(phase="unclaimed")(of_slot(claims=(), unclaimed_since=T0 - 900)(WHOLE))
MUTE = of_held(phase="unclaimed", unclaimed_since=T0 - 900)(WHOLE._replace(slots=()))
OTHERWISE: dict[str, tuple[Seen, Seen]] = {
    "claimed": (IDLE, WHOLE),
    "idle for longer": (IDLE, of_slot(unclaimed_since=T0 - 1)(IDLE)),
    "room for nobody": (PART, of_slot(free=res(1, 0, 9))(PART)),
    "of another size": (PART, of_slot(size=res(2, 90))(PART)),
    "of another name": (PART, of_slot(name="slot1@other")(PART)),
    "joined later": (PART, of_slot(started_at=T0 - 1)(PART)),
    "placed otherwise": (PART, of_placement(size=res(4, 8))(PART)),
    "placed for another": (PART, of_placement(principal=BOB)(PART)),
    "on two nodes": (PART, of_held(nodes=2)(PART)),
    "no slot, idle for longer": (MUTE, of_held(unclaimed_since=T0 - 1)(MUTE)),
    "no slot, and starts": (MUTE, of_held(phase="starting")(MUTE)),
    "gone": (PART, of_held(phase="gone")(PART)),
}


@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("what", OTHERWISE)
def test_a_line_is_read_anew_where_its_startd_says_something_else(what: str, forgotten: bool) -> None:  # noqa: FBT001
    """forgotten: the ledger knows nothing of what was before, as after a journal was lost."""
    before: dict[str, LedgerEntry] = {}
    kept, beside = Pages(), Standing(*at_job(2))
    for number, one in enumerate((0, 0, 1, 1, 0)):
        at, standing = T0 + number * EVERY_S, (Standing(*OTHERWISE[what][one]), beside)
        memory = tuple(Standing(*OTHERWISE[what][0]).held for _ in (1,))
        what_, kept = Look(CORES, 90.0, frozenset(), at - EVERY_S, at), Pages(kept)
        found, used = read(before, memory, There(standing, kept=kept), what_)
        assert found == plain_looks.accounts(standing, what_)
        assert used == plain_looks.use(before, memory, standing, what_)
        before = {} if forgotten else advance(before, used, POLICY.sharing, at)


def test_two_principals_of_one_path_have_one_page_in_the_ledger() -> None:
    one, other = Principal("physics", "x/alice"), Principal("physics/x", "alice")
    stands = [Standing(*at_job(n, who)) for n, who in enumerate((one, other, one))]
    before: dict[str, LedgerEntry] = {}
    kept, memory = Pages(), tuple(stand.held for stand in stands)
    for number, standing in enumerate((stands, stands, stands[1:], stands[:1])):
        at = T0 + number * EVERY_S
        what, kept = Look(CORES, 90.0, frozenset(), at - EVERY_S, at), Pages(kept)
        found, used = read(before, memory, There(standing, kept=kept), what)
        assert found == plain_looks.accounts(standing, what)
        assert used == plain_looks.use(before, memory, standing, what)
        before = advance(before, used, POLICY.sharing, at)
