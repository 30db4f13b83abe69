"""Files that are submitted, read and taken apart into drafts of Jobs; whether they may be is said elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fedsched.cli.output import Exit, Failure

if TYPE_CHECKING:
    from fedsched.config.settings import Federation

STDIN = Path("-")


class Draft(NamedTuple):
    """One Job of a file. where: "FILE, line 7". stem: what it is called where it has no name. process: its $(Process).

    held: why it waits for `release`, "" where it does not. process: None for a Job of a Kubernetes manifest.
    """

    manifest: dict[str, Any]
    where: str
    stem: str
    priority: int = 0
    held: str = ""
    process: int | None = None


class Reading(NamedTuple):
    """What the files say. notes: for people, each once."""

    drafts: tuple[Draft, ...]
    notes: tuple[str, ...]


class Text(NamedTuple):
    """One file as it was read. kind: "kubernetes", "condor", or "" for neither."""

    file: Path
    text: str
    kind: str


def text_of(file: Path, largest: int) -> str:
    """What stands in a file, or comes from standard input for "-". Failure (usage) for what cannot be read."""
    try:
        if file == STDIN:
            content = sys.stdin.buffer.read(largest + 1)
        else:
            with file.open("rb") as opened:
                content = opened.read(largest + 1)
    except OSError as error:
        raise Failure(Exit.USAGE, f"{file}: {error.strerror}", "name a submit file or a manifest of Jobs") from None
    if len(content) > largest:
        raise Failure(Exit.USAGE, f"{file}: larger than {largest >> 10} KiB", "is it the right file? else split it")
    return content.decode("utf-8", "replace")


def texts(files: Sequence[Path]) -> tuple[Text, ...]:
    """All files with their kinds. Failure (usage) where one is of none, or standard input is asked for twice."""
    from fedsched.kube.jobs.files import MOST_TEXT, kind_of

    if list(files).count(STDIN) > 1:
        raise Failure(Exit.USAGE, "standard input was named twice", "name it once")
    found = []
    for file in files:
        text = text_of(file, MOST_TEXT)
        kind = kind_of(text)
        if not kind:
            cause = "neither a Kubernetes manifest (apiVersion, kind) nor an HTCondor submit file (queue)"
            raise Failure(Exit.USAGE, f"{file}: {cause}", "look at it; both kinds: docs/submit.md")
        found.append(Text(file, text, kind))
    return tuple(found)


def drafts(some: Sequence[Text], settings: Federation, cluster: int, count: int) -> Reading:
    """The Jobs of all files. cluster: what $(Cluster) is. count: instead of queue statements. Failure (usage)."""
    from fedsched.kube.jobs.documents import DocumentError
    from fedsched.kube.jobs.files import MOST_JOBS
    from fedsched.kube.jobs.submit_commands import SubmitRefusedError

    found: list[Draft] = []
    notes: dict[str, None] = {}
    for one in some:
        try:
            made = _manifests(one) if one.kind == "kubernetes" else _condor(one, settings, (cluster, count), notes)
            found += made
        except DocumentError as error:
            raise Failure(Exit.USAGE, f"{one.file}: {error}", "mend the file; what it may be: docs/submit.md") from None
        except SubmitRefusedError as error:
            raise Failure(
                Exit.USAGE, f"{one.file}: {error}", f"or, to a schedd that flocks here: condor_submit {one.file}"
            ) from None
        if len(found) > MOST_JOBS:
            raise Failure(Exit.USAGE, f"more than {MOST_JOBS} Jobs at once", "submit them in parts")
    return Reading(tuple(found), tuple(notes))


def _manifests(one: Text) -> Iterator[Draft]:
    from fedsched.kube.jobs.files import jobs_of

    for job in jobs_of(one.text):
        yield Draft(job.manifest, f"{one.file}, {job.where}", _stem(one.file))


def _condor(one: Text, settings: Federation, asked: tuple[int, int], notes: dict[str, None]) -> Iterator[Draft]:
    import time

    from fedsched.condor.processes import QueryFailed
    from fedsched.condor.questions import ReadJobs
    from fedsched.condor.submit_reader import read_jobs
    from fedsched.kube.jobs.files import MOST_JOBS
    from fedsched.kube.jobs.from_submit_file import job_of
    from fedsched.kube.jobs.submit_commands import Given

    cluster, count = asked
    try:
        jobs = read_jobs(ReadJobs(one.text, cluster, time.time(), MOST_JOBS, count))
    except QueryFailed as failed:
        raise Failure(Exit.USAGE, f"{one.file}: {failed}", "mend the file; its language: condor_submit(1)") from None
    for process, job in enumerate(jobs):
        given = Given(job.commands, job.arguments, job.environment, one.text)
        made = job_of(given, settings.machine_resources)
        notes |= dict.fromkeys(f"{one.file}: {note}" for note in made.notes)
        stem = given("batch_name", "my.jobbatchname").strip('"') or _stem(one.file)
        yield Draft(made.manifest, f"{one.file}, job {process}", stem, made.priority, made.held, process)


def _stem(file: Path) -> str:
    return "job" if file == STDIN else file.name.partition(".")[0]
