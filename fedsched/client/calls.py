"""Each question as a call: address, parameters, and the type of its answer; the same for both clients."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from fedsched.client.documents import (
    ClusterExplained,
    Clusters,
    Counterfactuals,
    DecisionExplained,
    Document,
    Events,
    Explained,
    Failed,
    GroupExplained,
    History,
    JobsAsk,
    LogLine,
    Logs,
    LogsAsk,
    Overview,
    Queue,
    QueueAsk,
    QueuedJobs,
    Shares,
    Spikes,
    Tried,
)
from fedsched.client.protocol import NoAnswer

LARGEST = 256 * 1024 * 1024
"""Bytes of one answer that are taken."""
CYCLES = "/api/v1/cycles"
NEXT = "fedsched serve, or name another with --server ADDRESS"
D = TypeVar("D", bound=Document)


class Call(NamedTuple, Generic[D]):
    """One question. path: escaped. parameters: those that are not "" or None."""

    path: str
    kind: type[D]
    parameters: dict[str, Any]


def queue(ask: QueueAsk) -> Call[Queue]:
    """See Answers."""
    return _call(Queue, "queue", **msgspec.structs.asdict(ask))


def jobs(ask: JobsAsk) -> Call[QueuedJobs]:
    """See Answers."""
    return _call(QueuedJobs, "jobs", **msgspec.structs.asdict(ask))


def shares(of: str) -> Call[Shares]:
    """See Answers."""
    return _call(Shares, "shares", of=of)


def clusters(name: str) -> Call[Clusters]:
    """See Answers."""
    return _call(Clusters, "clusters", *([name] if name else []))


def spikes(name: str) -> Call[Spikes]:
    """See Answers."""
    return _call(Spikes, "spikes", *([name] if name else []))


def overview() -> Call[Overview]:
    """See Answers."""
    return _call(Overview, "overview")


def explain(job: str) -> Call[Explained]:
    """See Answers."""
    return _call(Explained, "explain", job)


def explain_cluster(name: str) -> Call[ClusterExplained]:
    """See Answers."""
    return _call(ClusterExplained, "explain-cluster", name)


def explain_group(path: str) -> Call[GroupExplained]:
    """See Answers."""
    return _call(GroupExplained, "explain-group", path)


def explain_decision(placement: str) -> Call[DecisionExplained]:
    """See Answers."""
    return _call(DecisionExplained, "explain-decision", placement)


def history(job: str, since: float) -> Call[History]:
    """See Answers."""
    return _call(History, "history", job, since=since)


def events(job: str) -> Call[Events]:
    """See Answers."""
    return _call(Events, "events", job)


def logs(ask: LogsAsk) -> Call[Logs]:
    """The lines that there are of a job."""
    asked = {name: value for name, value in msgspec.structs.asdict(ask).items() if name != "job" and value}
    path = _call(Logs, "jobs", ask.job, "logs").path
    return Call(path, Logs, {name: str(value).lower() if value is True else value for name, value in asked.items()})


def logged(name: str, data: str) -> Iterator[LogLine | str]:
    """One event of a followed log: lines, or a text on what cannot be read. NoAnswer as the daemon said it."""
    if name == "error":
        found = msgspec.json.decode(data, type=Failed)
        raise NoAnswer(found.what, found.text, found.hint)  # type: ignore[arg-type]  # words of another version pass
    if name == "lines":
        yield from msgspec.json.decode(data, type=list[LogLine])
    if name == "unread":
        yield msgspec.json.decode(data, type=str)


LOGGED = "end"
"""The event with which a followed log ends."""


def counterfactuals(job: str) -> str:
    """The address of the stream of a class's counterfactuals."""
    return f"{_call(Counterfactuals, 'explain', job).path}/counterfactuals"


PROVEN = "counterfactuals"
"""The event with which that stream ends."""


def tried(name: str, data: str) -> Iterator[Tried]:
    """One event of that stream, where it is about a change. NoAnswer as the daemon said it, ValueError for no JSON."""
    if name == "error":
        found = msgspec.json.decode(data, type=Failed)
        raise NoAnswer(found.what, found.text, found.hint)  # type: ignore[arg-type]  # words of another version pass
    if name == "tried":
        yield msgspec.json.decode(data, type=Tried)


def broken_off(address: str) -> NoAnswer:
    """A stream that ended before its end."""
    return NoAnswer("unreachable", f"{address} ended its answer before all was told", "ask again")


def decoded(body: bytes | bytearray, kind: type[D], address: str) -> D:
    """The document, or NoAnswer as the daemon said it, or for a body that is none of ours. Newer fields are left."""
    try:
        found = msgspec.json.decode(body, type=kind | Failed)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        text = f"{address} answers, but not as fedsched {_version(body)}does: {error}"
        raise NoAnswer("unreachable", text, "is it fedsched's address, and of this version?") from None
    if isinstance(found, Failed):
        raise NoAnswer(found.what, found.text, found.hint)  # type: ignore[arg-type]  # words of another version pass
    answer: D = found
    return answer


def refusal(body: bytes | bytearray, address: str) -> NoAnswer:
    """What a daemon said instead of a stream."""
    try:
        found = msgspec.json.decode(body, type=Failed)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NoAnswer("unreachable", f"{address} answers, but has no stream of cycles", "is it fedsched's address?")
    return NoAnswer(found.what, found.text, found.hint)  # type: ignore[arg-type]  # words of another version pass


class Body:
    """An answer's bytes as they come. Both `take` and `begun` raise NoAnswer for what is not read to its end."""

    def __init__(self, address: str, timeout_s: float) -> None:
        self._address = address
        self._until = time.monotonic() + timeout_s
        self.bytes = bytearray()

    def begun(self, redirected_to: str | None) -> None:
        """Its head is there. A redirection is not followed, as names and questions would go there too."""
        if redirected_to is not None:
            text = f"{self._address} sends us on to {redirected_to[:200]!r}: that is not followed"
            raise NoAnswer("unreachable", text, "name that address")

    def take(self, more: bytes) -> None:
        """The next part of it."""
        self.bytes += more
        if len(self.bytes) > LARGEST:
            text = f"{self._address} sends more than {LARGEST >> 20} MiB: that is no answer of fedsched's"
            raise NoAnswer("unreachable", text)
        if time.monotonic() > self._until:
            raise NoAnswer("unreachable", f"{self._address} does not end its answer in time", NEXT)


def no_contact(address: str, error: Exception) -> NoAnswer:
    """Nobody answers, or it breaks off."""
    return NoAnswer("unreachable", f"no answer from {address}: {str(error) or type(error).__name__}", NEXT)


def _call(kind: type[D], *parts: str, **parameters: Any) -> Call[D]:
    path = "/".join(quote(part, safe="") for part in parts)
    return Call(f"/api/v1/{path}", kind, {name: one for name, one in parameters.items() if one not in {"", None}})


class _Versioned(msgspec.Struct):
    version: int = 0


def _version(body: bytes | bytearray) -> str:
    """A word on versions where it is a document of another one, else nothing."""
    from fedsched.client.documents import VERSION  # noqa: PLC0415 - only for this text

    try:
        version = msgspec.json.decode(body, type=_Versioned).version
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return f"(version {VERSION} of answers; it has {version}) " if version not in {0, VERSION} else ""
