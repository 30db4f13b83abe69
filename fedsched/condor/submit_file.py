"""A submit file becomes demand classes, by HTCondor's own reader of such files; runs only in a child process.

The file is a stranger's text: no program is run and no other file is read for it, whatever it says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from fedsched.condor.classes import demand_classes
from fedsched.condor.questions import ReadJobs, ReadSubmit, Submitted
from fedsched.condor.requests import JobNumbers
from fedsched.condor.rows import Row
from fedsched.condor.submit_ad import RefusedFileError, attributes
from fedsched.matchmaker import classad

# htcondor2 registers functions with the ClassAd library: it must be imported first.
import htcondor2  # isort: skip
import classad2  # isort: skip

MAX_BYTES = 256 * 1024
MOST_ITEMS = 10_000
MOST_JOBS = 1_000_000
_QUEUE = re.compile(r"^[ \t]*queue\b(?![ \t]*=)", re.IGNORECASE | re.MULTILINE)
_ELSEWHERE = re.compile(r"\bmatching\b|\bfrom\b(?!\s*(\[[^\]]*\]\s*)?\()|\|", re.IGNORECASE)
_LISTED = re.compile(r"\b(in|from)\b", re.IGNORECASE)
_COUNT = re.compile(r"\s*([0-9]{1,12})?\s*(?:[A-Za-z_][\w.]*[\s,]*)*$")
_INCLUDES = re.compile(r"^[ \t]*@?(include|use)\b[^=\n]*:", re.IGNORECASE | re.MULTILINE)


class Queued(NamedTuple):
    """What the queue statement says: so many jobs for each item (variables and their values)."""

    each: int
    items: tuple[dict[str, str], ...]


def read(question: ReadSubmit) -> Submitted:
    """The classes of a file's jobs. Raises RefusedFileError with one line."""
    submit = parsed(question.text)
    queued = queue_of(submit, question)
    rows = tuple(_rows(submit, queued, question))
    classes = demand_classes(rows, question.origin, question.terms, question.at)
    held = (_value(submit, "hold") or "false").lower()
    return Submitted(classes, sum(one.jobs + one.announced for one in rows), held not in {"false", "0", "no"})


def parsed(text: str) -> Any:
    """The file as HTCondor's reader has it. Raises RefusedFileError."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES or "\0" in text:
        raise RefusedFileError(f"no submit file: longer than {MAX_BYTES >> 10} KiB, or with NUL characters")
    if _INCLUDES.search(text):
        raise RefusedFileError("`include` and `use` read other files: write what they say into this one")
    try:
        return htcondor2.Submit(text)
    except (ValueError, htcondor2.HTCondorException) as error:
        said = " ".join(str(error).split())
        raise RefusedFileError(
            f"HTCondor cannot read it ({said}): look at each line: condor_submit -dry-run -"
        ) from None


def queue_of(submit: Any, question: ReadSubmit | ReadJobs) -> Queued:
    """Jobs and items of the one queue statement, or the count that was given instead. Raises RefusedFileError."""
    if question.count:
        return Queued(question.count, ({},))
    if len(_QUEUE.findall(question.text)) != 1:
        raise RefusedFileError("expected exactly one queue statement; or give the number of jobs: --count N")
    args = submit.getQArgs() or ""
    listed = _LISTED.search(args)
    if _ELSEWHERE.search(args) or (listed and "$" in args):
        raise RefusedFileError(
            "its queue statement reads other files or programs: write the items into it (queue X from (…)), "
            "or give the number of jobs: --count N"
        )
    each = _count(submit, args[: listed.start()] if listed else args, question.at)
    items = tuple(dict(one) for one in submit.itemdata() or ()) if listed else ({},)
    if not 0 < each * len(items) <= MOST_JOBS or len(items) > MOST_ITEMS:
        raise RefusedFileError(f"{each} jobs for each of {len(items)} items: expected 1 to {MOST_JOBS} jobs")
    return Queued(each, items)


def _count(submit: Any, said: str, at: float) -> int:
    """How many for each item: a number, or an expression of numbers and macros; 1 where nothing is said."""
    if "$" in said:
        submit["FedschedCount"] = said
        said = submit.expand("FedschedCount")
    plain = _COUNT.fullmatch(said)
    if plain:
        return int(plain[1] or 1)
    number = JobNumbers({"n": said}, at).number("n")
    if number is None or number != int(number):
        raise RefusedFileError("its queue statement's count is no whole number: give it: --count N")
    return int(number)


def _rows(submit: Any, queued: Queued, question: ReadSubmit) -> Iterator[Row]:
    """One row for all jobs alike. What differs only by $(Process) is told by the first job."""
    alike: Counter[tuple[tuple[str, str], ...]] = Counter()
    for item in queued.items:
        for name, value in item.items():
            submit[name] = value
        ad = attributes(lambda *names: _first(submit, names), list(submit.keys()), question.origin, question.user)
        if question.group:
            ad |= _grouped(question)
        if question.filesystem:
            ad["FileSystemDomain"] = question.filesystem
        alike[tuple(sorted((name, _spelt(value)) for name, value in ad.items()))] += queued.each
    for found, jobs in alike.items():
        ad = dict(found)
        most = JobNumbers(ad, question.at).number("JobMaterializeLimit")
        made = jobs if most is None else max(1, min(jobs, int(most)))
        yield Row(made, "", ad, jobs - made)


def _spelt(text: str) -> str:
    """An expression as a schedd spells it, so that the class is the one that it will be; else as it stands."""
    try:
        classad.check(text)
        return str(classad2.ExprTree(text))
    except (classad.Refused, classad2.ClassAdException, ValueError):
        return text


def _grouped(question: ReadSubmit) -> dict[str, str]:
    name = question.user.partition("@")[0]
    account = f"{question.group}.{name}"
    texts = {"AcctGroup": question.group, "AcctGroupUser": name, "AccountingGroup": account}
    return {key: classad.quote(text) for key, text in texts.items()}


def _first(submit: Any, names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := _value(submit, name))), "")


def _value(submit: Any, name: str) -> str:
    try:
        return str(submit.expand(name)).strip()
    except KeyError:
        return ""
