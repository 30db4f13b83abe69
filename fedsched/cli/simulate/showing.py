"""The report of a simulation in the terminal: what it came to, then tables that fit; the page lives in the study."""

from __future__ import annotations

from collections.abc import Sequence

from fedsched.cli import output
from fedsched.cli.output import Column
from fedsched.matchmaker.explain import age
from fedsched.study.report.tables import Sheet, compared, run_names, sheets, shown
from fedsched.study.report.verdict import Verdict
from fedsched.study.result import Result

LINES = (
    ("jobs", ("jobs", "jobs_done", "jobs_waiting", "jobs_removed", "jobs_returned")),
    ("waits", ("wait_p50_s", "wait_p95_s", "wait_max_s")),
    (
        "of queues",
        (
            "queue_jobs",
            "queue_jobs_done",
            "queue_jobs_failed",
            "queue_jobs_left",
            "queue_wait_p50_s",
            "queue_wait_p95_s",
        ),
    ),
    ("use", ("utilisation", "use_of_held", "claimed_core_hours", "offered_core_hours")),
    ("contended", ("contended_cycles", "peak_unmet_jobs", "unmet_core_hours")),
    ("fairness error", ("fairness_error", "fairness_error_core_hours")),
    ("evictions", ("evictions", "eviction_core_hours")),
    ("startds", ("placed", "placed_never_claimed", "cost")),
)
WORDS = {
    "jobs": "submitted",
    "jobs_done": "done",
    "jobs_waiting": "never ran and wait",
    "jobs_removed": "removed by their owner",
    "jobs_returned": "lost a slot",
    "wait_p50_s": "p50",
    "wait_p95_s": "p95",
    "wait_max_s": "the longest",
    "utilisation": "of what members offered",
    "use_of_held": "of what startds held",
    "claimed_core_hours": "used",
    "offered_core_hours": "offered",
    "contended_cycles": "of the cycles",
    "peak_unmet_jobs": "jobs at most without a place",
    "unmet_core_hours": "unmet",
    "fairness_error": "of what was entitled and wanted",
    "fairness_error_core_hours": "short",
    "queue_jobs": "Kubernetes Jobs",
    "queue_jobs_done": "complete",
    "queue_jobs_failed": "failed",
    "queue_jobs_left": "not over",
    "queue_wait_p50_s": "p50 of their waits",
    "queue_wait_p95_s": "p95",
    "evictions": "jobs lost their slot or copy",
    "eviction_core_hours": "of work lost",
    "placed": "placed",
    "placed_never_claimed": "never used",
    "cost": "cost",
}


def show(results: Sequence[Result], verdict: Verdict) -> None:
    """One run in full; several side by side."""
    first = results[0]
    output.wrapped(first.about.title or first.about.scenario)
    for result in results:
        output.wrapped(_line(result))
    for result in results:
        if result.about.stopped:
            output.wrapped(result.about.stopped)
    if len(results) > 1:
        _sheet(compared(results, run_names(results)))
    else:
        _one(first)
    _verdict(results, verdict)


def _line(result: Result) -> str:
    about = result.about
    return (
        f"policy {about.policy}, seed {about.seed}: {age(result.numbers['simulated_s'])} simulated, "
        f"{result.numbers['cycles']:,.0f} cycles in {about.seconds:.1f} s"
    )


def _one(result: Result) -> None:
    output.line()
    for title, names in LINES:
        known = [(name, result.numbers.get(name)) for name in names]
        texts = [f"{shown(name, value)} {WORDS[name]}" for name, value in known if value is not None]
        if texts:
            output.labelled(title, [", ".join(texts)], 14)
    if result.about.over:
        left = f"{len(result.left)}: {', '.join(result.left[:5])}" if result.left else "nothing"
        zero = shown("to_zero_s", result.numbers.get("to_zero_s"))
        output.labelled("left behind", [f"{left}, {zero} after the last job"], 14)
    for sheet in sheets(result):
        if sheet.rows:
            _sheet(sheet)


def _sheet(sheet: Sheet) -> None:
    output.line()
    output.line(f"{sheet.title}")
    output.table(tuple(Column(h.title, h.rank, h.right) for h in sheet.headings), sheet.rows)


def _verdict(results: Sequence[Result], verdict: Verdict) -> None:
    output.line()
    if verdict.missed:
        output.line("not as expected:")
        for one in verdict.missed:
            output.wrapped(one, 2)
    elif verdict.ranges:
        output.line(f"as expected: all {verdict.ranges} ranges of expect.toml hold")
    for result in results:
        if not result.numbers["contended_cycles"]:
            output.note(f"{result.about.policy}: nobody had to wait for room, so the run shows little")
