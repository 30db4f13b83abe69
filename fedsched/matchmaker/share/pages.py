"""One principal's page: what startds say of it together, put together anew only where one of them says otherwise."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.accounts import Account
from fedsched.matchmaker.share.lines import Line, People, Who, line_of
from fedsched.matchmaker.share.sizes import Sizes

Claims: TypeAlias = tuple[tuple[str, int], ...]
"""Claims as they are remembered, by key: thousandths of a core-equivalent."""

Lasting: TypeAlias = dict[tuple[int, float], int]
"""How many claims there are of each size, in thousandths, and of what their jobs keep busy, in core-equivalents."""


class Page(NamedTuple):
    """What one principal holds. placed: startds for it; claimed: startds on which it has claims.

    account: without what is wasted, which depends on the time. claims: as they are remembered. lasting: the same by
    kind.
    """

    placed: frozenset[Line]
    claimed: frozenset[Line]
    account: Account
    claims: Claims
    lasting: Lasting


NOTHING = Page(frozenset(), frozenset(), Account(), (), {})

NO_SIZES = Sizes(Resources(), ())

MOST_SIZES = 1024
"""So many amounts are remembered with their sizes before those that nobody holds any more are left out."""


def page_of(who: Who, placed: frozenset[Line], claimed: frozenset[Line], before: Page) -> Page:
    """The principal's page; as before where the very same lines are on it.

    All that is in it are sums of integers, and claims in order: in which order lines come never matters.
    """
    if claimed == before.claimed:
        if placed == before.placed:
            return before
        charged, claims = before.account.charged, before.account.claims
        known, lasting = before.claims, before.lasting
    else:
        charged, claims = _claimed(who, claimed)
        known, lasting = tuple(sorted(_claims(who, claimed).items())), _lasting(who, claimed)
    rest, left = _unclaimed(placed, before)
    account = Account(charged + rest, charged, 0, left + claims, claims)
    return Page(placed, claimed, account, known, lasting)


def _unclaimed(placed: frozenset[Line], before: Page) -> tuple[int, Resources]:
    """What nobody claims of what was placed for it: where little changed, only that is added and taken off."""
    new, gone, was = placed - before.placed, before.placed - placed, before.account
    if len(new) + len(gone) >= len(placed):
        return sum([line.rest for line in placed]), _left(placed)
    rest = was.counted - was.charged + sum([line.rest for line in new]) - sum([line.rest for line in gone])
    return rest, was.holds - was.claims + _left(new) - _left(gone)


def _left(lines: Iterable[Line]) -> Resources:
    """Of kinds that are alike, since most are."""
    left = Resources()
    for amount, times in Counter([line.left for line in lines]).items():
        left += amount.times(times)
    return left


def _claimed(who: Who, claimed: frozenset[Line]) -> tuple[int, Resources]:
    """What its claims come to, in thousandths and in resources."""
    kinds: dict[Resources, int] = {}
    charged, claims = 0, Resources()
    for line in claimed:
        for run in line.runs:
            if run.who is who:
                times = len(run.claims)
                charged += run.size * times
                kinds[run.amount] = kinds.get(run.amount, 0) + times
    for amount, times in kinds.items():
        claims += amount.times(times)
    return charged, claims


def _claims(who: Who, claimed: frozenset[Line]) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in claimed:
        for run in line.runs:
            if run.who is who:
                for key in run.keys:
                    found[key] = found.get(key, 0) + run.size
    return found


def _lasting(who: Who, claimed: frozenset[Line]) -> Lasting:
    found: Lasting = {}
    for line in claimed:
        for run in line.runs:
            if run.who is who:
                for worked, times in run.worked:
                    kind = run.size, worked
                    found[kind] = found.get(kind, 0) + times
    return found


def together(one: Claims, other: Claims) -> Claims:
    """Claims of two principals of one path."""
    found: dict[str, int] = dict(one)
    for key, size in other:
        found[key] = found.get(key, 0) + size
    return tuple(sorted(found.items()))


class Pages:
    """All lines and pages of one look, for the next. They only save time: an empty one gives the same.

    One look begins, asks for the lines of all that may say something else now, and ends.
    """

    def __init__(self, before: Pages | None = None) -> None:
        self.lines: dict[str, Line] = before.lines if before else {}
        self.pages: dict[Who, Page] = before.pages if before else {}
        self.idling: dict[str, Line] = before.idling if before else {}
        self.people: People = People(before.people if before else ())
        self.sizes: dict[Resources, int] = before.sizes if before else {}
        self._of = NO_SIZES
        self._others: frozenset[Resources] = frozenset()
        self._new: dict[str, Line] = {}
        self._read: list[Line] = []

    def begin(self, sizes: Sizes, quiet: frozenset[str]) -> frozenset[str]:
        """Of startds that stand as they stood those whose lines hold: all amounts there have the size that they had."""
        self._of = sizes
        self._others = frozenset(amount for amount, size in self.sizes.items() if sizes.of(amount) != size)
        if not quiet <= self.lines.keys():
            return frozenset()
        others, lines = self._others, self.lines
        return frozenset([name for name in quiet if others.isdisjoint(lines[name].amounts)]) if others else quiet

    def line(self, stand: Standing) -> Line:
        """What a startd says: the very same line where it says the same."""
        name, others = stand.held.placement.id, self._others
        line = self.lines.get(name) if name not in self._new else None
        if line is None or not line.holds(stand) or (others and not others.isdisjoint(line.amounts)):
            line = line_of(stand, self._of, self.people)
        self._new[name] = line
        self._read.append(line)
        return line

    def idling_of(self, quiet: frozenset[str]) -> list[Line]:
        """Of the quiet those of which something may be wasted."""
        return [line for name, line in self.idling.items() if name in quiet]

    def end(self, quiet: frozenset[str]) -> dict[Who, Page]:
        """Everybody's page. What nobody says any more is remembered no longer."""
        before, read = self.lines, frozenset(self._read)
        gone = frozenset([before[name] for name in before.keys() - quiet]) - read
        self.pages = self._pages(read, gone, add=bool(quiet))
        self.lines = {name: line for name, line in before.items() if name in quiet} | self._new
        self.idling = {name: line for name, line in self.lines.items() if line.idles}
        self.people = People({who.principal: who for who in self.pages})
        if len(self.sizes) > MOST_SIZES:
            self.sizes, read = {}, frozenset(self.lines.values())
        of = self._of.of
        self.sizes = {amount: of(amount) for amount in {*self.sizes, *[one for line in read for one in line.amounts]}}
        self._new, self._read = {}, []
        return self.pages

    def _pages(self, read: frozenset[Line], gone: frozenset[Line], *, add: bool) -> dict[Who, Page]:
        """add: to what is on them, without what is gone; else they say what was read and nothing else."""
        placed, claimed = defaultdict[Who, set[Line]](set), defaultdict[Who, set[Line]](set)
        for line in read:
            placed[line.who].add(line)
            for who in line.claimants:
                claimed[who].add(line)
        touched = {*placed, *claimed, *[one for line in gone for one in (line.who, *line.claimants)]}
        pages = {who: page for who, page in self.pages.items() if who not in touched} if add else {}
        for who in touched:
            before = self.pages.get(who, NOTHING)
            was = before if add else NOTHING
            page = page_of(
                who, was.placed - gone | placed.get(who, set()), was.claimed - gone | claimed.get(who, set()), before
            )
            if page.placed or page.claimed:
                pages[who] = page
        return pages
