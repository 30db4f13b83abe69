"""What is written to a hub: one Job's status at a time, under preconditions; what it says is decided elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fedsched.kube.failures import EndedError, ended
from fedsched.kube.hub.reading import Kept
from fedsched.kube.jobs.status_body import StatusError, status_body
from fedsched.kube.object_names import path
from fedsched.kube.transport import Transport, TransportError, one_line
from fedsched.kube.writing import MERGE, QUERY
from fedsched.matchmaker.model import JobStatus, Outcome, TellJob

SHOWN = "the Job shows it already, as far as it can be shown"


class HubWriter:
    """Writes statuses. kept: a Job as last seen, by its uid. One thread at a time for each Job."""

    def __init__(self, transport: Transport, kept: Callable[[str], Kept | None]) -> None:
        self._transport = transport
        self._kept = kept

    def tell(self, change: TellJob, at: float) -> Outcome:
        """One status; see JobQueue.tell."""
        try:
            what = self._write(change, self._known(change), at)
        except EndedError as end:
            return Outcome(change, end.result, at, what=one_line(end.what), retry_after_s=end.retry_after_s)
        return Outcome(change, "done", at, uid=change.uid, what=what)

    def _known(self, change: TellJob) -> Kept:
        """The Job as last seen, where it is still what was decided about."""
        kept = self._kept(change.uid)
        if kept is None or kept.job.id != change.job:
            raise EndedError("gone", f"Job {change.job} is not in queue {change.queue} any more")
        if kept.job.state == "foreign":
            raise EndedError("refused", f"Job {change.job} is run by another controller: it is not touched")
        if change.resource_version and kept.job.resource_version != change.resource_version:
            raise EndedError("conflict", f"Job {change.job} has changed since it was looked at")
        return kept

    def _write(self, change: TellJob, kept: Kept, at: float) -> str:
        """Write it; a remark where nothing was to be written."""
        shown = kept.job.status
        wanted = _of_held(change.status, shown) if kept.held and not change.status.over else change.status
        try:
            body = status_body(wanted, shown, kept.facts, at)
        except StatusError as error:
            raise EndedError("refused", f"Job {change.job}: {error}") from None
        if body == status_body(shown, shown, kept.facts, at):
            return SHOWN
        body["conditions"] = [*kept.strange, *body["conditions"]]
        metadata = {"uid": change.uid, "resourceVersion": kept.job.resource_version}
        namespace, _, name = change.job.partition("/")
        where = f"{path('Job', namespace, name)}/status"
        raw = msgspec.json.encode({"metadata": metadata, "status": body})
        try:
            answer = self._transport.request("PATCH", where, QUERY, raw, MERGE)
        except TransportError as error:
            raise ended(error) from None
        failure = answer.failure()
        if failure is not None:
            raise ended(failure)
        return ""


def _of_held(wanted: JobStatus, shown: JobStatus) -> JobStatus:
    """Of a Job that our policy suspended, before its end.

    The hub's own controller writes its counts (nothing runs there) and the condition Suspended again and again; what
    else we write it leaves.
    """
    suspended = [one for one in shown.conditions if one.type == "Suspended"]
    others = [one for one in wanted.conditions if one.type != "Suspended"]
    return msgspec.structs.replace(wanted, active=0, ready=0, terminating=0, conditions=(*others, *suspended))
