"""Asks several members at once for logs and events; one that does not answer is named and holds up nobody."""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import msgspec

from fedsched.answers.concerned import Concern, by_member
from fedsched.client.documents import EventLine, LogLine
from fedsched.kube.join.refusal import JoinError
from fedsched.kube.kept_logs import KeptLogs
from fedsched.kube.onlooker import NoRightError, Onlooker
from fedsched.kube.pod_logs import LogAsk, PodThere
from fedsched.kube.transport import TransportError

if TYPE_CHECKING:
    from fedsched.config.settings import Federation, MemberFile

PODS_AT_ONCE = 8
"""Of one member."""
MOST_PODS = 200
"""Of one member whose logs one question reads: a Job may have ten thousand."""
MOST_STREAMS = 64
"""Logs that are followed at once for one question: each has a thread."""
HOLD_S = 1.0
"""A line waits so long for older ones of other members before it is shown."""
AGAIN_S = 2.0
"""A stream that broke, and pods that came, are looked for so often."""
T = TypeVar("T")


class Gathered(msgspec.Struct, frozen=True):
    """What members answered. asked: how many were; silent: those of them that did not answer at all."""

    logs: tuple[LogLine, ...] = ()
    events: tuple[EventLine, ...] = ()
    unread: tuple[str, ...] = ()
    asked: int = 0
    silent: int = 0


class Gathering:
    """Members of one federation."""

    def __init__(self, settings: Federation, members: Iterable[MemberFile]) -> None:
        self._settings = settings
        self._members = {member.name: member for member in members}
        self.kept = KeptLogs(settings.records / "logs", settings.keep_logs_mib * 2**20)

    def logs(self, about: Sequence[Concern], ask: LogAsk, container: str = "") -> Gathered:
        """Lines of all pods of these placements, those that are there and those that were kept; by time.

        container: of users' Jobs which one's; "" for the first, which alone is kept.
        """
        left_out: list[str] = []

        def of_member(onlooker: Onlooker, some: list[Concern]) -> list[tuple[LogLine, ...]]:
            pods = sorted(_pods(onlooker, some), key=lambda pod: pod.over)
            if len(pods) > MOST_PODS:
                left_out.append(_left_out(some[0].member, len(pods) - MOST_PODS))
            pods = pods[:MOST_PODS]
            asked = [(pod.name, of_it) for pod in pods if (of_it := pod.ask(ask, container)) is not None]
            with ThreadPoolExecutor(PODS_AT_ONCE) as pool:
                return list(pool.map(lambda one: onlooker.log(*one), asked))

        found, gathered = self._each(about, of_member)
        there = [line for lines in found for line in lines]
        kept = () if container or ask.previous else self._kept(about, {(one.member, one.pod) for one in there}, ask)
        lines = [*there, *kept]
        lines.sort(key=lambda line: line.at)
        unread = (*gathered.unread, *sorted(left_out))
        return msgspec.structs.replace(gathered, logs=tuple(lines[-ask.tail :] if ask.tail else lines), unread=unread)

    def events(self, about: Sequence[Concern]) -> Gathered:
        """What Kubernetes says of these placements."""
        found, gathered = self._each(about, lambda o, some: [o.events([one.object_name for one in some])])
        return msgspec.structs.replace(gathered, events=tuple(line for lines in found for line in lines))

    def follow(
        self,
        find: Callable[[], Sequence[Concern]],
        ask: LogAsk,
        container: str = "",
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[LogLine | str]:
        """Lines as they are written, by time over members; a text says what cannot be read, once.

        find: what is followed, asked again and again: new pods come. Ends when everything found is over, or soon after
        `stopped` says so.
        """
        return _Following(self._open, find, (ask, container)).lines(stopped)

    def _kept(self, about: Sequence[Concern], there: set[tuple[str, str]], ask: LogAsk) -> Iterator[LogLine]:
        """Of pods that are gone. A pod that is there tells its log itself."""
        some = by_member(about)
        for kept in self.kept.all():
            mine = any(one.has_pod(kept.pod) for one in some.get(kept.member, ()))
            if mine and (kept.member, kept.pod) not in there:
                lines = [line for line in self.kept.read(kept) if ask.since is None or line.at >= ask.since]
                for line in lines[-ask.tail :] if ask.tail else lines:
                    yield LogLine(line.at, kept.member, kept.pod, line.text, kept=True)

    def _each(
        self, about: Sequence[Concern], ask: Callable[[Onlooker, list[Concern]], list[T]]
    ) -> tuple[list[T], Gathered]:
        """Each member in a thread of its own."""
        some = by_member(about)

        def one(name: str) -> tuple[list[T], str, bool]:
            try:
                onlooker = self._open(name)
            except JoinError as error:
                return [], f"{name}: {error}", True
            try:
                return ask(onlooker, some[name]), "", False
            except NoRightError as error:
                return [], f"{name}: {error}", False
            except (TransportError, ValueError) as error:
                return [], f"{name} does not answer: {error}", True
            finally:
                onlooker.close()

        with ThreadPoolExecutor(max(1, len(some))) as pool:
            answers = list(pool.map(one, sorted(some)))
        unread = tuple(why for _, why, _ in answers if why)
        silent = sum(was_silent for _, _, was_silent in answers)
        return [part for parts, _, _ in answers for part in parts], Gathered((), (), unread, len(some), silent)

    def _open(self, name: str) -> Onlooker:
        member = self._members.get(name)
        if member is None:
            raise JoinError("it is no member any more", f"fedsched join {name}")
        return Onlooker(member, self._settings.credentials)


def _pods(onlooker: Onlooker, some: Sequence[Concern]) -> tuple[PodThere, ...]:
    """Pods that are there; where single ones were asked for, these."""
    only = {one.only for one in some}
    pods = onlooker.pods([one.placement for one in some])
    return pods if "" in only else tuple(pod for pod in pods if pod.name in only)


def _left_out(member: str, many: int) -> str:
    return f"{member}: {many} further pods are not read: ask for one of them by its name"


class _Following:
    """Streams of many pods, merged by time."""

    def __init__(
        self, connect: Callable[[str], Onlooker], find: Callable[[], Sequence[Concern]], ask: tuple[LogAsk, str]
    ) -> None:
        """`ask`: which part of each log, and of which container of users' Jobs."""
        self._connect = connect
        self._find = find
        self._ask, self._container = ask
        self._said: queue.SimpleQueue[LogLine | str] = queue.SimpleQueue()
        self._onlookers: dict[str, Onlooker] = {}
        self._streams: dict[tuple[str, str], threading.Thread] = {}
        self._last: dict[tuple[str, str], float] = {}
        self._over: set[tuple[str, str]] = set()
        self._told: set[str] = set()

    def lines(self, stopped: Callable[[], bool]) -> Iterator[LogLine | str]:
        """See Gathering.follow."""
        waiting: list[tuple[float, int, float, LogLine]] = []
        count, again_at = 0, 0.0
        try:
            while not stopped():
                now = time.monotonic()
                if now >= again_at:
                    going, again_at = self._look(), now + AGAIN_S
                    if not (going or waiting or self._said.qsize()):
                        return
                for said in self._heard():
                    if isinstance(said, str):
                        yield said
                    else:
                        count += 1
                        heapq.heappush(waiting, (said.at, count, time.monotonic(), said))
                while waiting and time.monotonic() - waiting[0][2] >= HOLD_S:
                    yield heapq.heappop(waiting)[3]
        finally:
            for onlooker in self._onlookers.values():
                onlooker.close()

    def _heard(self) -> Iterator[LogLine | str]:
        """What came, waiting a little for the first."""
        try:
            yield self._said.get(timeout=HOLD_S / 4)
            while True:
                yield self._said.get_nowait()
        except queue.Empty:
            return

    def _look(self) -> bool:
        """Begin what is new or broke; whether anything is being followed or may come."""
        alive = False
        for name, some in by_member(self._find()).items():
            try:
                pods = _pods(self._onlooker(name), some)
            except (TransportError, JoinError, ValueError) as error:
                self._tell(f"{name} does not answer: {error}")
                alive = True
                continue
            standing = any(not one.gone for one in some)
            alive = alive or (standing and not pods)
            for pod in pods:
                alive = self._begin(name, pod) or alive
        return alive or any(stream.is_alive() for stream in self._streams.values())

    def _begin(self, member: str, pod: PodThere) -> bool:
        key = (member, pod.name)
        stream = self._streams.get(key)
        ask = pod.ask(self._ask, self._container)
        if ask is None or key in self._over or (stream is not None and stream.is_alive()):
            return False
        if sum(one.is_alive() for one in self._streams.values()) >= MOST_STREAMS:
            self._tell(f"{MOST_STREAMS} pods are followed already; the others when one of these is over")
            return True
        if pod.over:
            self._over.add(key)  # read once more, to its end
        thread = threading.Thread(target=self._stream, args=(*key, ask), name=f"log {pod.name}", daemon=True)
        self._streams[key] = thread
        thread.start()
        return True

    def _stream(self, member: str, pod: str, ask: LogAsk) -> None:
        key = (member, pod)
        last = self._last.get(key, 0.0)
        ask = LogAsk(since=last, container=ask.container) if last else ask
        try:
            for batch in self._onlooker(member).follow(pod, ask, last):
                for line in batch:
                    self._last[key] = line.at
                    self._said.put(line)
        except NoRightError as error:
            self._over.add(key)
            self._tell(f"{member}: {error}")
        except (TransportError, JoinError, ValueError) as error:
            self._tell(f"{member} does not answer: {error}")

    def _onlooker(self, member: str) -> Onlooker:
        if member not in self._onlookers:
            self._onlookers[member] = self._connect(member)
        return self._onlookers[member]

    def _tell(self, text: str) -> None:
        """Once each."""
        if text not in self._told:
            self._told.add(text)
            self._said.put(text)
