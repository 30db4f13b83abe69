"""What a pod of ours wrote, line by line with the time of each; which pods and for whom is not known here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from fedsched.kube.moments import epoch_s
from fedsched.kube.object_names import path
from fedsched.kube.pod_spec import CONTAINER
from fedsched.kube.stream import Lines
from fedsched.kube.transport import Transport, TransportError
from fedsched.kube.vetting import name_part
from fedsched.kube.wire import Wire
from fedsched.kube.wire_own import OwnPodItem
from fedsched.matchmaker.model.names import LABEL_JOB

MOST_BYTES = 8 * 2**20
"""Of one answer; whoever wants more follows the log, or asks for a later part."""
LONGEST_LINE = 16 * 1024
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
"""Annotation of a pod that names the container whose log is meant."""
SILENT_S = 300.0
"""A followed log may be silent for so long before its stream is opened anew."""
NO_RIGHT = "our account there may not read logs (get pods/log): it was made before fedsched asked for that"


class Line(msgspec.Struct, frozen=True):
    """One line. at: epoch seconds, as the node's clock told it."""

    at: float
    text: str


class LogAsk(msgspec.Struct, frozen=True):
    """Which part of a log. since: epoch seconds, None for its beginning. tail: lines, 0 for all.

    container: which one's; "" where the pod has but one. previous: what it wrote before it was started again.
    """

    since: float | None = None
    tail: int = 0
    container: str = CONTAINER
    previous: bool = False

    def query(self) -> dict[str, str]:
        """The parameters of the API."""
        found = {"container": self.container} if self.container else {}
        found["timestamps"] = "true"
        if self.previous:
            found["previous"] = "true"
        if self.since is not None:
            found["sinceTime"] = datetime.fromtimestamp(int(self.since), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self.tail:
            found["tailLines"] = str(self.tail)
        return found


class PodThere(NamedTuple):
    """A pod of ours that is there. over: its containers are. of_job: of a user's Job, whose containers are its own.

    containers: their names, the one first that is read where none is named; for Jobs with those that come before.
    """

    name: str
    over: bool
    containers: tuple[str, ...] = (CONTAINER,)
    of_job: bool = False

    def ask(self, ask: LogAsk, container: str = "") -> LogAsk | None:
        """The same question of this pod; None where it has no such container. container: "" for the first."""
        if not self.of_job:
            return ask if container in {"", CONTAINER} else None
        if container and container not in self.containers:
            return None
        return msgspec.structs.replace(ask, container=container or next(iter(self.containers), ""))


def there(pod: OwnPodItem) -> PodThere:
    """What is to be known of a pod before its log is read."""
    spec = pod.spec
    names = [one.name for one in (*spec.containers, *spec.init_containers)]
    wanted = pod.metadata.annotations.get(DEFAULT_CONTAINER, "")
    ordered = tuple(sorted(names, key=lambda name: name != wanted))
    over = pod.status.phase in {"Succeeded", "Failed"}
    if LABEL_JOB not in pod.metadata.labels:
        return PodThere(pod.metadata.name, over)
    return PodThere(pod.metadata.name, over, ordered, of_job=True)


def first_container(transport: Transport, namespace: str, pod: str, timeout_s: float) -> str:
    """The container of a user's Job that is read where none is named; "" where the pod is gone. TransportError.

    Asked by a list, for that our account may.
    """
    query = {"fieldSelector": f"metadata.name={name_part(pod, what='pod')}"}
    body = transport.get(path("Pod", namespace), query, timeout_s)
    try:
        pods = msgspec.json.decode(body, type=_Pods).items
    except msgspec.MsgspecError as error:
        raise TransportError("error", f"pod {pod} is told as what is none: {error}") from None
    return next((name for one in pods for name in there(one).containers), "")


class _Pods(Wire):
    """A list of pods."""

    items: tuple[OwnPodItem, ...] = ()


def read(transport: Transport, namespace: str, pod: str, ask: LogAsk, timeout_s: float = 15.0) -> tuple[Line, ...]:
    """The lines that there are; see `raw`."""
    return lines(raw(transport, namespace, pod, ask, timeout_s))


def raw(transport: Transport, namespace: str, pod: str, ask: LogAsk, timeout_s: float = 15.0) -> bytes:
    """The same as it came; nothing for a pod that is gone or whose container never began.

    TransportError for everything else: `lacks_right` tells the missing right from the rest.
    """
    try:
        return transport.get(_path(namespace, pod), ask.query(), timeout_s, largest=MOST_BYTES)
    except TransportError as error:
        if error.status in {400, 404}:
            return b""
        raise


def follow(transport: Transport, namespace: str, pod: str, ask: LogAsk) -> Lines:
    """The log as it grows, as raw lines for `lines`; ends with the container. TransportError as of `read`."""
    return transport.watch(_path(namespace, pod), ask.query() | {"follow": "true"}, SILENT_S)


def lacks_right(error: TransportError) -> bool:
    """Whether our account may not read logs there: it was made before fedsched asked for that."""
    return error.status == 403


def lines(body: bytes, before: float = 0.0) -> tuple[Line, ...]:
    """Lines with their times; one without a time has that of the line before it, the first one `before`."""
    return tuple(_lines(body, before))


def _lines(body: bytes, at: float) -> Iterator[Line]:
    for raw in body.split(b"\n"):
        if raw:
            text = raw[:LONGEST_LINE].decode("utf-8", "replace").rstrip("\r")
            stamp, _, rest = text.partition(" ")
            told = epoch_s(stamp)
            at = at if told is None else told
            yield Line(at, text if told is None else rest)


def _path(namespace: str, pod: str) -> str:
    return f"{path('Pod', namespace, name_part(pod, what='pod'))}/log"
