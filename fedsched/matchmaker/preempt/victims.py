"""Which startds make room for one job, at the least cost (PR4): on one node, or under one member's limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from fedsched.matchmaker.model import DemandClass
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt.candidates import Candidate
from fedsched.matchmaker.preempt.exchange import Exchange, Rule
from fedsched.matchmaker.preempt.expressions import Expressions
from fedsched.matchmaker.preempt.ground import Amounts, Ground
from fedsched.matchmaker.preempt.land import Key
from fedsched.matchmaker.preempt.sieve import Spot
from fedsched.matchmaker.preempt.stock import Stock
from fedsched.matchmaker.preempt.yard import Places

Waived = Literal["", "rate", "protection", "requirements"]
"""Which single rule a search leaves out, to learn whether that one is in the way."""

Cost = tuple[bool, float, int, int, int, int, str, str]
"""Somebody is claimed, policy's rank reversed, work lost, claimed startds, startds, the option's place, names."""


class Ask(msgspec.Struct, frozen=True):
    """One startd that needs room: for a job of that class and priority, which counts `gain` to `path`."""

    demand: DemandClass
    path: str
    priority: int
    gain: int


class Found(msgspec.Struct, frozen=True):
    """Victims that make room for one startd of `option` on `node`, and the rule by which each principal yields."""

    victims: tuple[Candidate, ...]
    option: Option
    node: str
    rules: Mapping[str, Rule]
    cost: Cost


class Search(msgspec.Struct, frozen=True):
    """What a search reads; `budget`: evictions that each member may still see this minute."""

    exchange: Exchange
    ground: Ground
    expressions: Expressions
    stock: Stock
    budget: dict[str, int]
    by_priority: bool

    def remove(self, member: str, victim: Candidate) -> None:
        """It goes: it can be asked no more, and one eviction less is left there."""
        self.stock.yard.remove(member, victim)
        self.stock.sieve.remove(victim)
        self.budget[member] -= 1

    def cheapest(self, ask: Ask, places: Places, waived: Waived = "") -> Found | None:
        """The least work lost, then fewest victims, then the best place; None where nobody has to yield enough.

        To be asked without one of the rules only after a search with all of them found nobody: it then looks only
        where that rule can have been in the way.
        """
        if (waived == "requirements" and not self.expressions.requires) or self.nobody(ask.path):
            return None
        limits = ((index, self.ground.limits(places.options[index])) for index in places.limited)
        tight = {index for index, need in limits if self.ground.short(need, {})}
        best = self._under_limits(ask, places, tight, waived) if tight else None
        return self._on_nodes(ask, places, tight, (waived, best))

    def nobody(self, taker: str) -> bool:
        """Whether nobody may be asked whatever it has, so that no node is looked at; mostly shares alone say so."""
        if not self.by_priority and not self.exchange.somebody(taker):
            return not self.stock.for_nothing
        return not self.stock.yielders.may(taker).any()

    def _under_limits(self, ask: Ask, places: Places, tight: set[int], waived: Waived) -> Found | None:
        """Where one of the member's own limits is in the way: whoever stands there can help."""
        best: Found | None = None
        asked: dict[str, list[Candidate]] = {}
        for index in sorted(tight):
            option = places.options[index]
            member = option.place.terms.name
            if member not in asked:
                some = self.stock.yard.of_member(member)
                asked[member] = self._may_go(ask, some, waived) if self._worth(member, some, waived) else []
            for node in self.ground.nodes(option) if asked[member] else ():
                best = self._better(self._at(ask, asked[member], option, (index, node), best), best, waived)
        return best

    def _on_nodes(self, ask: Ask, places: Places, tight: set[int], so_far: tuple[Waived, Found | None]) -> Found | None:
        """Where only the node is in the way: those on it, the node with the least to lose first."""
        waived, best = so_far
        ranks = self.expressions.ranks
        nodes = self.ground.free
        for claimed, lost, first, column in self._spots(ask, places, waived):
            if best is not None and not ranks and (claimed, -0.0, lost, int(claimed), 1, first) > best.cost[:6]:
                break
            for index in places.at(int(nodes.place_of[column])):
                if index not in tight:
                    found = self._on_node(ask, places.options[index], (index, nodes.where[column][1]), (waived, best))
                    best = self._better(found, best, waived)
        return best

    def _spots(self, ask: Ask, places: Places, waived: Waived) -> list[Spot]:
        """Nodes that are worth a search, the least loss first."""
        kinds = self.stock.yielders.may(ask.path), self.stock.yielders.alone(ask.path, ask.gain)
        looked = [waived == "rate" or self.budget.get(member, 0) > 0 for member in self.ground.free.members]
        members = np.array(looked, np.bool_)[self.ground.free.member_of]
        return self.stock.sieve.spots(places, kinds, members, young=waived == "protection")

    def _on_node(
        self, ask: Ask, option: Option, where: tuple[int, str], so_far: tuple[Waived, Found | None]
    ) -> Found | None:
        """What is quickly known comes first: what it would cost, whether all together do, whether one of them may."""
        (index, node), (waived, best), member = where, so_far, option.place.terms.name
        some = self.stock.yard.on_node(member, node)
        if not self._worth(member, some, waived):
            return None
        victims = self._may_go(ask, some, waived)
        if not victims:
            return None
        claimed, rank, lost = self._least(ask, victims[0])
        if best is not None and (claimed, rank, lost, int(claimed), 1, index, member, node) > best.cost:
            return None
        if not self.ground.would_fit(option, node, [self.ground.gain(victim.stand) for victim in victims]):
            return None
        if all(self._lawful(ask, [victim]) is None for victim in victims):
            return None
        return self._at(ask, victims, option, where, best)

    def _worth(self, member: str, some: Sequence[Candidate], waived: Waived) -> bool:
        """Whether a search there can find somebody; without a rule: somebody that the rule was in the way of."""
        if waived == "rate":
            return len(some) > self.budget.get(member, 0)
        if waived == "protection":
            return any(victim.young for victim in some)
        return bool(some) and self.budget.get(member, 0) > 0

    def _better(self, found: Found | None, best: Found | None, waived: Waived) -> Found | None:
        """The cheaper one, unless its member would see too many evictions a minute."""
        if found is None:
            return best
        member = found.option.place.terms.name
        too_many = len(found.victims) > self.budget.get(member, 0) and waived != "rate"
        return found if not too_many and (best is None or found.cost < best.cost) else best

    def _may_go(self, ask: Ask, some: Iterable[Candidate], waived: Waived) -> list[Candidate]:
        """Those that the asking principal may ask at all, best victims first."""
        may = self._judge(ask)
        found = [
            victim
            for victim in some
            if (not victim.young or waived == "protection")
            and may(victim)
            and (waived == "requirements" or self.expressions.allow(ask.demand, ask.priority, victim))
        ]
        return sorted(found, key=self._order(ask)) if self.expressions.ranks else found

    def _judge(self, ask: Ask) -> Callable[[Candidate], bool]:
        """Whether all whom a victim costs something could be asked: looked up where that is known of all kinds."""
        yielders, sieve, taker = self.stock.yielders, self.stock.sieve, ask.path
        if not yielders.known(taker):
            return lambda victim: all(self._may(ask, path, victim) for path, _ in victim.losses)
        judged = yielders.may(taker)
        if not self.by_priority:
            return lambda victim: bool(judged[sieve.kind(victim)])
        return lambda victim: (
            bool(judged[sieve.kind(victim)])
            and (victim.priority < ask.priority or all(path != taker for path, _ in victim.losses))
        )

    def _may(self, ask: Ask, path: str, victim: Candidate) -> bool:
        if path == ask.path:
            return self.by_priority and victim.priority < ask.priority
        return self.exchange.could_yield(ask.path, path)

    def _order(self, ask: Ask) -> Callable[[Candidate], tuple[object, ...]]:
        """Unclaimed first, then by the policy's rank, then by cost (PR4)."""
        rank = self.expressions.rank
        return lambda v: (v.cost[0], -rank(ask.demand, ask.priority, v), v.cost)

    def _at(
        self, ask: Ask, victims: list[Candidate], option: Option, where: tuple[int, str], best: Found | None
    ) -> Found | None:
        """The cheaper of two: the cheapest victims together without any that can be spared, and one alone.

        None, too, where even the cheapest of them costs more than what was found elsewhere.
        """
        index, node = where
        need = self.ground.need(option, node)
        if all(key[0] == "node" for key in self.ground.short(need, {})):
            victims = [victim for victim in victims if node in victim.nodes]
        if not victims or (best is not None and self._least(ask, victims[0]) > best.cost[:3]):
            return None
        sets = [self._together(ask, victims, need), self._alone(ask, victims, need)]
        found = [self._found(ask, some, option, index, node) for some in sets if some]
        return min((f for f in found if f is not None), key=lambda f: f.cost, default=None)

    def _least(self, ask: Ask, first: Candidate) -> tuple[bool, float, int]:
        """What any set costs at least in which `first` is the best victim."""
        return first.cost[0], -self.expressions.rank(ask.demand, ask.priority, first), first.lost

    def _together(self, ask: Ask, victims: list[Candidate], need: Amounts) -> list[Candidate]:
        """Cheapest first until it fits, less each that can be spared, dearest first; empty where it never fits."""
        chosen: list[Candidate] = []
        short = self.ground.short(need, {})
        for victim in victims:
            if not short:
                break
            if short & self.ground.gain(victim.stand).keys() and self._lawful(ask, [*chosen, victim]) is not None:
                chosen.append(victim)
                short = self.ground.short(need, self._sum(chosen))
        if short:
            return []
        for victim in reversed(chosen):
            rest = [other for other in chosen if other is not victim]
            if not self.ground.short(need, self._sum(rest)):
                chosen = rest
        return chosen

    def _alone(self, ask: Ask, victims: list[Candidate], need: Amounts) -> list[Candidate]:
        """The first that does it by itself."""
        for victim in victims if self.ground.short(need, {}) else ():
            if not self.ground.short(need, self.ground.gain(victim.stand)) and self._lawful(ask, [victim]) is not None:
                return [victim]
        return []

    def _lawful(self, ask: Ask, victims: list[Candidate]) -> dict[str, Rule] | None:
        losses: dict[str, int] = {}
        for victim in victims:
            for path, amount in victim.losses:
                losses[path] = losses.get(path, 0) + amount
        rules = self.exchange.rules(ask.path, ask.gain, losses)
        if rules is not None and ask.path in losses:
            rules[ask.path] = "PR6"
        return rules

    def _found(self, ask: Ask, victims: list[Candidate], option: Option, index: int, node: str) -> Found | None:
        rules = self._lawful(ask, victims)
        if rules is None:
            return None
        claimed = [v for v in victims if v.cost[0]]
        rank = min((self.expressions.rank(ask.demand, ask.priority, v) for v in claimed), default=0.0)
        lost = sum(victim.lost for victim in victims)
        cost = (bool(claimed), -rank, lost, len(claimed), len(victims), index, option.place.terms.name, node)
        return Found(tuple(victims), option, node, rules, cost)

    def _sum(self, victims: Iterable[Candidate]) -> dict[Key, int]:
        total: dict[Key, int] = {}
        for victim in victims:
            for key, amount in self.ground.gain(victim.stand).items():
                total[key] = total.get(key, 0) + amount
        return total
