"""One member looked at for a person: pods, logs and events of some placements of ours; it writes nothing there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fedsched.client.documents import EventLine, LogLine
from fedsched.config.settings import MemberFile
from fedsched.kube import pod_logs
from fedsched.kube.join import credentials
from fedsched.kube.moments import epoch_s
from fedsched.kube.object_names import path
from fedsched.kube.pod_logs import LogAsk, PodThere
from fedsched.kube.transport import Transport, TransportError, one_line
from fedsched.kube.wire import Meta, Wire
from fedsched.kube.wire_own import Involved, OwnPodItem
from fedsched.log import scrub
from fedsched.matchmaker.model.names import LABEL_PLACEMENT

AT_ONCE = 40
"""Placements that one question names."""
PAGE = "500"
MOST_PAGES = 20
REQUESTS_PER_S = 20.0
ASK_S = 8.0


class NoRightError(Exception):
    """Our account may not do it at this member; the text says what and how that is mended."""


class _Event(Wire):
    metadata: Meta = msgspec.field(default_factory=Meta)
    involved_object: Involved = msgspec.field(default_factory=Involved)
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int = 0
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None


class _Page(Wire):
    metadata: Any = None
    items: tuple[msgspec.Raw, ...] = ()


class Onlooker:
    """Asks one member. Raises JoinError for a credential that cannot be used; calls raise TransportError."""

    def __init__(self, member: MemberFile, folder: Path) -> None:
        """`folder`: where credentials lie."""
        self.member = member
        self._transport = Transport(credentials.load(folder / member.credential), REQUESTS_PER_S)

    def close(self) -> None:
        """Nothing may be asked afterwards; streams end."""
        self._transport.close()

    def pods(self, placements: Sequence[str]) -> tuple[PodThere, ...]:
        """Pods of these placements that are there, by name."""
        found = []
        for start in range(0, len(placements), AT_ONCE):
            some = ",".join(placements[start : start + AT_ONCE])
            query = {"labelSelector": f"{LABEL_PLACEMENT} in ({some})"}
            items = (msgspec.json.decode(raw, type=OwnPodItem) for raw in self._items("Pod", query))
            found += [pod_logs.there(pod) for pod in items]
        return tuple(sorted(found))

    def log(self, pod: str, ask: LogAsk) -> tuple[LogLine, ...]:
        """What a pod wrote, without secrets. NoRightError where that may not be read."""
        try:
            return tuple(self._line(pod, line) for line in pod_logs.read(self._transport, self._space, pod, ask))
        except TransportError as error:
            raise self._refused(error) from None

    def follow(self, pod: str, ask: LogAsk, last_at: float = 0.0) -> Iterator[tuple[LogLine, ...]]:
        """The same as it is written, what is newer than `last_at`; ends with the container or the stream."""
        try:
            stream = pod_logs.follow(self._transport, self._space, pod, ask)
        except TransportError as error:
            if error.status in {400, 404}:
                return
            raise self._refused(error) from None
        for batch in stream.batches():
            lines = pod_logs.lines(b"\n".join(batch), last_at)
            yield tuple(self._line(pod, line) for line in lines if line.at > last_at)

    def events(self, objects: Sequence[str]) -> tuple[EventLine, ...]:
        """Kubernetes' events about these objects and their pods, as long as the member keeps them."""
        found = []
        for raw in self._items("Event", {}):
            event = msgspec.json.decode(raw, type=_Event)
            name = event.involved_object.name
            if any(name == one or name.startswith(f"{one}-") for one in objects):
                found.append(self._event(event))
        return tuple(sorted(found, key=lambda line: line.at))

    @property
    def _space(self) -> str:
        return self.member.namespace

    def _line(self, pod: str, line: pod_logs.Line) -> LogLine:
        return LogLine(line.at, self.member.name, pod, scrub(line.text))

    def _event(self, event: _Event) -> EventLine:
        times = (event.last_timestamp, event.event_time, event.first_timestamp)
        at = next((moment for moment in map(epoch_s, times) if moment is not None), 0.0)
        often = f" ({event.count} times)" if event.count > 1 else ""
        about = f"{event.involved_object.kind} {event.involved_object.name}"
        words = one_line(scrub(event.message)) + often
        return EventLine(at, self.member.name, one_line(about), "kubernetes", one_line(event.reason), words)

    def _items(self, kind: str, query: dict[str, str]) -> Iterator[msgspec.Raw]:
        """All of a kind in our namespace, page by page. TransportError, also for what is no list."""
        more: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            answer = self._transport.get(path(kind, self._space), query | {"limit": PAGE} | more, ASK_S)
            try:
                page = msgspec.json.decode(answer, type=_Page)
            except msgspec.MsgspecError as error:
                raise TransportError("error", f"{self.member.name} answers with what is no list: {error}") from None
            yield from page.items
            rest = page.metadata.get("continue") if isinstance(page.metadata, dict) else None
            if not rest:
                return
            more = {"continue": str(rest)}

    def _refused(self, error: TransportError) -> Exception:
        if not pod_logs.lacks_right(error):
            return error
        return NoRightError(f"{pod_logs.NO_RIGHT}; join again to grant it: fedsched join {self.member.name}")
