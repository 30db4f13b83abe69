"""The live view of the demo: bars, members, classes and what happened; it looks at plans and changes nothing."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fedsched.cli import output
from fedsched.matchmaker.explain import headline, word
from fedsched.matchmaker.resources import describe

if TYPE_CHECKING:
    from fedsched.matchmaker.model import DemandClass, Plan
    from fedsched.study.run import SimRun

PHASES = (
    ("starting", "yellow", "s"),
    ("unclaimed", "cyan", "u"),
    ("claimed", "green", "#"),
    ("leaving", "magenta", "l"),
)
KEPT = 5
MOST_CLASSES = 8


def live(run: SimRun, stop_s: float, frame_s: float) -> None:
    """Run to the end or to `stop_s`, one frame per cycle, `frame_s` real seconds each."""
    console = output.console()
    happened: deque[str] = deque(maxlen=KEPT)
    # Asked before Live takes standard output over and hides what it can show.
    blocks = {phase: output.symbol("█", plain) for phase, _, plain in PHASES}
    with Live(console=console, auto_refresh=False, transient=True, screen=False) as view:
        while not run.over and run.world.monotonic() < stop_s:
            began = time.monotonic()
            run.cycle()
            if run.plan is None:
                continue
            happened.extend(f"{_clock(run)}  {notice.text}" for notice in run.plan.notices)
            view.update(_frame(run, run.plan, happened, (console.width, blocks)), refresh=True)
            time.sleep(max(0.0, frame_s - (time.monotonic() - began)))


def _frame(run: SimRun, plan: Plan, happened: deque[str], shape: tuple[int, dict[str, str]]) -> Group:
    idle = sum(report.idle for report in plan.classes)
    title = Text(f"fedsched demo   {_clock(run)} h simulated   cycle {plan.cycle}   ", style="bold")
    title.append(f"{idle} jobs wait", style="bold red" if idle else "")
    told = [Text(line, no_wrap=True, overflow="ellipsis", style="dim") for line in happened]
    told += [Text("")] * (KEPT - len(told))
    return Group(title, Text(""), _members(run, plan, *shape), Text(""), *told, Text(""), _classes(run, plan))


def _members(run: SimRun, plan: Plan, width: int, blocks: dict[str, str]) -> Table:
    grid = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("MEMBER", "STATE", "STARTDS"):
        grid.add_column(title, no_wrap=True)
    room = max(20, width - 34)
    counts = {name: _phases(plan, name) for name in run.world.members}
    scale = max(1.0, max(sum(c.values()) for c in counts.values()) / room)
    for name, phases in sorted(counts.items()):
        memory = plan.memory.members.get(name)
        state = str(memory.state) if memory else "new"
        bar = Text()
        for phase, colour, _ in PHASES:
            bar.append(blocks[phase] * round(phases.get(phase, 0) / scale), style=colour)
        bar.append(f" {sum(phases.values())}" if phases else "")
        grid.add_row(name, Text(state, style="" if state == "ready" else "bold red"), bar)
    legend = Text("")
    for phase, colour, _ in PHASES:
        legend.append(f"{blocks[phase]} {phase}  ", style=colour)
    grid.add_row("", "", legend)
    return grid


def _phases(plan: Plan, member: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for held in plan.held:
        phase = "starting" if held.phase == "intended" else held.phase
        if held.placement.member == member and phase != "gone":
            found[phase] = found.get(phase, 0) + held.nodes
    return found


def _classes(run: SimRun, plan: Plan) -> Group:
    grid = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("PRINCIPAL", "EACH JOB", "IDLE", "UNMET", "WHY"):
        grid.add_column(title, no_wrap=True, justify="right" if title in {"IDLE", "UNMET"} else "left")
    demands: dict[str, DemandClass] = {
        demand.key: demand for schedd in run.world.schedds for demand in schedd.view().classes
    }
    shown = [r for r in sorted(plan.classes, key=lambda r: (-r.unmet, -r.idle, r.key)) if r.key in demands]
    for report in shown[:MOST_CLASSES]:
        demand = demands[report.key]
        grid.add_row(str(demand.principal), describe(demand.request), str(report.idle), str(report.unmet), word(report))
    for _ in range(MOST_CLASSES - len(shown)):
        grid.add_row("", "", "", "", "")
    worst = headline(demands[shown[0].key], shown[0]) if shown and shown[0].unmet else ""
    return Group(grid, Text(""), Text(worst))


def _clock(run: SimRun) -> str:
    minutes = int(run.world.monotonic()) // 60
    return f"{minutes // 60}:{minutes % 60:02d}"
