"""`submit --dry-run` for a queue of Jobs: a moment decided with them in it; nothing is submitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from fedsched.cli import output
from fedsched.cli.output import Exit, Format
from fedsched.cli.submit_schedd import code, show
from fedsched.matchmaker.model import DemandClass, Order, ScheddView, Snapshot

if TYPE_CHECKING:
    from fedsched.cli.moment import Moment
    from fedsched.cli.submitted import Ready


def dry_run(moment: Moment, queue: str, some: Sequence[Ready], form: Format) -> Exit:
    """Decide the moment with these Jobs in the queue, and show what becomes of them."""
    from fedsched.cli.verdict import displaced, judged

    before = moment.decided()
    after = moment.but(with_queued(moment.snapshot, queue, some)).decided()
    classes = _counted(some)
    verdicts = tuple(judged(one, before, after) for one in classes if one.idle)
    names = {one.key: one.principal for view in moment.snapshot.observation.schedds for one in view.classes}
    instead = displaced(before.plan, after.plan, frozenset(one.key for one in classes), names)
    held = sum(bool(one.new.held) for one in some)
    if form is Format.JSON:
        output.emit_json(
            "submit",
            source=moment.source,
            at=after.plan.at,
            stale=moment.stale,
            queue=queue,
            jobs=len(some),
            held=held,
            verdicts=verdicts,
            displaced=instead,
        )
    else:
        show(moment, verdicts, instead)
        if held:
            output.wrapped(
                f"{held} would be submitted on hold: none of them starts before `fedsched release`.", indent=2
            )
    return code(moment, verdicts)


def with_queued(snapshot: Snapshot, queue: str, some: Sequence[Ready]) -> Snapshot:
    """These Jobs are in that queue, too; a queue that held nothing so far answers for the first time."""
    from fedsched.federation.submitted import queued

    seen = snapshot.observation
    views = {view.name: view for view in seen.schedds}
    view = views.get(queue) or ScheddView(queue, "", seen_at=seen.at, reads=1, kind="jobs")
    known = {one.key: one for one in view.classes}
    known |= {one.key: one for one in _counted(some) if one.key not in known}
    jobs = (*view.jobs, *(queued(one.new.job, one.found) for one in some))
    views[queue] = msgspec.structs.replace(
        view,
        classes=tuple(one for _, one in sorted(known.items())),
        jobs=tuple(sorted(jobs, key=lambda job: job.id)),
    )
    schedds = tuple(one for _, one in sorted(views.items()))
    holds = tuple(Order("hold", one.new.job.uid, one.new.held, at=seen.at) for one in some if one.new.held)
    return msgspec.structs.replace(
        snapshot,
        observation=msgspec.structs.replace(seen, schedds=schedds),
        orders=(*snapshot.orders, *holds),
    )


def _counted(some: Sequence[Ready]) -> tuple[DemandClass, ...]:
    """Their classes with the Jobs that would wait for a place."""
    counts: Counter[str] = Counter()
    classes: dict[str, DemandClass] = {}
    for one in some:
        if one.found.demand is not None:
            classes[one.found.demand.key] = one.found.demand
            counts[one.found.demand.key] += not (one.new.held or one.found.suspended)
    return tuple(msgspec.structs.replace(one, idle=counts[key]) for key, one in sorted(classes.items()))
