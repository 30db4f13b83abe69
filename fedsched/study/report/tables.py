"""Tables of a report, as texts: the terminal and the page show the same ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from fedsched.matchmaker.explain import age
from fedsched.matchmaker.model import Spike
from fedsched.study.numbers import meaning
from fedsched.study.ramps import Ramp
from fedsched.study.result import Result

SECONDS = "s"
HOURS = "core-hours"
HIGHLIGHTS = (
    "jobs_done",
    "wait_p50_s",
    "wait_p95_s",
    "utilisation",
    "fairness_error",
    "evictions",
    "eviction_core_hours",
    "cost",
)
"""What a reader wants first."""
COMPARED = (
    "jobs_done",
    "jobs_waiting",
    "jobs_removed",
    "queue_jobs_done",
    "queue_jobs_failed",
    "queue_wait_p50_s",
    "queue_wait_p95_s",
    "wait_p50_s",
    "wait_p95_s",
    "wait_max_s",
    "claimed_core_hours",
    "idle_core_hours",
    "unmet_core_hours",
    "utilisation",
    "use_of_held",
    "contended_cycles",
    "fairness_error",
    "fairness_error_core_hours",
    "evictions",
    "eviction_core_hours",
    "placed",
    "placed_never_claimed",
    "spikes",
    "spike_half_s",
    "spike_full_s",
    "cost",
)
"""What a comparison shows of every run, before groups and members."""


class Heading(msgspec.Struct, frozen=True):
    """A column. right: numbers; rank: what is left out first on a narrow terminal has the highest, 0 always stays."""

    title: str
    right: bool = True
    rank: int = 0


class Sheet(msgspec.Struct, frozen=True):
    """One table. empty: what is said instead when it has no rows; note: what one must know to read it."""

    name: str
    title: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = ""
    note: str = ""


def shown(name: str, value: float | None) -> str:
    """A number as a person reads it, with its unit; "-" for what never happened."""
    if value is None:
        return "-"
    unit = meaning(name).unit
    if unit == SECONDS:
        return age(value)
    if unit:
        return f"{value:,.1f} {unit}" if unit != "currency" else f"{value:,.2f}"
    return percent(value) if name.partition(".")[0] in PARTS else f"{value:,.0f}"


PARTS = frozenset({"contended_cycles", "utilisation", "use_of_held", "fairness_error"})
"""Numbers between 0 and 1 that are read as percent."""


def percent(part: float) -> str:
    """A part as percent with one digit."""
    return f"{100 * part:.1f} %"


def sheets(result: Result) -> tuple[Sheet, ...]:
    """All tables of one run, in their order."""
    tables = (_groups, _members, _spikes, _unclaimed, _losses, _unmet, _unused)
    return tuple(table(result) for table in tables)


def run_names(results: Sequence[Result]) -> tuple[str, ...]:
    """What runs are called in a comparison: their policies, numbered where two have one name."""
    names = [result.about.policy for result in results]
    return tuple(
        f"{name} ({names[:place].count(name) + 1})" if names.count(name) > 1 else name
        for place, name in enumerate(names)
    )


def compared(results: Sequence[Result], names: Sequence[str]) -> Sheet:
    """Numbers of several runs, called by `names`, side by side; the last columns: how far each is from the first."""
    first = results[0].numbers
    keys = [key for key in _compared_keys(results) if any(result.numbers.get(key) for result in results)]
    rows = []
    for key in keys:
        values = [result.numbers.get(key) for result in results]
        changes = [change(first.get(key), value) for value in values[1:]]
        rows.append((_label(key), *(_bare(key, value) for value in values), *changes))
    others = [f"{name} / {names[0]}" for name in names[1:]] if len(names) > 2 else ["CHANGE"]
    headings = (Heading("NUMBER", right=False), *map(Heading, names), *(Heading(title, rank=1) for title in others))
    return Sheet("compared", "Side by side", headings, tuple(rows))


def change(before: float | None, after: float | None) -> str:
    """How far `after` is from `before`, in percent; a word where that says nothing."""
    if before is None or after is None:
        return "-"
    if before == after:
        return "same"
    if not before:
        return "from 0"
    percents = 100 * (after - before) / abs(before)
    return f"{percents:+.0f} %" if abs(percents) >= 1 else f"{percents:+.1g} %"


def _compared_keys(results: Sequence[Result]) -> Iterator[str]:
    yield from COMPARED
    known = {key for result in results for key in result.numbers}
    for kind in ("wait_p50_s", "wait_p95_s", "fairness_error", "utilisation", "cost", "evictions", "unmet"):
        yield from sorted(key for key in known if key.startswith(f"{kind}."))


def _bare(key: str, value: float | None) -> str:
    """The number without its unit where the label has it."""
    return shown(key, value).removesuffix(f" {meaning(key).unit}") if meaning(key).unit == HOURS else shown(key, value)


def _label(key: str) -> str:
    """`wait_p50_s.physics.cms` reads as "wait p50, physics.cms"."""
    kind, _, of = key.partition(".")
    kind = kind if meaning(key).unit != HOURS or kind.endswith("core_hours") else f"{kind}_core_hours"
    words = kind.removesuffix("_s").replace("core_hours", "core-hours").replace("_", " ")
    return f"{words}, {of}" if of else words


def _groups(result: Result) -> Sheet:
    numbers = result.numbers
    rows = tuple(
        (
            one.group or "no group",
            f"{one.jobs:,}",
            f"{one.done:,}",
            f"{one.waiting:,}",
            _age(one.p50_s),
            _age(one.p95_s),
            _age(one.most_s),
            f"{numbers.get(f'held.{one.group}', 0.0):,.1f}",
            f"{numbers.get(f'entitled.{one.group}', 0.0):,.1f}",
            percent(numbers.get(f"fairness_error.{one.group}", 0.0)),
        )
        for one in result.waits
    )
    titles = ("JOBS", "DONE", "WAITING", "WAIT P50", "WAIT P95", "LONGEST", "HELD", "ENTITLED", "ERROR")
    ranks = (0, 0, 1, 0, 0, 2, 2, 2, 0)
    headings = (Heading("GROUP", right=False), *(Heading(t, rank=r) for t, r in zip(titles, ranks, strict=True)))
    note = (
        "Waits: from submission to the first slot; who never ran counts with the wait so far. Held, entitled: "
        "core-equivalent-hours while the group wanted something. Error: part of its right that it wanted and had not."
    )
    return Sheet("groups", "Groups", headings, rows, "No job was submitted.", note)


def _members(result: Result) -> Sheet:
    numbers = result.numbers
    rows = tuple(
        (
            member,
            f"{numbers.get(f'offered_core_hours.{member}', 0.0):,.0f}",
            f"{numbers.get(f'claimed_core_hours.{member}', 0.0):,.0f}",
            percent(numbers.get(f"utilisation.{member}", 0.0)),
            f"{numbers.get(f'cost.{member}', 0.0):,.2f}",
        )
        for member in sorted(result.series.names("offered"))
    )
    headings = (Heading("MEMBER", right=False), *map(Heading, ("OFFERED", "USED", "UTILISATION", "COST")))
    note = "Offered, used: core-hours that others did not use, and that jobs held. Cost: at the member's own prices."
    return Sheet("members", "Members", headings, rows, "No member was seen.", note)


def _spikes(result: Result) -> Sheet:
    titles = (
        "BEGAN",
        "LASTED",
        "PEAK",
        "ADDED",
        "CLAIMED",
        "NEVER",
        "FIRST CLAIM",
        "HALF",
        "90 %",
        "UNCLAIMED",
        "COST",
    )
    ranks = (0, 0, 0, 0, 0, 1, 2, 1, 0, 3, 0)
    headings = (Heading("SPIKE", right=False), *(Heading(t, rank=r) for t, r in zip(titles, ranks, strict=True)))
    begins = result.about.begins
    note = (
        "Began: after the beginning. Peak: core-equivalents of unmet demand. Added, claimed, never: startds. "
        "First claim, half, 90 %: from its begin until the first claim, and until jobs held that part of the most that "
        "they held in it. Unclaimed: time that pods ran without a job."
    )
    rows = tuple(_spike(ramp, begins) for ramp in result.ramps)
    return Sheet("spikes", "Spikes: ramp and bill", headings, rows, "No spike began.", note)


def _spike(ramp: Ramp, begins: float) -> tuple[str, ...]:
    spike: Spike = ramp.spike
    return (
        spike.id,
        age(spike.began_at - begins),
        "not over" if spike.ended_at is None else age(spike.ended_at - spike.began_at),
        f"{spike.peak:,.0f}",
        str(spike.added),
        str(spike.claimed),
        str(sum(count for _, count in spike.never_claimed)),
        _age(spike.first_claim_s),
        _age(ramp.half_s),
        _age(ramp.full_s),
        age(sum(seconds for _, _, seconds in spike.unclaimed_s)),
        f"{spike.cost:,.2f}",
    )


def _losses(result: Result) -> Sheet:
    headings = (Heading("CAUSE", right=False), Heading("JOBS"), Heading("CORE-HOURS LOST"))
    rows = tuple((cause, f"{loss.jobs:,}", f"{loss.core_hours:,.1f}") for cause, loss in result.losses.items())
    note = "Work since a job's last start, up to the last cycle that saw it run."
    return Sheet("losses", "Evictions, by cause", headings, rows, "No job lost its slot.", note)


def _unmet(result: Result) -> Sheet:
    prefix = "unmet."
    found = [(key.removeprefix(prefix), hours) for key, hours in result.numbers.items() if key.startswith(prefix)]
    total = sum(hours for _, hours in found)
    rows = tuple(
        (cause, f"{hours:,.1f}", percent(hours / total)) for cause, hours in sorted(found, key=lambda one: -one[1])
    )
    headings = (Heading("REASON", right=False), Heading("CORE-HOURS"), Heading("PART"))
    note = (
        "What jobs wanted while they waited and nothing was on its way for them, by the dominant reason of their class."
    )
    return Sheet("unmet", "Unmet demand, by reason", headings, rows, "Nothing stayed unmet.", note)


def _unused(result: Result) -> Sheet:
    headings = (Heading("CAUSE", right=False), Heading("STARTDS"))
    rows = tuple((cause, f"{count:,}") for cause, count in result.never_claimed.items())
    return Sheet("unused", "Startds that nobody used", headings, rows, "Every startd was used.")


def _unclaimed(result: Result) -> Sheet:
    """The bill of over-provisioning, summed over spikes."""
    found: Counter[tuple[str, str]] = Counter()
    for ramp in result.ramps:
        for member, cause, seconds in ramp.spike.unclaimed_s:
            found[member, cause] += round(seconds)
    rows = tuple((member, cause, f"{seconds / 3600:,.1f}") for (member, cause), seconds in sorted(found.items()))
    headings = (Heading("MEMBER", right=False), Heading("CAUSE", right=False), Heading("POD-HOURS"))
    note = "Time in which pods of spikes ran without a job: by where, and by what they waited for or ended of."
    return Sheet(
        "unclaimed", "Paid for and not used", headings, rows, "Every pod of a spike had a job all the time.", note
    )


def _age(seconds: float | None) -> str:
    return "-" if seconds is None else age(seconds)
