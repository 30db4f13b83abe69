"""One simulated member with the script of what happens to it, and what was last seen of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from fedsched.matchmaker.model import MemberView, ObjectView
from fedsched.sim.agenda import Bell
from fedsched.sim.apiserver import ApiServer
from fedsched.sim.nodes import Node, Pod
from fedsched.sim.pool import Pool
from fedsched.sim.scenario import NodeLoss, Owner, SimMember, Stale, Window
from fedsched.sim.timetable import NEVER, Timetable
from fedsched.sim.views import Looks

Deed = Callable[[float, Pool], None]


class Member:
    """A member cluster, its API, and its share of bad luck. epoch: of whoever last claimed it."""

    def __init__(self, api: ApiServer, silent_hub: tuple[Window, ...] = ()) -> None:
        self.api = api
        self.view = MemberView(api.cluster.spec.terms.name)
        self.objects: tuple[ObjectView, ...] = ()
        self.epoch = 0
        self._looks = Looks(api)
        self._silent = (*api.cluster.spec.faults.silent, *silent_hub)
        self._frozen: MemberView | None = None
        self._timetable: Timetable[int] = Timetable()
        self._deeds: dict[int, Deed] = {}
        self._written = 0
        self._write_script(api.cluster.spec)

    @property
    def due_at(self) -> float:
        """When something happens here next; before all times when something is due already."""
        cluster = self.api.cluster
        return -NEVER if cluster.changed else min(self._timetable.next, cluster.due_at, self.api.due_at)

    def hang(self, bell: Bell) -> None:
        """See agenda.Part: the pool ends pods here."""
        self.api.cluster.bell = bell

    def silent(self, at: float) -> bool:
        """Whether it answers nothing now."""
        since = at - self.api.cluster.begins
        return any(window.holds(since) for window in self._silent)

    def step(self, at: float, pool: Pool) -> None:
        """What the script says, then nodes and controllers do their work."""
        for number in self._timetable.take(at):
            self._deeds.pop(number)(at, pool)
        if self.api.cluster.due_at <= at:
            self.api.cluster.step(at)
        if self.api.due_at <= at:
            self.api.step(at)

    def look(self, at: float) -> None:
        """Refresh what is seen of it, or note that it did not answer."""
        if self.silent(at):
            self.view = msgspec.structs.replace(self.view, contact="timeout", contact_at=at, contact_error="timed out")
            return
        self._see(at)

    def _see(self, at: float) -> None:
        self.objects = self._looks.objects()
        self.view = self._looks.member(at)
        if self._frozen is not None:
            self.view = msgspec.structs.replace(self._frozen, contact_at=at, fence_epoch=self.api.fence)

    # -- the script ------------------------------------------------------------------------------------------------

    def _write_script(self, spec: SimMember) -> None:
        faults = spec.faults
        for window in self._silent:
            self._when(window.begin_at, self._fall_silent)
        for stale in faults.stale:
            self._when(stale.window.begin_at, partial(self._freeze, stale))
            self._when(stale.window.end_at, self._thaw)
        for owner in spec.owners:
            self._when(owner.at, partial(self._receive, owner))
        for seconds, count in faults.losses:
            self._when(seconds, partial(self._lose, count))
        for loss in faults.node_losses:
            self._when(loss.at, partial(self._lose_nodes, loss))

    def _when(self, seconds: float, deed: Deed) -> None:
        """So many seconds after the beginning."""
        if seconds < NEVER:
            self._timetable.put(self.api.cluster.begins + seconds, self._written)
            self._deeds[self._written] = deed
            self._written += 1

    def _since(self, at: float) -> float:
        return at - self.api.cluster.begins

    def _fall_silent(self, at: float, _: Pool) -> None:
        """Its last view is as it is now."""
        self._see(at)

    def _freeze(self, stale: Stale, at: float, _: Pool) -> None:
        again = self._since(at) + stale.every_s
        if not stale.window.holds(self._since(at)):
            return
        if not self.silent(at):
            self._frozen = self._looks.member(at)
        if again < stale.window.end_at:
            self._when(again, partial(self._freeze, stale))

    def _thaw(self, _at: float, _: Pool) -> None:
        self._frozen = None

    def _receive(self, owner: Owner, at: float, _: Pool) -> None:
        request = msgspec.structs.replace(owner.request, pods=1)
        for _number in range(owner.count):
            pod = self.api.cluster.add("site", owner.node_group, request, at)
            self._when(self._since(at) + owner.lasts_s, partial(self._part, pod))

    def _part(self, pod: Pod, _at: float, _: Pool) -> None:
        self.api.cluster.remove(pod)

    def _lose(self, count: int, at: float, pool: Pool) -> None:
        running = [pod for pod in self.api.cluster.ours.values() if pod.running]
        for pod in running[:count]:
            pool.lose(pod, at)
            self.api.cluster.end(pod, at, 137, "Error")

    def _lose_nodes(self, loss: NodeLoss, at: float, pool: Pool) -> None:
        nodes = self.api.cluster.fall(loss)
        for node in nodes:
            for pod in self.api.cluster.lose_node(node):
                pool.lose(pod, at)
        if loss.back_at is not None:
            self._when(loss.back_at, partial(self._bring, nodes))

    def _bring(self, nodes: Iterable[Node], _at: float, _: Pool) -> None:
        for node in nodes:
            self.api.cluster.bring_node(node)
