"""Fetches the last lines of one member's pods before they are gone: best effort, never in the way of a deletion."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator

from fedsched.config.settings import MemberFile
from fedsched.kube import pod_logs
from fedsched.kube.kept_logs import KeptLogs
from fedsched.kube.pod_logs import LogAsk
from fedsched.kube.transport import Transport, TransportError
from fedsched.log import log
from fedsched.matchmaker.model import Change, DeleteObject, DeletePod, ObjectView, PodView

LIMIT_S = 2.0
"""So long at most a deletion waits for the logs of what it deletes."""
LEAST_S = 0.1
MOST_AT_ONCE = 8
"""Pods whose logs are fetched before one deletion: an object with more is a DaemonSet, whose startds left before."""
OFF_S = 60.0
OFF_WITHOUT_RIGHT_S = 600.0
"""So long nothing is tried at a node whose logs could not be had, and at a member that does not let us."""
MOST_SILENT = 2
"""Nodes whose silence is that of all: the way from API server to nodes is cut, and deletions must not pay for each."""
TAIL = 2000
OVER = frozenset({"succeeded", "failed"})
_LOG = log("kube")


class LogKeeper:
    """One member's. `objects`: what is seen there now. A thread of its own sees to what ends without us."""

    def __init__(
        self,
        member: MemberFile,
        transport: Transport,
        store: KeptLogs,
        objects: Callable[[], tuple[ObjectView, ...]],
    ) -> None:
        self._member = member
        self._transport = transport
        self._store = store
        self._objects = objects
        self._whole: dict[str, bool] = {}
        self._off: dict[str, float] = {}
        self._begun = False
        self._moved = threading.Event()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to look, if not yet begun; nothing is begun where nothing is to be kept."""
        if self._store.on and not self._begun:
            self._begun = True
            threading.Thread(target=self._keep_on, name=f"{self._member.name}: logs", daemon=True).start()

    def stop(self) -> None:
        """The thread ends after what it is at."""
        self._stopped.set()
        self._moved.set()

    def moved(self) -> None:
        """Something changed at the member; returns at once."""
        self._moved.set()

    def before(self, change: Change) -> None:
        """Called just before a change: what a deletion takes away is fetched first, for LIMIT_S at most."""
        if not self._store.on or not isinstance(change, DeletePod | DeleteObject):
            return
        until = time.monotonic() + LIMIT_S
        for thing, pod in list(_of(change, self._objects()))[:MOST_AT_ONCE]:
            left_s = until - time.monotonic()
            if left_s < LEAST_S:
                return
            self._fetch(pod, left_s, of_job=_of_job(thing))

    def _keep_on(self) -> None:
        while not self._stopped.is_set():
            self._moved.wait()
            self._moved.clear()
            objects = self._objects()
            there = {pod.uid for thing in objects for pod in thing.pods}
            self._whole = {uid: whole for uid, whole in self._whole.items() if uid in there}
            for whose, pod in ((thing, pod) for thing in objects for pod in thing.pods):
                if self._stopped.is_set():
                    return
                if pod.phase in OVER or pod.deleting:
                    self._fetch(pod, LIMIT_S, of_job=_of_job(whose))

    def _fetch(self, pod: PodView, limit_s: float, *, of_job: bool) -> None:
        """Once, and once more when it is over: then nothing follows. of_job: its containers are a user's."""
        over = pod.phase in OVER
        known = self._whole.get(pod.uid)
        if known or (known is False and not over) or self._is_off(pod.node):
            return
        if pod.started_at is None and not over:
            return
        self._whole[pod.uid] = over
        member = self._member
        try:
            ask = LogAsk(tail=TAIL)
            if of_job:
                first = pod_logs.first_container(self._transport, member.namespace, pod.name, limit_s)
                ask = LogAsk(tail=TAIL, container=first)
            said = pod_logs.raw(self._transport, member.namespace, pod.name, ask, limit_s)
            self._store.keep(member.name, pod.name, said)
        except TransportError as error:
            self._failed(pod, error)
        except (OSError, ValueError) as error:
            _LOG.warning("log-not-kept", member=member.name, pod=pod.name, why=str(error))

    def _is_off(self, node: str) -> bool:
        return any(time.monotonic() < self._off.get(name, 0.0) for name in ("", node))

    def _failed(self, pod: PodView, error: TransportError) -> None:
        """Not tried again for a while: whoever deletes must not wait for the same silence each time."""
        name = self._member.name
        if pod_logs.lacks_right(error):
            self._off[""] = time.monotonic() + OFF_WITHOUT_RIGHT_S
            _LOG.warning("logs-not-kept", member=name, why=pod_logs.NO_RIGHT, next=f"fedsched join {name}")
        else:
            now = time.monotonic()
            self._off = {node: until for node, until in self._off.items() if until > now} | {pod.node: now + OFF_S}
            if len(self._off) >= MOST_SILENT:
                self._off[""] = now + OFF_S
            _LOG.warning("log-not-kept", member=name, pod=pod.name, node=pod.node, why=str(error))


def _of(change: DeletePod | DeleteObject, objects: Iterable[ObjectView]) -> Iterator[tuple[ObjectView, PodView]]:
    """The pods that go with it, and whose they are."""
    for thing in objects:
        if thing.placement_id == change.placement_id:
            for pod in thing.pods:
                if isinstance(change, DeleteObject) or pod.uid == change.uid:
                    yield thing, pod


def _of_job(thing: ObjectView) -> bool:
    return thing.placement is not None and thing.placement.form == "job"
