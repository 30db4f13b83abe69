"""Single jobs asked of their schedds: one by its name, or all of them in pages; each question in a child process."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Literal, Self

import msgspec

from fedsched.condor.demand import terms
from fedsched.condor.processes import Children, QueryFailed
from fedsched.condor.questions import AskJobs, FindSchedds, JobLine, JobLines, JobWord, Schedds
from fedsched.condor.roster import Entry, Moment, Roster
from fedsched.config.settings import Federation, PoolSettings
from fedsched.matchmaker.model import FoundJob

MOST = 1000
"""Most jobs of one page."""
AT_ONCE = 8
"""Schedds that are asked at the same time."""
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_AFTER = re.compile(r"(?P<schedd>.{1,256})#(?P<cluster>[0-9]{1,9})\.(?P<proc>[0-9]{1,9})")

State = Literal["idle", "running", "held", "elsewhere", "finished"]
_STATES: dict[JobWord, State] = {
    "idle": "idle",
    "running": "running",
    "transferring": "running",
    "suspended": "running",
    "held": "held",
    "removed": "finished",
    "completed": "finished",
}


class Silent(msgspec.Struct, frozen=True):
    """Who did not answer, a schedd or a pool's collector, and why; one line."""

    name: str
    error: str


class JobsAsked(msgspec.Struct, frozen=True):
    """Which jobs. schedds, states: () for all. user, group: globs; of a group also what lies below it.

    limit: 1 to MOST on a page. after: `JobsPage.after` of the page before.
    """

    schedds: tuple[str, ...] = ()
    user: str = "*"
    group: str = "*"
    states: tuple[JobWord, ...] = ()
    limit: int = 100
    after: str = ""


class JobsPage(msgspec.Struct, frozen=True):
    """Jobs by schedd and id. total: all that fit at the schedds that answered. after: for the next page, "" at the end.

    schedds: (name, jobs that fit) of each that answered. at: epoch seconds of the answer.
    """

    jobs: tuple[JobLine, ...]
    total: int
    after: str = ""
    schedds: tuple[tuple[str, int], ...] = ()
    silent: tuple[Silent, ...] = ()
    at: float = 0.0


_ALL = JobsAsked()
NONE_BEFORE = (0, -1)


class Found(msgspec.Struct, frozen=True):
    """Where a job's number is in a queue: one line per schedd that has it; silent: who could not say."""

    jobs: tuple[JobLine, ...]
    silent: tuple[Silent, ...] = ()


class JobAds:
    """Asks the schedds of all pools. Child processes are kept between questions until `close`."""

    def __init__(self, settings: Federation) -> None:
        self._settings = settings
        # Jobs are looked at one by one: how many classes a schedd may have does not matter here (MA7).
        self._terms = terms(settings, 1)
        self._children = {pool.name: Children(pool, settings.cadence.query_limit_s) for pool in settings.pools}
        self._threads = ThreadPoolExecutor(AT_ONCE, "job-ads")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the child processes; a question under way fails."""
        for children in self._children.values():
            children.close()
        self._threads.shutdown(cancel_futures=True)

    def find(self, number: str, schedd: str = "") -> Found:
        """The job "4711.3", or the first one of cluster "4711", at that schedd or at any. ValueError for no number.

        Where no queue has it, the schedds' histories of the last days are asked.
        """
        if not _NUMBER.fullmatch(number):
            raise ValueError(f"{number[:80]!r} is no job's number: as in 4711.3")
        entries, silent = self._schedds((schedd,) if schedd else ())
        answers = self._each(entries, lambda entry: self._question(entry, number=number))
        found = _lines(answers)
        if not found:
            here = [entry for entry, one in zip(entries, answers, strict=True) if isinstance(one, JobLines)]
            # A schedd that keeps no history, or lets nobody read it, has told of its queue all the same.
            found = _lines(self._each(here, lambda entry: self._question(entry, number=number, past=True)))
        return Found(found, (*silent, *_silent(answers)))

    def page(self, asked: JobsAsked) -> JobsPage:
        """One page. ValueError for an `after` that is none of ours or a limit that is out of bounds."""
        if not 1 <= asked.limit <= MOST:
            raise ValueError(f"a page has 1 to {MOST} jobs, not {asked.limit}")
        begin, after = _position(asked.after)
        entries, silent = self._schedds(asked.schedds)
        counts = self._each(entries, lambda entry: self._question(entry, asked))
        answered = [(entry, one) for entry, one in zip(entries, counts, strict=True) if isinstance(one, JobLines)]
        having = [entry for entry, count in answered if count.total and entry.view.name >= begin]
        filled = self._filled(having, asked, {begin: after})
        return JobsPage(
            filled.jobs,
            sum(count.total for _, count in answered),
            filled.after,
            tuple((entry.view.name, count.total) for entry, count in answered),
            (*silent, *_silent(counts), *filled.silent),
            time.time(),
        )

    def _filled(self, entries: Sequence[Entry], asked: JobsAsked, after: Mapping[str, tuple[int, int]]) -> JobsPage:
        """Jobs of one schedd after the other until the page is full: no more are held than are shown."""
        jobs: list[JobLine] = []
        silent: list[Silent] = []
        more = False
        for entry in entries:
            if more or len(jobs) == asked.limit:
                more = True
                break
            begin = after.get(entry.view.name, NONE_BEFORE)
            question = msgspec.structs.replace(self._question(entry, asked), after=begin, limit=asked.limit - len(jobs))
            answer = self._ask(entry, question)
            if isinstance(answer, Silent):
                silent.append(answer)
                continue
            jobs += answer.jobs
            more = answer.more
        last = f"{jobs[-1].schedd}#{jobs[-1].job}" if more and jobs else ""
        return JobsPage(tuple(jobs), len(jobs), last, silent=tuple(silent))

    def _question(self, entry: Entry, asked: JobsAsked = _ALL, *, number: str = "", past: bool = False) -> AskJobs:
        """About one job, or only how many jobs there are."""
        which = (number, past, asked.user, asked.group, asked.states)
        return AskJobs(entry.schedd, entry.view.pool, self._terms, *which)

    def _each(self, entries: Sequence[Entry], question: Callable[[Entry], AskJobs]) -> list[JobLines | Silent]:
        return list(self._threads.map(lambda entry: self._ask(entry, question(entry)), entries))

    def _ask(self, entry: Entry, question: AskJobs) -> JobLines | Silent:
        try:
            answer = self._children[entry.view.pool].ask(question)
        except QueryFailed as failed:
            return Silent(entry.view.name, str(failed))
        return answer if isinstance(answer, JobLines) else Silent(entry.view.name, "an answer to another question")

    def _schedds(self, names: Sequence[str]) -> tuple[list[Entry], tuple[Silent, ...]]:
        """The schedds of these names (all for none) as their pools list them, and who is not there or is silent."""
        roster = Roster(self._settings.pools, self._settings.cadence.poll_s)
        silent: list[Silent] = []
        now = Moment(time.time(), time.monotonic())
        for pool, answer in zip(self._settings.pools, self._threads.map(self._find, self._settings.pools), strict=True):
            if isinstance(answer, Silent):
                silent.append(answer)
            else:
                roster.listed(pool.name, answer.found, now)
        entries = sorted(roster.due(now, early=True), key=lambda entry: entry.view.name)
        if not names:
            return entries, tuple(silent)
        known = {entry.view.name: entry for entry in entries}
        silent += [Silent(name, "no collector lists such a schedd") for name in names if name not in known]
        return [known[name] for name in sorted(set(names) & known.keys())], tuple(silent)

    def _find(self, pool: PoolSettings) -> Schedds | Silent:
        try:
            answer = self._children[pool.name].ask(FindSchedds(pool.collector))
        except QueryFailed as failed:
            return Silent(f"pool {pool.name}", str(failed))
        return answer if isinstance(answer, Schedds) else Silent(f"pool {pool.name}", "an answer to another question")


def find_job(settings: Federation, number: str, schedd: str = "") -> FoundJob | None:
    """The job "4711.3" at that schedd, or at any; None where no queue has it.

    QueryFailed when nobody has it and somebody did not answer. ValueError for what is no number, and for one that
    several schedds have: it names them.
    """
    with JobAds(settings) as ads:
        return found_job(ads, number, schedd)


def found_job(ads: JobAds, number: str, schedd: str = "") -> FoundJob | None:
    """As find_job, with children that stay."""
    found = ads.find(number, schedd)
    if len(found.jobs) > 1:
        names = ", ".join(f"{line.job}@{line.schedd}" for line in found.jobs[:5])
        raise ValueError(f"{number} is a job of several schedds: {names}")
    if not found.jobs and found.silent:
        raise QueryFailed("; ".join(f"{one.name}: {one.error}" for one in found.silent[:3]))
    return told(found.jobs[0]) if found.jobs else None


def jobs(settings: Federation, asked: JobsAsked) -> JobsPage:
    """One page of jobs; see JobAds.page."""
    with JobAds(settings) as ads:
        return ads.page(asked)


def told(line: JobLine) -> FoundJob:
    """A line as `explain` takes it; whether a slot is one of ours ("elsewhere") is the caller's to say."""
    detail = line.detail or line.host or (line.state if _STATES[line.state] != line.state else "")
    since = line.since or None
    return FoundJob(
        line.job, line.schedd, _STATES[line.state], line.class_key, detail, since, line.principal, line.request
    )


def _lines(answers: Iterable[JobLines | Silent]) -> tuple[JobLine, ...]:
    return tuple(line for answer in answers if isinstance(answer, JobLines) for line in answer.jobs)


def _silent(answers: Iterable[JobLines | Silent]) -> tuple[Silent, ...]:
    return tuple(answer for answer in answers if isinstance(answer, Silent))


def _position(after: str) -> tuple[str, tuple[int, int]]:
    if not after:
        return "", NONE_BEFORE
    found = _AFTER.fullmatch(after)
    if found is None:
        raise ValueError(f"{after[:80]!r} is no place in a list of jobs: as in ce1.example.org#4711.3")
    return found["schedd"], (int(found["cluster"]), int(found["proc"]))
