"""A submit file job by job, by HTCondor's own reader, for Jobs that no schedd sees; runs only in a child process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fedsched.condor.questions import JobCommands, ReadJobs, SubmitJobs
from fedsched.condor.submit_ad import RefusedFileError
from fedsched.condor.submit_file import parsed, queue_of
from fedsched.matchmaker import classad

# htcondor2 registers functions with the ClassAd library: it must be imported first.
import htcondor2  # noqa: F401  # isort: skip
import classad2  # isort: skip

MOST_TEXT = 64 << 20
"""Characters that the commands of all jobs of one file may come to."""
_MATCHED = re.compile(r"\$\$\(|\$ENV\(", re.IGNORECASE)


def read(question: ReadJobs) -> SubmitJobs:
    """The file's jobs. Raises RefusedFileError with one line."""
    submit = parsed(question.text)
    queued = queue_of(submit, question)
    jobs = queued.each * len(queued.items)
    if jobs > question.most:
        raise RefusedFileError(f"{jobs} jobs: at most {question.most} are submitted at once; split the file")
    raw = {str(name): str(value) for name, value in submit.items()}
    _refuse_matched(raw)
    return SubmitJobs(tuple(_jobs(submit, raw, queued.items, queued.each, question)))


def _jobs(
    submit: Any, raw: dict[str, str], items: tuple[dict[str, str], ...], each: int, question: ReadJobs
) -> Iterator[JobCommands]:
    """What does not read a macro is the same for all, and is taken apart once."""
    moving = frozenset(name for name, value in raw.items() if "$" in value)
    fixed = {_named(name): value.strip() for name, value in raw.items() if name not in moving}
    process, size = 0, 0
    for index, item in enumerate(items):
        for name, value in item.items():
            submit[name] = value
        for step in range(each):
            _set(submit, question.cluster, process, step, index)
            found = fixed | {_named(name): str(submit.expand(name)).strip() for name in moving}
            size += sum(len(found[_named(name)]) for name in moving) + 1
            if size > MOST_TEXT:
                raise RefusedFileError(f"its jobs come to more than {MOST_TEXT >> 20} MiB: split the file")
            yield JobCommands(found, _arguments(found), _environment(found))
            process += 1


def _set(submit: Any, cluster: int, process: int, step: int, index: int) -> None:
    values = {"Cluster": cluster, "ClusterId": cluster, "Process": process, "ProcId": process}
    for name, value in (values | {"Step": step, "ItemIndex": index, "Row": index}).items():
        submit[name] = str(value)


def _named(name: str) -> str:
    """As a command is looked for: without regard to case, attributes of the job's own behind "my."."""
    return name.lower()


def _arguments(found: dict[str, str]) -> tuple[str, ...]:
    """Both spellings: all in double quotes with single ones inside, or parted by blanks."""
    text = found.get("arguments", found.get("args", ""))
    if not text:
        return ()
    quoted = _unquoted("arguments", text)
    old = text.replace('\\"', '"')
    return _apart("arguments", *((quoted, 2) if quoted is not None else (old, 1)))


def _environment(found: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Both spellings: all in double quotes, or pairs parted by ";"."""
    text = found.get("environment", found.get("env", ""))
    if not text:
        return ()
    quoted = _unquoted("environment", text)
    if quoted is None:
        quoted = classad2.ExprTree(f"envV1ToV2({classad.quote(text)})").eval()
    pairs = [pair.partition("=") for pair in _apart("environment", str(quoted), 2)]
    wrong = next((name for name, gap, _ in pairs if not gap or not name), None)
    if wrong is not None:
        raise RefusedFileError(f"environment: expected NAME=VALUE, got {wrong[:40]!r}")
    return tuple((name, value) for name, _, value in pairs)


def _unquoted(command: str, text: str) -> str | None:
    """What stands in the double quotes of the new spelling; None for the old one. Raises RefusedFileError."""
    if not text.startswith('"'):
        return None
    inside = text[1:-1]
    if len(text) == 1 or not text.endswith('"') or '"' in inside.replace('""', ""):
        raise RefusedFileError(f'{command}: a " inside of its double quotes is written ""')
    return inside.replace('""', '"')


def _apart(command: str, text: str, version: int) -> tuple[str, ...]:
    found = classad2.ExprTree(f"argsToList({classad.quote(text)}, {version})").eval()
    if not isinstance(found, list):
        raise RefusedFileError(f"{command}: HTCondor cannot take it apart: is a quote left open?")
    return tuple(str(one) for one in found)


def _refuse_matched(raw: dict[str, str]) -> None:
    for name, value in raw.items():
        if met := _MATCHED.search(value):
            raise RefusedFileError(f"{name}: {met[0]}…) is known only to a schedd or its shell: write the value itself")
