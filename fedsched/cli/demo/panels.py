"""The parts of the live view, each as lines of a given width; where they stand on the screen is decided elsewhere."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rich.text import Text

from fedsched.cli.demo.drawing import COLOURS, Ink, Part, bar, buckets, chart, columns, cut, marked
from fedsched.cli.demo.story import Happened, Site, Story, Waiting, busy, sites, waiting
from fedsched.journal import Recorded
from fedsched.matchmaker.explain import action, age, clause, word
from fedsched.matchmaker.model import Spike
from fedsched.matchmaker.reasons import Reason
from fedsched.matchmaker.resources import describe
from fedsched.study.losses import Loss
from fedsched.study.moment import Share

HOUR_S = 3600.0
LOUD = frozenset({"spike-began", "spike-ended", "spike-report", "member-state", "frozen", "placement-failed"})


class Look(NamedTuple):
    """What all parts draw from. lost: to evictions, by cause. inks: how jobs of a group are drawn. width: of a line."""

    story: Story
    last: Recorded
    lost: Mapping[str, Loss]
    ink: Ink
    inks: dict[str, Part]
    width: int

    def drawn(self, group: str) -> Part:
        """How jobs of the group are drawn in bars."""
        return self.inks.get(group, Part(0.0, self.ink.full or "?"))


def inks(story: Story, ink: Ink) -> dict[str, Part]:
    """A colour for each group, the same for as long as there are the same groups; without colours a letter."""
    return {
        group: Part(0.0, ink.full or group.rpartition(".")[2][:1].upper(), COLOURS[number % len(COLOURS)])
        for number, group in enumerate(sorted(_shares(story)))
    }


def _shares(story: Story) -> dict[str, Share]:
    """By community: who holds or wants something, and who is named in the policy; not what only others lie in."""
    if story.sums is None or story.last is None:
        return {}
    lines = {line.path for line in story.last.plan.shares if line.path and "/" not in line.path}
    parents = {line.parent for line in story.last.plan.shares if line.path in lines}
    return {group: Share() for group in lines - parents} | story.sums.shares


def clock(seconds: float) -> str:
    """Hours and minutes since the beginning."""
    minutes = int(seconds) // 60
    return f"{minutes // 60}:{minutes % 60:02d}"


def spike_line(look: Look) -> Text:
    """Whether there is a spike, and its bill so far."""
    spike, price = look.story.spike, look.story.price
    if spike is None:
        since = look.last.plan.memory.surge.above_since
        rising = f"demand is high for {age(look.last.plan.at - since)}" if since else "no spike"
        return _line(look, f"calm: {rising}; what runs costs {price:.2f}/h", "green")
    if spike.ended_at is None:
        lasts = age(look.last.plan.at - spike.began_at)
        return _line(look, f"SPIKE {spike.id} {lasts}: {_bill(spike)}, now {price:.2f}/h", "bold red")
    left = f"{len(spike.open_ids)} startds left" if spike.open_ids else "nothing left"
    return _line(look, f"spike {spike.id} over, {left}: {_bill(spike)}", "yellow" if spike.open_ids else "green")


def _bill(spike: Spike) -> str:
    return f"peak {spike.peak:.0f}, {spike.added} startds added, {spike.claimed} claimed, bill {spike.cost:.2f}"


class Curve(NamedTuple):
    """One chart: its values over time, what it is called and what it says now."""

    values: list[float]
    name: Text
    now: str


def curves(look: Look, wide: int) -> tuple[Curve, Curve, float]:
    """Demand and supply since the beginning, at least the last hour, in `wide` columns; and the scale of both."""
    samples, sums = look.story.samples, look.story.sums
    began = look.story.began_at
    span = began, max(samples[-1].at, began + HOUR_S)
    wanted = buckets([(s.at, s.waiting) for s in samples], span, wide)
    claimed = buckets([(s.at, s.claimed) for s in samples], span, wide)
    jobs, cores = (sums.idle_jobs, sums.idle) if sums else (0, 0.0)
    supply = sums.supply if sums else {}
    used, whole = busy(sums) if sums else 0.0, sum(supply.values())
    demand = Curve(wanted, Text("DEMAND", "bold red" if jobs else "bold"), f"{jobs} jobs wait, {cores:.0f} cores")
    return (
        demand,
        Curve(claimed, Text("SUPPLY", "bold green"), f"{used:.0f} of {whole:.0f} cores busy"),
        max(*wanted, *claimed, 1.0),
    )


def trends(look: Look) -> list[Text]:
    """Demand and supply, a line each."""
    said = 26
    wide = max(10, look.width - said - 10)
    demand, supply, most = curves(look, wide)
    lines = []
    for curve in (demand, supply):
        drawn = Text(chart(curve.values, most, (wide, 1), look.ink)[0], str(curve.name.style))
        lines.append(columns((curve.name, drawn, curve.now), (6, wide, said), frozenset(), look.ink.more))
    return lines


def charts(look: Look, rows: int) -> list[Text]:
    """Demand and supply beside each other, in `rows` lines with their headings."""
    wide = (look.width - 3) // 2
    demand, supply, most = curves(look, wide)
    drawn = [(curve, chart(curve.values, most, (wide, rows - 1), look.ink)) for curve in (demand, supply)]
    heads = [Text.assemble(curve.name, "  ", curve.now) for curve, _ in drawn]
    lines = [columns(heads, (wide + 1, wide), frozenset(), look.ink.more)]
    for left, right in zip(drawn[0][1], drawn[1][1], strict=True):
        cells = Text(left, str(demand.name.style)), Text(right, str(supply.name.style))
        lines.append(columns(cells, (wide + 1, wide), frozenset(), look.ink.more))
    return lines


def _heading(look: Look, cells: tuple[str, ...], widths: tuple[int, ...], rights: frozenset[int]) -> Text:
    head = columns(cells, widths, rights, look.ink.more)
    head.stylize("bold")
    return head


def _room(look: Look, *others: int) -> int:
    """What a table's other columns leave for one more."""
    return max(10, look.width - sum(others) - 2 * len(others))


def members(look: Look) -> list[Text]:
    """Each member: how full it is, and with whose jobs."""
    found, ink = sites(look.last), look.ink
    names = max([6, *(len(site.name) for site in found)])
    wide = _room(look, names, 11, 9, 5, 7)
    widths, rights = (names, 11, wide, 9, 5, 7), frozenset({3, 4, 5})
    legend = f"whose jobs; {ink.coming} starting {ink.going} idle"
    head = _heading(look, ("MEMBER", "STATE", legend, "CORES", "GPUS", "STARTDS"), widths, rights)
    return [head, *(columns(_site(look, site, wide), widths, rights, ink.more) for site in found)]


def _site(look: Look, site: Site, wide: int) -> tuple[Text | str, ...]:
    ink = look.ink
    jobs = [look.drawn(group)._replace(amount=cores) for group, cores in site.claimed]
    rest = [Part(site.starting, ink.coming), Part(site.idle + site.leaving, ink.going)]
    used = sum(cores for _, cores in site.claimed)
    whole = max(site.offered, used + site.starting + site.idle + site.leaving)
    state = Text(site.state, "green" if site.state == "ready" else "bold red")
    gpus = f"{site.gpus[0]}/{site.gpus[1]}" if site.gpus[1] else ""
    drawn = bar([*jobs, *rest], whole, wide, ink.empty)
    return site.name, state, drawn, f"{used:.0f}/{whole:.0f}", gpus, str(site.startds)


def communities(look: Look) -> list[Text]:
    """Each accounting group: what it holds against what it has a right to, in core-equivalents."""
    shares, ink = _shares(look.story), look.ink
    names = max([9, *(len(group) for group in shares)])
    wide = _room(look, names, 5, 8, 5, 5, 5)
    widths, rights = (names, wide, 5, 8, 5, 5, 5), frozenset({2, 3, 4, 5, 6})
    most = max([1.0, *(max(share.held, share.entitled) for share in shares.values())])
    legend = f"holds; {ink.mark} has a right to (core-equivalents)"
    head = _heading(look, ("COMMUNITY", legend, "HOLDS", "RIGHT TO", "WANTS", "RUN", "WAIT"), widths, rights)
    lines, jobs = [head], _jobs(look.last)
    for group, share in sorted(shares.items()):
        drawn = bar([look.drawn(group)._replace(amount=share.held)], most, wide, " ")
        if share.entitled > 0:
            drawn = marked(drawn, round(share.entitled / most * wide) - 1, ink.mark)
        short = "bold red" if share.short > max(1.0, 0.1 * share.entitled) else ""
        runs, waits = jobs.get(group, (0, 0))
        numbers = (f"{share.entitled:.0f}", f"{share.demand:.0f}", str(runs), str(waits))
        cells = (Text(group, look.drawn(group).style), drawn, Text(f"{share.held:.0f}", short), *numbers)
        lines.append(columns(cells, widths, rights, ink.more))
    return lines


def _jobs(last: Recorded) -> dict[str, tuple[int, int]]:
    """Running and idle jobs by group."""
    found: dict[str, tuple[int, int]] = {}
    for schedd in last.observation.schedds:
        for demand in schedd.classes:
            group = demand.principal.group or demand.principal.user
            runs, waits = found.get(group, (0, 0))
            found[group] = runs + demand.running, waits + demand.idle
    return found


def waits(look: Look, rows: int) -> list[Text]:
    """Who waits and why, most unmet first, in `rows` lines with the heading; in whole sentences where there is room."""
    found = waiting(look.last)
    names = min(20, max([9, *(len(_who(one)) for one in found)]))
    each = max([8, *(len(_request(look, one)) for one in found)])
    each = min(each, look.width // 4)
    widths, rights = (names, each, 5, 5, _room(look, names, each, 5, 5)), frozenset({2, 3})
    head = _heading(look, ("WHO WAITS", "EACH JOB", "IDLE", "UNMET", "WHY"), widths, rights)
    each_has = 3 if 3 * len(found) < rows else 1
    room = (rows - 1) // each_has if len(found) < rows else max(0, rows - 2)
    lines = [head]
    for one in found[:room]:
        lines.append(columns(_wait(look, one), widths, rights, look.ink.more))
        if each_has > 1 and one.report.why is not None:
            lines.extend(_sentence(look, one.report.why))
    if not found:
        lines.append(Text("nobody", "dim"))
    if len(found) > room:
        rest = sum(one.report.idle for one in found[room:])
        lines.append(Text(f"and {rest} jobs of {len(found) - room} more kinds", "dim"))
    return _filled(lines, rows)


def _sentence(look: Look, why: Reason) -> list[Text]:
    """The reason in full and what to do about it, in two lines at most."""
    parts = textwrap.wrap(f"{clause(why)}; {action(why)}", look.width - 2)
    return [Text(f"  {part}", "dim", no_wrap=True) for part in parts[:2]]


def _request(look: Look, one: Waiting) -> str:
    return describe(one.demand.request).replace(" · ", look.ink.between)


def _who(one: Waiting) -> str:
    return str(one.demand.principal).partition("@")[0]


def _wait(look: Look, one: Waiting) -> tuple[Text | str, ...]:
    group = one.demand.principal.group or one.demand.principal.user
    why = one.report.why
    text = clause(why) if one.report.unmet and why is not None else word(one.report)
    return (
        Text(_who(one), look.drawn(group).style),
        _request(look, one),
        str(one.report.idle),
        Text(str(one.report.unmet), "red" if one.report.unmet else ""),
        text,
    )


def evictions(look: Look) -> Text:
    """Jobs that lost their startd before they were done, by cause, and the work that went with them."""
    causes = sorted(look.lost.items(), key=lambda one: (-one[1].jobs, one[0]))
    hours = sum(loss.core_hours for _, loss in causes)
    told = ", ".join(f"{loss.jobs} {cause}" for cause, loss in causes)
    text = f"jobs back in the queue: {told}; {hours:.1f} core-hours lost" if causes else "none so far"
    return cut(Text.assemble(("EVICTIONS  ", "bold"), text), look.width, look.ink.more)


def notices(look: Look, rows: int) -> list[Text]:
    """What was said last, the newest at the bottom; of orders to leave only the last ones of a moment."""
    lines = [_notice(look, one) for one in list(look.story.notices)[-rows:]] if rows > 0 else []
    return _filled(lines, rows)


def _notice(look: Look, one: Happened) -> Text:
    style = "" if one.notice.kind in LOUD else "dim"
    text = Text.assemble((f"{clock(one.after_s):>5}  ", "dim"), (one.notice.text, style))
    return cut(text, look.width, look.ink.more)


def _line(look: Look, text: str, style: str) -> Text:
    return cut(Text(text, style), look.width, look.ink.more)


def _filled(lines: Iterable[Text], rows: int) -> list[Text]:
    """Exactly so many lines, so that nothing below jumps."""
    shown = list(lines)[:rows]
    return [*shown, *(Text() for _ in range(rows - len(shown)))]
