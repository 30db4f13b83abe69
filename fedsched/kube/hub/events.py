"""Kubernetes' events on a hub's Jobs, for who reads `kubectl describe job`: bounded, late rather than in the way."""

from __future__ import annotations

import secrets
import threading
from collections import deque

import msgspec

from fedsched.kube.jobs.status_body import moment
from fedsched.kube.object_names import path
from fedsched.kube.transport import Transport, TransportError, one_line
from fedsched.log import log
from fedsched.matchmaker.model import JobCondition, JobStatus, QueuedJob
from fedsched.matchmaker.model.names import CONDITION_PLACED, CONDITION_PREEMPTED, MANAGER

PER_S = 10.0
MOST_WAITING = 1000
"""Events beyond that are dropped, the oldest first: what stands in the Job's status is what counts."""
_LOG = log("hub")


class Told(msgspec.Struct, frozen=True):
    """One event. warning: it is no ordinary course of things."""

    job: str
    uid: str
    reason: str
    message: str
    at: float
    warning: bool = False


class Events:
    """Sends events from a thread of its own, at most PER_S a second."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._waiting: deque[Told] = deque(maxlen=MOST_WAITING)
        self._some = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub events", daemon=True)
        self._refused = False

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, limit_s: float = 2.0) -> None:
        """What waits is not sent any more."""
        self._stopped.set()
        self._some.set()
        if self._thread.is_alive():
            self._thread.join(limit_s)

    def tell(self, told: Told) -> None:
        """Send it some time; returns at once."""
        self._waiting.append(told)
        self._some.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._some.wait()
            self._some.clear()
            while self._waiting and not self._stopped.is_set():
                self._send(self._waiting.popleft())
                self._stopped.wait(1 / PER_S)

    def _send(self, told: Told) -> None:
        """One that does not arrive is not sent again."""
        namespace, _, name = told.job.partition("/")
        body = _manifest(told, namespace, name)
        try:
            answer = self._transport.request("POST", path("Event", namespace), None, msgspec.json.encode(body))
            failure = answer.failure()
        except TransportError as error:
            failure = error
        if failure is not None and failure.status == 403 and not self._refused:
            self._refused = True
            _LOG.warning("events-not-allowed", why=str(failure))


def _manifest(told: Told, namespace: str, name: str) -> dict[str, object]:
    at = moment(told.at)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name[:200]}.{secrets.token_hex(8)}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "namespace": namespace,
            "name": name,
            "uid": told.uid,
        },
        "type": "Warning" if told.warning else "Normal",
        "reason": told.reason,
        "message": told.message,
        "source": {"component": MANAGER},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }


def news(job: QueuedJob, now: JobStatus, at: float) -> tuple[Told, ...]:
    """What a status says that the Job did not show before: placed where, why no more, how it failed.

    That it is Complete, or runs without ever having waited, its status says; of thousands of Jobs each further write
    counts.
    """
    found = []
    placed, before = now.condition(CONDITION_PLACED), job.status.condition(CONDITION_PLACED)
    gone, gone_before = now.condition(CONDITION_PREEMPTED), job.status.condition(CONDITION_PREEMPTED)
    if gone is not None and gone.status == "True" and _said(gone) != _said(gone_before):
        found.append(Told(job.id, job.uid, "Preempted", one_line(gone.message or gone.reason), at, warning=True))
    waited = before is not None or (gone is not None and _said(gone) != _said(gone_before))
    if placed is not None and placed.status == "True" and _said(placed) != _said(before) and waited:
        found.append(Told(job.id, job.uid, "Placed", one_line(placed.message or placed.reason), at))
    end = next((one for one in now.conditions if one.type == "Failed" and one.status == "True"), None)
    if end is not None and not job.status.over:
        where = f"; {placed.message}" if placed is not None and placed.status == "True" and placed.message else ""
        words = one_line((end.message or "Job is Failed") + where)
        found.append(Told(job.id, job.uid, _camel(end.reason or "Failed"), words, at, warning=True))
    return tuple(found)


def _said(one: JobCondition | None) -> tuple[str, ...]:
    """What counts of a condition: not since when."""
    return (one.status, one.reason, one.message) if one is not None else ()


def _camel(reason: str) -> str:
    return "".join(c for c in reason if c.isascii() and c.isalnum())[:100] or "Ended"
