"""Room for one principal at another's cost (PR1-PR8): the recipe of one cycle, class by class, startd by startd.

Who may ask whom stands in `exchange`, what an eviction frees in `ground`, which startds go in `victims`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

import numpy as np

from fedsched.matchmaker.model import DemandClass
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt import refusals
from fedsched.matchmaker.preempt.candidates import losses
from fedsched.matchmaker.preempt.exchange import Exchange
from fedsched.matchmaker.preempt.expressions import Expressions
from fedsched.matchmaker.preempt.fullness import Fullness
from fedsched.matchmaker.preempt.ground import Ground
from fedsched.matchmaker.preempt.land import nodes_of
from fedsched.matchmaker.preempt.picked import Picked
from fedsched.matchmaker.preempt.promises import in_flight, is_coming
from fedsched.matchmaker.preempt.stock import Stock
from fedsched.matchmaker.preempt.turn import Turn
from fedsched.matchmaker.preempt.victims import Ask, Found, Search
from fedsched.matchmaker.preempt.wishes import Evictions, Rules, Shares, Victim, Wish
from fedsched.matchmaker.preempt.yard import Places, numbers_of
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.share import path_of

ROOM = frozenset(
    {
        *(Cause.NO_ROOM, Cause.FRAGMENTED, Cause.QUOTA_FULL),
        *(Cause.CEILING_REACHED, Cause.TRIAL_FULL, Cause.LEAVE_FREE),
    }
)
"""What an eviction can help against; behind any other blocker it would only cost work."""

MINUTE_S = 60.0


def make_room(wishes: Iterable[Wish], standing: Iterable[Standing], shared: Shares, rules: Rules) -> Evictions:
    """Who must yield so that those with the better right can run (PR1-PR8).

    1. what leaves already counts as gone, and its room to whom it was promised;
    2. the class whose principal is furthest below its right takes the next turn: owners below their floor first;
    3. room that is there or on its way makes nobody yield (PR1, PR3); else the cheapest victims on one member (PR4);
    4. an exchange is counted before the next turn (PR2), so that nobody yields more than the rules let them.

    standing: with what was placed in this cycle. Nothing depends on the order of wishes or placements.
    """
    if rules.policy.preemption.mode == "never":
        return Evictions({}, {}, {})
    standing = tuple(standing)
    one_round = _Round(standing, Fullness(rules, standing), shared, rules)
    return one_round.run(sorted(wishes, key=lambda w: w.demand.key))


class _Round:
    """One cycle's running numbers."""

    def __init__(self, standing: Sequence[Standing], fullness: Fullness, shared: Shares, rules: Rules) -> None:
        policy, at = rules.policy, rules.at
        self._rules, self._shared = rules, shared
        self._exchange = Exchange(shared.lines, policy.preemption.mode)
        self._ground = Ground(rules.places, standing, at)
        self._fullness = fullness
        places = {(place.terms.name, place.group.name): place for place in rules.places}
        self._expressions = Expressions(policy.preemption, shared.lines, places, at)
        self._recent = {
            name: tuple(t for t in times if at - t < MINUTE_S) for name, times in sorted(rules.evictions.items())
        }
        self._victims: dict[str, Victim] = {}
        self._refused: dict[str, Reason] = {}
        self._asked: dict[str, tuple[float, ...]] = {}
        terms = {place.terms.name: place.terms for place in rules.places}
        self._search = Search(
            self._exchange,
            self._ground,
            self._expressions,
            Stock(standing, self._exchange, self._ground, shared.sizes, rules),
            {n: t.budgets.evictions_per_min - len(self._recent.get(n, ())) for n, t in sorted(terms.items())},
            policy.preemption.by_priority,
        )
        self._hopeless: dict[tuple[object, ...], Reason] = {}

    def run(self, wishes: list[Wish]) -> Evictions:
        """The recipe of `make_room`."""
        turns = [Turn(wish) for wish in wishes]
        self._ground.outlook.expect(numbers_of(turn.options, self._ground) for turn in turns)
        self._count_leaving()
        self._keep_promises(turns)
        queue = [(self._order(turn), index) for index, turn in enumerate(turns)]
        heapq.heapify(queue)
        while queue:
            known, index = heapq.heappop(queue)
            turn = turns[index]
            if turn.unmet <= 0 or turn.starts <= 0:
                continue
            now = self._order(turn)
            if now > known:
                heapq.heappush(queue, (now, index))
            elif self._serve(turn):
                heapq.heappush(queue, (self._order(turn), index))
        for turn in turns:
            if turn.awaited:
                numbers = (str(turn.awaited + max(0, turn.unmet)), str(turn.awaited))
                self._refused[turn.demand.key] = Reason(Cause.ROOM_ON_ITS_WAY, "room", *numbers, at=self._rules.at)
        return Evictions(self._victims, dict(sorted(self._refused.items())), self._asked)

    def _order(self, turn: Turn) -> tuple[object, ...]:
        return (*self._exchange.standing(turn.path), -turn.priority, turn.demand.oldest_at, turn.demand.key)

    def _count_leaving(self) -> None:
        """What leaves is nobody's any more, and its room is on its way; what was placed just now counts already."""
        wait_s = self._rules.policy.preemption.wait_s
        for stand in self._ground.census.moving:
            if is_coming(stand, wait_s, self._rules.at):
                self._ground.give(self._ground.gain(stand))
                for path, amount in losses(stand, self._shared.sizes).items():
                    self._exchange.move(path, -amount)
            if stand.held.phase == "intended" and stand.held.placement.created_at >= self._rules.at:
                placement = stand.held.placement  # placed in this cycle, after shares were looked at
                amount = self._shared.sizes.of(placement.size) * stand.held.nodes
                self._exchange.move(path_of(placement.principal), amount)

    def _keep_promises(self, turns: list[Turn]) -> None:
        """Room that was made for a class is kept for it, and no second eviction is made for the same job (PR3)."""
        flying = in_flight(self._ground.census.moving, self._rules.policy.preemption.wait_s, self._rules.at)
        for turn in turns:
            for _, leaving in sorted(flying.get(turn.demand.key, {}).items()):
                for stand in leaving:
                    self._exchange.remember(turn.path, losses(stand, self._shared.sizes))
                where = {stand.held.placement.member for stand in leaving}
                nodes = _together(leaving)
                option = next((o for o in turn.kept if o.place.terms.name in where), None)
                if option is None:
                    continue
                fitting = [node for node in self._ground.nodes(option) if node in nodes]
                self._promise(turn, option, fitting[0] if fitting else "")

    def _promise(self, turn: Turn, option: Option, node: str) -> None:
        self._ground.take(self._ground.need(option, node))
        self._exchange.move(turn.path, self._shared.sizes.of(option.size))
        turn.await_room(option)

    def _serve(self, turn: Turn) -> bool:
        """Make or find room for one startd; False when nothing more can be done for the class, with the reason."""
        if not self._exchange.may_ask(turn.path) and not self._rules.policy.preemption.by_priority:
            self._refuse(turn.demand, refusals.no_right(turn.path, self._exchange, self._rules))
            return False
        if not turn.options and turn.pods > 1:
            self._refuse(turn.demand, refusals.several_pods(turn.pods, self._rules.at))
            return False
        if turn.usable is None:
            turn.usable = Places.of(self._usable(turn), self._ground)
        if not len(turn.usable.options):
            return False
        if self._room_comes(turn, turn.usable):
            return True
        ask = Ask(turn.demand, turn.path, turn.priority, self._shared.sizes.of(turn.usable.options[0].size))
        return self._make_yield(turn, ask, turn.usable)

    def _usable(self, turn: Turn) -> Sequence[Option]:
        """Options that an eviction could open. None of them where one is open, or where something else is in the way.

        The first is none of ours (PR1), the other filling has named. Neither changes in a round.
        """
        blockers = self._fullness.blockers(turn.options)
        if None in blockers:
            return ()
        if blockers.count(Cause.NO_ROOM) == len(blockers):
            return turn.options  # as it mostly is
        if isinstance(turn.options, Picked):
            return turn.options.part(np.array([cause in ROOM for cause in blockers], np.bool_))
        return tuple(o for o, cause in zip(turn.options, blockers, strict=True) if cause in ROOM)

    def _make_yield(self, turn: Turn, ask: Ask, places: Places) -> bool:
        key = (ask.path, ask.priority, *places.alike, ask.demand.key if self._expressions.used else "")
        if key not in self._hopeless:
            found = None if self._expressions.broken else self._search.cheapest(ask, places)
            if found is not None:
                self._carry_out(turn, found)
                return True
            self._hopeless[key] = refusals.why_nobody(ask, places, self._search, self._rules)
        self._refuse(turn.demand, self._hopeless[key])
        return False

    def _room_comes(self, turn: Turn, usable: Places) -> bool:
        """Room that is on its way and promised to nobody is waited for (PR1)."""
        for index in usable.open(self._ground):
            option = usable.options[index]
            node = self._ground.open_node(option)
            if node is not None:
                self._promise(turn, option, node)
                self._hopeless.clear()
                return True
        return False

    def _carry_out(self, turn: Turn, found: Found) -> None:
        """Write down who goes; what that changes counts from now."""
        member, at = found.option.place.terms.name, self._rules.at
        first = min(victim.id for victim in found.victims)
        room = found.option.size + found.option.place.terms.pod_overhead
        for victim in found.victims:
            self._victims[victim.id] = Victim(
                wanted=self._rules.policy.preemption.way,
                why=refusals.told(turn.demand, victim, found, at),
                yields_to=turn.demand.key,
                yields_with=first,
                yields_room=room,
            )
            self._search.remove(member, victim)
            self._ground.give(self._ground.gain(victim.stand))
            self._exchange.make(turn.path, victim.losses)
        times = self._asked.get(member, self._recent.get(member, ()))
        self._asked[member] = (*times, *([at] * len(found.victims)))
        self._hopeless.clear()
        self._promise(turn, found.option, found.node)

    def _refuse(self, demand: DemandClass, reason: Reason | None) -> None:
        if reason is not None:
            self._refused[demand.key] = reason


def _together(leaving: Iterable[Standing]) -> frozenset[str]:
    """The nodes that all of them free: that which they go for is among them."""
    found = [frozenset(nodes_of(stand)) for stand in leaving]
    return frozenset.intersection(*found) or frozenset.union(*found)
