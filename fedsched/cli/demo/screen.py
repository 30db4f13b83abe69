"""The live view: what stands where on a screen of any size, drawn a few times a second; it changes nothing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from fedsched.cli import output
from fedsched.cli.demo import panels
from fedsched.cli.demo.drawing import BLOCKS, PLAIN, cut
from fedsched.cli.demo.panels import Look, clock
from fedsched.cli.demo.story import Story
from fedsched.study.losses import Loss

FRAMES_PER_S = 6
SPEED_OVER_S = 3.0
"""Real seconds over which the present speed is measured."""
SLOW = 0.8
"""Below this part of the speed asked for, the speed that it has is told too."""
ROOMY = 34
"""Lines from which on parts have space between them and charts are higher than one line."""
WIDE = 170
"""Columns from which on there are two columns of parts."""
GAP = 3
"""Characters between these."""


class Pace(Protocol):
    """Virtual time and its speed."""

    speed: float

    def monotonic(self) -> float:
        """Virtual seconds since the beginning."""
        ...


class Screen:
    """One view of one demo; `lost`: jobs and work that evictions cost, by cause."""

    def __init__(self, story: Story, pace: Pace, lost: Mapping[str, Loss]) -> None:
        self.dashboard = ""
        """Its address, once there is one."""
        self.folder = ""
        """What to look around in from another terminal."""
        self.window_s = 0.0
        """From then on nobody submits, simulated seconds; 0 where that is not known."""
        self._story = story
        self._pace = pace
        self._lost = lost
        self._passed: deque[tuple[float, float]] = deque()
        self._ink = PLAIN if not output.symbol("█", "") else BLOCKS

    def opened(self, address: str) -> None:
        """Its dashboard is there."""
        self.dashboard = address

    @contextmanager
    def live(self) -> Iterator[None]:
        """Drawn until the end of the block, on a screen of its own that leaves nothing behind."""
        console = output.console()
        with Live(
            console=console,
            get_renderable=lambda: self.frame(console),
            refresh_per_second=FRAMES_PER_S,
            screen=True,
            transient=True,
            vertical_overflow="crop",
        ):
            yield

    def frame(self, console: Console) -> Group:
        """The whole screen at this moment."""
        width, height = console.size
        return Group(*self.lines(width, height))

    def lines(self, width: int, height: int) -> list[Text]:
        """Exactly as many lines as the screen has, none longer than it is wide."""
        last = self._story.last
        if last is None:
            return [cut(self._head(), width, self._ink.more)]
        look = Look(self._story, last, dict(self._lost), self._ink, panels.inks(self._story, self._ink), width)
        head = [self._head(), panels.spike_line(look)]
        body = _wide(look, height - 3) if width >= WIDE else _tall(look, height - 3)
        lines = [*head, *body[: height - 3], self._foot()]
        return [cut(line, width, self._ink.more) for line in lines[:height]]

    def _head(self) -> Text:
        last = self._story.last
        now, window = self._pace.monotonic(), clock(self.window_s)
        of = f" of {window} h simulated" if now < self.window_s else " simulated, all is in"
        text = Text.assemble(("fedsched demo ", "bold reverse"), "  ", (clock(now), "bold"), of)
        text.append(f"   {self._speed()}")
        text.append(f"   cycle {last.plan.cycle}" if last else "   starting")
        return text

    def _foot(self) -> Text:
        parts = ["Ctrl-C ends"]
        parts += [f"dashboard: {self.dashboard}"] if self.dashboard else []
        parts += [f"fedsched q --config {self.folder}"] if self.folder else []
        return Text(self._ink.between.join(parts), "dim")

    def _speed(self) -> str:
        """The speed; where the machine does not keep up with it, also the one that it has."""
        times = "×" if self._ink is BLOCKS else "x"  # noqa: RUF001 - a multiplication sign
        now = time.monotonic(), self._pace.monotonic()
        self._passed.append(now)
        while len(self._passed) > 1 and now[0] - self._passed[0][0] > SPEED_OVER_S:
            self._passed.popleft()
        then = self._passed[0]
        real = now[0] - then[0]
        asked = self._pace.speed
        has = (now[1] - then[1]) / real if real > 1 else asked
        slow = f" ({has:.0f}{times} now)" if has < SLOW * asked else ""
        return f"speed {asked:g}{times}{slow}"


def _tall(look: Look, height: int) -> list[Text]:
    """Parts below each other."""
    roomy = height >= ROOMY
    tables = [panels.members(look), panels.communities(look)]
    rows = max(4, min(9, height // 6))
    top = panels.charts(look, rows) if roomy else panels.trends(look)
    left = height - (5 if roomy else 0) - len(top) - sum(map(len, tables)) - 1
    told = max(1, left // 2)
    last = [panels.evictions(look), *panels.notices(look, told)]
    parts = [top, *tables, panels.waits(look, max(2, left - told)), last]
    return _joined([[], *parts] if roomy else parts, gap=roomy)


def _wide(look: Look, height: int) -> list[Text]:
    """Two columns below the charts: members and who waits on the left, communities and what happened on the right."""
    half = (look.width - GAP) // 2
    left, right = look._replace(width=half), look._replace(width=look.width - GAP - half)
    top = panels.charts(look, max(3, min(14, height // 3)))
    upper = _beside(panels.members(left), panels.communities(right), half)
    rows = max(3, height - len(top) - len(upper) - 3)
    last = [panels.evictions(right), *panels.notices(right, rows - 1)]
    return _joined([[], top, upper, _beside(panels.waits(left, rows), last, half)], gap=True)


def _beside(left: list[Text], right: list[Text], width: int) -> list[Text]:
    """Two parts beside each other; the left one is `width` wide."""
    count = max(len(left), len(right))
    pairs = zip(_padded(left, count), _padded(right, count), strict=True)
    return [Text.assemble(one, " " * (width + GAP - len(one)), other, no_wrap=True) for one, other in pairs]


def _joined(parts: list[list[Text]], *, gap: bool) -> list[Text]:
    lines: list[Text] = []
    for number, part in enumerate(parts):
        if number and gap:
            lines.append(Text())
        lines.extend(part)
    return lines


def _padded(lines: list[Text], count: int) -> list[Text]:
    return [*lines, *(Text() for _ in range(count - len(lines)))]
