"""Pods of one simulated member that wait for a node, in line by what they ask; no node is known here."""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Callable, Iterator

from fedsched.matchmaker.resources import Resources
from fedsched.sim.pods import Pod, Waiting

Kind = tuple[Resources, str]
"""What pods alike ask, and the one node that they may go to, "" for any of their group."""
Line = list[tuple[Waiting, Pod]]


class Lines:
    """By group and kind; of pods alike the first that finds no room speaks for all."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[Kind, Line]] = {}
        self._kinds: dict[str, Kind] = {}

    def __iter__(self) -> Iterator[Pod]:
        """All that wait, the site's own first, then by age."""
        return (
            pod for _, pod in sorted(one for kinds in self._lines.values() for line in kinds.values() for one in line)
        )

    @property
    def groups(self) -> set[str]:
        """Groups for which somebody waits."""
        return {group for group, kinds in self._lines.items() if kinds}

    def join(self, pod: Pod) -> None:
        """The pod waits from now on."""
        kind = (pod.request, pod.pinned.name if pod.pinned is not None else "")
        self._kinds[pod.uid] = kind
        bisect.insort(self._lines.setdefault(pod.group, {}).setdefault(kind, []), (Waiting.of(pod), pod))

    def leave(self, pod: Pod) -> None:
        """The pod waits no more; it need not have."""
        kind = self._kinds.pop(pod.uid, None)
        if kind is None:
            return
        line = self._lines[pod.group][kind]
        del line[bisect.bisect_left(line, (Waiting.of(pod), pod))]
        if not line:
            del self._lines[pod.group][kind]

    def serve(self, group: str, serve: Callable[[Pod], bool]) -> list[Pod]:
        """Offer a place to each in turn; those of whom nobody has said yet why there is none for them."""
        kinds = self._lines.get(group, {})
        heads = [(line[0], kind) for kind, line in kinds.items()]
        heapq.heapify(heads)
        refused: list[Pod] = []
        while heads:
            (_, pod), kind = heapq.heappop(heads)
            if not serve(pod):
                refused += _untold(kinds[kind])
                continue
            self.leave(pod)
            if kind in kinds:
                heapq.heappush(heads, (kinds[kind][0], kind))
        return refused


def _untold(line: Line) -> list[Pod]:
    """Newcomers stand at the end, but for the site's own, which have a line of their own kind only by chance."""
    found = []
    for _, pod in reversed(line):
        if pod.problem:
            break
        found.append(pod)
    return found[::-1]
