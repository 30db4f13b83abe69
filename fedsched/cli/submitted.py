"""Drafts of Jobs become Jobs of a queue: named, vetted, charged; what decides on them lives in federation/."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fedsched.cli import output
from fedsched.cli.account import account, namespace_of
from fedsched.cli.output import Exit, Failure

if TYPE_CHECKING:
    from fedsched.cli.submit_files import Draft
    from fedsched.config.settings import Federation, QueueSettings
    from fedsched.federation.submitted import Judged
    from fedsched.journal import NewJob

SHOWN_PROBLEMS = 10
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
"""Letters of generated names, as Kubernetes has them: they make no words."""
_SUFFIX_LENGTH = 5
_LONGEST = 63


class Naming(NamedTuple):
    """What Jobs are called. name: of --name. cluster: what is submitted together. single: it is one Job only.

    namespace: in a hub, of Jobs that name none.
    """

    name: str
    cluster: int
    single: bool
    namespace: str = "default"


class Ready(NamedTuple):
    """A Job that may be submitted, and what it comes to."""

    new: NewJob
    found: Judged


def queue_of(settings: Federation, name: str) -> QueueSettings:
    """The queue of that name; without one the journal's, else the only one. Failure (usage) for anything else."""
    from fedsched.federation.queue_links import LOCAL

    known = settings.queues or (LOCAL,)
    if name:
        found = [queue for queue in known if queue.name == name]
    else:
        found = [queue for queue in known if queue.kind == "journal"] or list(known)
    if len(found) == 1:
        return found[0]
    names = ", ".join(queue.name for queue in known)
    what = f"no queue {name!r}" if name else "to which queue?"
    raise Failure(Exit.USAGE, f"{what}; there are: {names}", "name one with --queue NAME")


def ready(
    drafts: Sequence[Draft], naming: Naming, asked: tuple[str, float], where: tuple[QueueSettings, Federation]
) -> tuple[Ready, ...]:
    """All drafts as Jobs. asked: group of --as-group, epoch seconds. Failure (refused) with every field at fault."""
    found, problems = [], []
    for draft in drafts:
        made, problem = _made(draft, naming, asked, where)
        if problem:
            problems.append(f"{draft.where}: {problem}")
        elif made is not None:
            found.append(made)
    if problems:
        for text in problems[1:SHOWN_PROBLEMS]:
            output.note(f"fedsched: {text}")
        if len(problems) > SHOWN_PROBLEMS:
            output.note(f"fedsched: and {len(problems) - SHOWN_PROBLEMS} more")
        raise Failure(Exit.REFUSED, problems[0], "nothing was submitted; what a Job may contain: docs/jobs.md")
    return tuple(found)


def _made(
    draft: Draft, naming: Naming, asked: tuple[str, float], where: tuple[QueueSettings, Federation]
) -> tuple[Ready | None, str]:
    """The Job, or the fields at fault."""
    import msgspec

    from fedsched.federation.submitted import judged
    from fedsched.journal import NewJob, SubmittedJob
    from fedsched.matchmaker.model import Principal
    from fedsched.matchmaker.model.names import LABEL_GROUP, LABEL_QUEUE

    metadata = draft.manifest.get("metadata") or {}
    if not isinstance(metadata, dict):
        return None, "metadata: must be a map"
    (group, at), (queue, settings) = asked, where
    who, namespace = _whose(metadata, naming, queue)
    kept = {key: dict(metadata[key]) for key in ("labels", "annotations") if isinstance(metadata.get(key), dict)}
    labels = kept.setdefault("labels", {}) | ({LABEL_GROUP: group} if group else {})
    if labels.get(LABEL_QUEUE, queue.name) != queue.name:
        return None, f"metadata.labels[{LABEL_QUEUE}]: names another queue than {queue.name}: --queue NAME"
    uid, name = str(uuid.uuid4()), _name(draft, metadata, naming)
    spec, held = _awake(draft)
    manifest = {key: draft.manifest.get(key) for key in ("apiVersion", "kind")}
    manifest["metadata"] = {"name": name, "namespace": namespace, "uid": uid, **kept, "labels": labels}
    manifest["spec"] = spec
    claimed = str(labels.get(LABEL_GROUP, ""))
    job = SubmittedJob(uid, namespace, name, who, Principal("", who), at, claimed, draft.priority)
    found = judged(job, manifest, queue, settings)
    if found.problem:
        return None, found.problem
    job = msgspec.structs.replace(job, principal=found.principal)
    return Ready(NewJob(job, msgspec.json.encode(manifest), held), found), ""


def _whose(metadata: dict[str, Any], naming: Naming, queue: QueueSettings) -> tuple[str, str]:
    """Who is charged, as the queue's rules read it, and the namespace: in the journal both are the account."""
    if queue.kind == "journal":
        return account(), namespace_of(account())
    namespace = str(metadata.get("namespace") or naming.namespace)
    return namespace, namespace


def _awake(draft: Draft) -> tuple[Any, str]:
    """Its spec without `suspend`, and why it is on hold instead: nobody but `release` could wake it here."""
    spec = draft.manifest.get("spec")
    if isinstance(spec, dict) and spec.get("suspend") is True:
        return {key: value for key, value in spec.items() if key != "suspend"}, "spec.suspend of its manifest"
    return spec, draft.held


def _name(draft: Draft, metadata: dict[str, Any], naming: Naming) -> str:
    """The Job's own or that of --name; of several the number of the process, else letters by chance."""
    if draft.process is not None:
        return _with(_tidy(naming.name or draft.stem), f"{naming.cluster}-{draft.process}")
    if naming.name and naming.single:
        return naming.name
    own = metadata.get("name")
    if own and not naming.name:
        return str(own)
    prefix = str(metadata.get("generateName") or "")
    stem = naming.name or (prefix.removesuffix("-") or _tidy(draft.stem))
    return _with(stem, "".join(random.choices(_SUFFIX, k=_SUFFIX_LENGTH)))  # noqa: S311 - a name, no secret


def _with(stem: str, suffix: str) -> str:
    return f"{stem[: _LONGEST - len(suffix) - 1]}-{suffix}"


def _tidy(text: str) -> str:
    """What a file is called as the beginning of a name."""
    return namespace_of(text) if text.strip() else "job"


def submit_to_journal(url: str, some: Sequence[Ready]) -> None:
    """All of them or none. Failure (refused) where a name is taken."""
    from fedsched.journal import open_jobs

    with closing(open_jobs(url)) as table, _refusals():
        table.add(one.new for one in some)


def check_in_journal(url: str, some: Sequence[Ready]) -> None:
    """What `submit_to_journal` would refuse; nothing is written, and nothing is wrong where there is no journal yet."""
    from fedsched.journal import open_jobs

    if Path(url.partition(":")[2]).is_file():
        with closing(open_jobs(url, reading=True)) as table, _refusals():
            table.check(one.new for one in some)


@contextmanager
def _refusals() -> Iterator[None]:
    """What the journal refuses is what a person is told."""
    from fedsched.journal import NameTakenError

    try:
        yield
    except NameTakenError as error:
        hint = "nothing was submitted; give another name: --name NAME (one that is over keeps its own for keep_hours)"
        raise Failure(Exit.REFUSED, str(error), hint) from None


def counted(some: Sequence[Ready]) -> str:
    """How many Jobs of whom, for a person."""
    counts = Counter(str(one.found.principal) for one in some)
    return ", ".join(f"{count} {'Job' if count == 1 else 'Jobs'} of {who}" for who, count in sorted(counts.items()))
