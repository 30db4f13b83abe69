"""Running totals of one member and rooms of one node group while a round is filled; what may be taken is booking's."""

from __future__ import annotations

import heapq

import msgspec

from fedsched.matchmaker.book.shape import Order, Shapes
from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import MemberTerms, MemberView
from fedsched.matchmaker.reasons import Reason
from fedsched.matchmaker.resources import Resources, fits, how_many


class MemberTotals:
    """One member's running totals."""

    def __init__(self, terms: MemberTerms, view: MemberView) -> None:
        self.terms = terms
        self.view = view
        self.pods = 0
        self.held = Resources()
        self.in_flight = 0
        self.pulling = 0
        self.quota_left = {quota.name: quota.left for quota in view.quotas}
        self.jobs_left = {quota.name: quota.jobs_left for quota in view.quotas}

    def spend(self, size: Resources, count: int = 1, objects: int = 1) -> None:
        """A pod (or `count`) of so many objects that the quota's figures do not hold yet."""
        for name, left in self.quota_left.items():
            self.quota_left[name] = left - size.times(count)
            jobs = self.jobs_left[name]
            self.jobs_left[name] = None if jobs is None else jobs - objects

    def keep(self, amount: Resources) -> None:
        """So much of quotas and ceiling is somebody's already; no pod more."""
        self.held += amount
        for name, left in self.quota_left.items():
            self.quota_left[name] = left - amount


class GroupRoom:
    """One node group's room, as a histogram that shrinks. said, said_first: why it has no room, see shortage."""

    def __init__(self, place: Place) -> None:
        self.bars = {room.free: room.nodes for room in place.group.rooms}
        self._node = place.group.allocatable
        self._made: Shapes | None = None
        self.said: dict[Resources, tuple[Reason, ...]] = {}
        self.said_first: dict[Resources, Reason] = {}
        self._whole: Resources | None = None
        self._without: set[Resources] = set()
        """Sizes for which there is no room: there will be none in this round."""
        more = max(0, place.group.can_grow_to - place.group.nodes)
        self.growth = {place.group.allocatable: more} if more else {}
        self.probing = False
        self.daemonset = False
        self.changes = 0
        """How often something was taken from the nodes that are there."""

    @property
    def _shapes(self) -> Shapes:
        """Made when first something is taken: of most groups nothing is in a round."""
        if self._made is None:
            self._made = Shapes(self._node)
        return self._made

    def total(self) -> Resources:
        """Sum over nodes, for leave_free only; never for fitting (MA2)."""
        total = Resources()
        for free, nodes in self.bars.items():
            total += free.times(nodes)
        return total

    def scattered(self, size: Resources, name: str) -> tuple[Resources, int] | None:
        """What all nodes have free together, and on how many of them some of `name` is, where that would hold `size`.

        Whole cores only, and over-used nodes as nothing: what is left over on full nodes is no room. None where the
        nodes together have too little, or one alone has it. To tell why, never for fitting (MA2).
        """
        if self._whole is None:
            self._whole = Resources()
            for free, count in self.bars.items():
                self._whole += _whole(free).times(count)
        if not fits(size, self._whole):
            return None
        nodes = sum(count for free, count in self.bars.items() if _whole(free).get(name) > 0)
        return (self._whole, nodes) if nodes > 1 else None

    def _changed(self) -> None:
        self.changes += 1
        self.said.clear()
        self.said_first.clear()
        self._whole = None

    def closest(self, size: Resources) -> Resources:
        """What the node has that comes closest to holding it: short of the fewest resources, then by least."""
        rooms = [free for free, nodes in self.bars.items() if nodes]
        if len(rooms) == 1:
            return rooms[0]
        return min(rooms, key=lambda free: _gap(size, free), default=Resources())

    def holds(self, size: Resources, pods: int = 1) -> bool:
        """Whether some node has room for one, or the nodes for so many; the roomiest are looked at first."""
        if pods > 1:
            return self.capacity(size) >= pods
        if size in self._without:
            return False
        for free, nodes in reversed(self.bars.items()):
            if nodes and fits(size, free):
                return True
        self._without.add(size)
        return False

    def capacity(self, size: Resources) -> int:
        """How many of that size all nodes hold."""
        return _capacity(self.bars, size)

    def fitting(self, size: Resources) -> int:
        """How many nodes have room for one."""
        return sum(nodes for free, nodes in self.bars.items() if fits(size, free))

    def take(self, size: Resources) -> bool:
        """One from the room that is most alike to it in its proportions; whether there was any that fits."""
        self._changed()
        return self._take(self.bars, size)

    def take_in_a_row(self, size: Resources, most: int) -> int:
        """So many, each where `take` would have it, or as many as find room; how many that were."""
        self._changed()
        orders = self._shapes.orders
        open_ = orders([free for free, nodes in self.bars.items() if nodes and fits(size, free)], size)
        heapq.heapify(open_)
        rests: dict[Resources, tuple[Resources, Order | None]] = {}
        taken = 0
        while open_ and taken < most:
            bar = open_[0][2]
            if bar not in rests:
                rest = bar - size
                rests[bar] = rest, orders((rest,), size)[0] if fits(size, rest) else None
            rest, after = rests[bar]
            # the next one goes there, too, unless what this one leaves comes before it
            nodes = min(self.bars[bar], most - taken) if after is None or open_[0] < after else 1
            fresh = not self.bars.get(rest)
            _move(self.bars, bar, rest, nodes)
            if bar not in self.bars:
                heapq.heappop(open_)
            if fresh and after is not None:
                heapq.heappush(open_, after)
            taken += nodes
        return taken

    def keep(self, free: Resources, amount: Resources) -> None:
        """So much is kept on a node that has so much free now, or where one of that size would go."""
        self._changed()
        bar = free if self.bars.get(free) else self._shapes.best(self.bars, amount)
        if bar is not None:
            _move(self.bars, bar, (bar - amount).floor_zero())

    def close(self) -> None:
        """Nothing more here in this round, however much is free."""
        self._changed()
        self.bars = {Resources(): sum(self.bars.values())}

    def could_grow(self, size: Resources, pods: int = 1) -> bool:
        """Whether nodes that do not exist yet would have room for so many."""
        return _capacity(self.growth, size) >= pods

    def take_growth(self, size: Resources) -> bool:
        """One from nodes that do not exist yet; whether there was any left."""
        return self._take(self.growth, size)

    def _take(self, bars: dict[Resources, int], size: Resources) -> bool:
        bar = self._shapes.best(bars, size)
        if bar is not None:
            _move(bars, bar, bar - size)
        return bar is not None

    def take_all(self, size: Resources) -> int:
        """One on each node that has room; how many nodes that were."""
        self._changed()
        fitting = [(free, nodes) for free, nodes in self.bars.items() if nodes and fits(size, free)]
        for free, nodes in fitting:
            self.bars[free] -= nodes
            rest = free - size
            self.bars[rest] = self.bars.get(rest, 0) + nodes
        return sum(nodes for _, nodes in fitting)


def _capacity(bars: dict[Resources, int], size: Resources) -> int:
    return sum(how_many(size, free) * nodes for free, nodes in bars.items() if nodes)


def _whole(free: Resources) -> Resources:
    return msgspec.structs.replace(free.floor_zero(), cpu_milli=max(0, free.cpu_milli) // 1000 * 1000)


def _move(bars: dict[Resources, int], bar: Resources, rest: Resources, nodes: int = 1) -> None:
    """So many nodes less of a bar, and more with what is left of it; empty bars are looked at no more."""
    bars[bar] -= nodes
    if not bars[bar]:
        del bars[bar]
    bars[rest] = bars.get(rest, 0) + nodes


def _gap(size: Resources, free: Resources) -> tuple[int, float, Resources]:
    """How many resources a room lacks, and of what part of the request at most. Written out: it is asked of each."""
    count, most = 0, 0.0
    if size.cpu_milli > max(0, free.cpu_milli):
        count, most = 1, 1 - free.cpu_milli / size.cpu_milli
    if size.memory_mib > max(0, free.memory_mib):
        count, most = count + 1, max(most, 1 - free.memory_mib / size.memory_mib)
    if size.disk_mib > max(0, free.disk_mib):
        count, most = count + 1, max(most, 1 - free.disk_mib / size.disk_mib)
    if size.gpus > max(0, free.gpus):
        count, most = count + 1, max(most, 1 - free.gpus / size.gpus)
    if size.pods > max(0, free.pods):
        count, most = count + 1, max(most, 1 - free.pods / size.pods)
    for name, amount in size.other:
        if amount > max(0, have := free.get(name)):
            count, most = count + 1, max(most, 1 - have / amount)
    return count, most, free
