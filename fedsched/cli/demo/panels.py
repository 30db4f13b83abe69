"""The parts of the live view, each as lines of a given width; where they stand on the screen is decided elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rich.text import Text

from fedsched.cli.demo.drawing import COLOURS, Ink, Part, bar, buckets, chart, columns, cut, marked
from fedsched.cli.demo.story import Happened, Site, Story, Waiting, sites, waiting
from fedsched.journal import Recorded
from fedsched.matchmaker.explain import age, clause, word
from fedsched.matchmaker.model import Spike
from fedsched.matchmaker.resources import describe
from fedsched.study.losses import Loss

HOUR_S = 3600.0
LOUD = frozenset({"spike-began", "spike-ended", "spike-report", "member-state", "frozen", "placement-failed"})


class Look(NamedTuple):
    """What all parts draw from. lost: to evictions, by cause. colours: by group. width: characters of a line."""

    story: Story
    last: Recorded
    lost: Mapping[str, Loss]
    ink: Ink
    colours: dict[str, str]
    width: int


def colours(story: Story) -> dict[str, str]:
    """A colour for each group, the same for as long as there are the same groups."""
    groups = sorted(story.sums.shares) if story.sums else []
    return {group: COLOURS[number % len(COLOURS)] for number, group in enumerate(groups)}


def clock(seconds: float) -> str:
    """Hours and minutes since the beginning."""
    minutes = int(seconds) // 60
    return f"{minutes // 60}:{minutes % 60:02d}"


def title(text: str, look: Look) -> Text:
    """The heading of a part."""
    rule = look.ink.line * max(0, look.width - len(text) - 1)
    return Text.assemble((text, "bold"), (f" {rule}", "dim"), no_wrap=True)


def spike_line(look: Look) -> Text:
    """Whether there is a spike, and its bill so far."""
    spike, price = look.story.spike, look.story.price
    if spike is None:
        since = look.last.plan.memory.surge.above_since
        rising = f"demand is high for {age(look.last.plan.at - since)}" if since else "no spike"
        return _line(look, f"calm: {rising}; what runs costs {price:.2f}/h", "green")
    if spike.ended_at is None:
        lasts = age(look.last.plan.at - spike.began_at)
        return _line(look, f"SPIKE {spike.id} for {lasts}: {_bill(spike)}; costs {price:.2f}/h", "bold red")
    left = f", {len(spike.open_ids)} of its startds still there" if spike.open_ids else ", nothing of it is left"
    return _line(look, f"spike {spike.id} is over{left}: {_bill(spike)}", "yellow" if spike.open_ids else "green")


def _bill(spike: Spike) -> str:
    return f"peak {spike.peak:.0f} cores, {spike.added} startds added, {spike.claimed} claimed, bill {spike.cost:.2f}"


def charts(look: Look, rows: int) -> list[Text]:
    """Demand and supply since the beginning, at least the last hour, on one scale; `rows` high each."""
    samples = look.story.samples
    wide = max(10, look.width - 34)
    began = look.story.began_at
    span = began, max(samples[-1].at, began + HOUR_S)
    wanted = buckets([(s.at, s.waiting) for s in samples], span, wide)
    claimed = buckets([(s.at, s.claimed) for s in samples], span, wide)
    most = max(*wanted, *claimed, 1.0)
    lines = _chart(look, wanted, (most, wide, rows), _demand(look))
    return [*lines, *_chart(look, claimed, (most, wide, rows), _supply(look))]


def _chart(look: Look, values: list[float], shape: tuple[float, int, int], words: tuple[Text, Text]) -> list[Text]:
    most, wide, rows = shape
    label, said = words
    drawn = chart(values, most, (wide, rows), look.ink)
    lines = []
    for number, row in enumerate(drawn):
        beside = said if number == rows - 1 else Text()
        head = label if number == rows - 1 else Text()
        lines.append(columns((head, Text(row, style=str(label.style)), beside), (7, wide, 21), frozenset(), "~"))
    return lines


def _demand(look: Look) -> tuple[Text, Text]:
    sums = look.story.sums
    jobs, cores = (sums.idle_jobs, sums.idle) if sums else (0, 0.0)
    return Text("DEMAND", "bold red" if jobs else "bold"), Text(f"{jobs} jobs, {cores:.0f} cores wait")


def _supply(look: Look) -> tuple[Text, Text]:
    supply = look.story.sums.supply if look.story.sums else {}
    claimed = supply.get("claimed", 0.0)
    return Text("SUPPLY", "bold green"), Text(f"{claimed:.0f} of {sum(supply.values()):.0f} cores busy")


def members(look: Look) -> list[Text]:
    """Each member: how full it is, and with whose jobs."""
    found = sites(look.last)
    names = max(8, *(len(site.name) for site in found)) if found else 8
    wide = max(10, look.width - names - 42)
    widths = (names, 11, wide, 11, 7, 7)
    rights = frozenset({3, 4, 5})
    ink = look.ink
    legend = f"whose jobs, {ink.coming} starting {ink.going} idle"
    head = columns(("MEMBER", "STATE", legend, "CORES", "GPUS", "STARTDS"), widths, rights, ink.more)
    head.stylize("bold")
    return [head, *(columns(_site(look, site, wide), widths, rights, ink.more) for site in found)]


def _site(look: Look, site: Site, wide: int) -> tuple[Text | str, ...]:
    ink = look.ink
    busy = [Part(cores, ink.full, look.colours.get(group, "white")) for group, cores in site.claimed]
    rest = [Part(site.starting, ink.coming, "white"), Part(site.idle + site.leaving, ink.going, "white")]
    used = sum(cores for _, cores in site.claimed)
    whole = max(site.offered, used + site.starting + site.idle + site.leaving)
    state = Text(site.state, "green" if site.state == "ready" else "bold red")
    gpus = f"{site.gpus[0]}/{site.gpus[1]}" if site.gpus[1] else ""
    drawn = bar([*busy, *rest], whole, wide, ink.empty)
    return site.name, state, drawn, f"{used:.0f}/{whole:.0f}", gpus, str(site.startds)


def communities(look: Look) -> list[Text]:
    """Each accounting group: what it holds against what it has a right to."""
    shares = look.story.sums.shares if look.story.sums else {}
    names = max([9, *(len(group) for group in shares)])
    wide = max(10, look.width - names - 38)
    widths = (names, wide, 6, 9, 7, 7)
    rights = frozenset({2, 3, 4, 5})
    ink = look.ink
    most = max([1.0, *(max(share.held, share.entitled) for share in shares.values())])
    head = columns(
        ("COMMUNITY", f"holds, {ink.mark} has a right to (cores)", "HOLDS", "RIGHT TO", "WANTS", "JOBS"),
        widths,
        rights,
        ink.more,
    )
    head.stylize("bold")
    lines, jobs = [head], _jobs(look.last)
    for group, share in sorted(shares.items()):
        drawn = bar([Part(share.held, ink.full, look.colours.get(group, "white"))], most, wide, " ")
        if share.entitled > 0:
            drawn = marked(drawn, round(share.entitled / most * wide) - 1, ink.mark)
        short = "bold red" if share.short > max(1.0, 0.1 * share.entitled) else ""
        numbers = (f"{share.held:.0f}", f"{share.entitled:.0f}", f"{share.demand:.0f}", f"{jobs.get(group, 0)}")
        cells = (Text(group, look.colours.get(group, "")), drawn, Text(numbers[0], short), *numbers[1:])
        lines.append(columns(cells, widths, rights, ink.more))
    return lines


def _jobs(last: Recorded) -> dict[str, int]:
    """Idle and running jobs by group."""
    found: dict[str, int] = {}
    for schedd in last.observation.schedds:
        for demand in schedd.classes:
            group = demand.principal.group or demand.principal.user
            found[group] = found.get(group, 0) + demand.idle + demand.running
    return found


def waits(look: Look, rows: int) -> list[Text]:
    """Who waits and why, most unmet first, in `rows` lines with the heading."""
    found = waiting(look.last)
    names = max([9, *(len(one.demand.principal.group or one.demand.principal.user) for one in found)])
    each = 24 if look.width >= 100 else 16
    widths = (names, each, 5, 5, max(10, look.width - names - each - 18))
    rights = frozenset({2, 3})
    head = columns(("WAITS", "EACH JOB", "IDLE", "UNMET", "WHY"), widths, rights, look.ink.more)
    head.stylize("bold")
    room = rows - 1 if len(found) <= rows - 1 else max(0, rows - 2)
    lines = [head, *(columns(_wait(look, one), widths, rights, look.ink.more) for one in found[:room])]
    if not found:
        lines.append(Text("nobody", "dim"))
    if len(found) > room:
        rest = sum(one.report.idle for one in found[room:])
        lines.append(Text(f"and {rest} jobs of {len(found) - room} more kinds", "dim"))
    return _filled(lines, rows)


def _wait(look: Look, one: Waiting) -> tuple[Text | str, ...]:
    group = one.demand.principal.group or one.demand.principal.user
    why = one.report.why
    text = clause(why) if one.report.unmet and why is not None else word(one.report)
    return (
        Text(group, look.colours.get(group, "")),
        describe(one.demand.request),
        str(one.report.idle),
        Text(str(one.report.unmet), "red" if one.report.unmet else ""),
        text,
    )


def evictions(look: Look) -> Text:
    """Jobs that lost their startd before they were done, by cause, and the work that went with them."""
    causes = sorted(look.lost.items(), key=lambda one: (-one[1].jobs, one[0]))
    hours = sum(loss.core_hours for _, loss in causes)
    told = ", ".join(f"{loss.jobs} {cause}" for cause, loss in causes)
    text = f"jobs back in the queue: {told}; {hours:.1f} core-hours to do again" if causes else "none so far"
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
