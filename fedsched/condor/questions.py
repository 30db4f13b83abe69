"""What the daemon asks a child process about HTCondor, and what comes back; values only: they cross a socket."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from fedsched.condor.principals import Origin
from fedsched.config.settings import PrincipalRule
from fedsched.matchmaker.model import DemandClass, NegotiatorView, Principal, SlotView, SubmitterSeen
from fedsched.matchmaker.resources import Resources

JobWord = Literal["idle", "running", "removed", "completed", "held", "transferring", "suspended"]
"""A job's state by its JobStatus, 1 to 7 in this order; transferring its output."""
MY_TYPE = "FedschedClass"
"""MyType of the ads of waiting classes: `condor_status -subsystem FedschedClass`."""


class FoundSchedd(msgspec.Struct, frozen=True, omit_defaults=True):
    """A schedd as one collector advertises it.

    version: CondorVersion, which the bindings want. identity: as whom it authenticated there. home: "host:port" of
    its own pool's collector. busy: RecentDaemonCoreDutyCycle, 0..1. factories: it holds jobs not materialised yet.
    started_at: epoch seconds.
    """

    name: str
    address: str
    version: str = ""
    identity: str = ""
    home: str = ""
    busy: float = 0.0
    factories: bool = False
    started_at: float = 0.0


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of the settings decides how jobs become classes; see Federation and Policy."""

    principals: tuple[PrincipalRule, ...] = ()
    lengths: tuple[str, ...] = ()
    assumed_length_s: int = 3600
    machine_resources: dict[str, str] = {}
    max_classes: int = 1000


class FindSchedds(msgspec.Struct, frozen=True, tag="find"):
    """Which schedds advertise in a collector."""

    collector: str


class AskDemand(msgspec.Struct, frozen=True, tag="demand", omit_defaults=True):
    """A schedd's idle jobs as classes.

    reads: attributes that its jobs' expressions were found to read, from the last answer. submitted: submission times
    of clusters, likewise. guarded: leave out jobs whose Requirements are too long to parse.
    """

    schedd: FoundSchedd
    pool: str
    terms: Terms
    reads: tuple[str, ...] = ()
    submitted: dict[int, float] = {}
    guarded: bool = False


class AskSlots(msgspec.Struct, frozen=True, tag="slots"):
    """Our startds' slots in a collector."""

    collector: str
    pool: str
    terms: Terms
    at: float


class Invalidate(msgspec.Struct, frozen=True, tag="invalidate"):
    """Remove the ads of one placement (and pod, where one is named) from a collector."""

    collector: str
    placement_id: str
    pod: str


class AskAccounts(msgspec.Struct, frozen=True, tag="accounts"):
    """What a pool's negotiator has of groups and submitters. at: epoch seconds of the question."""

    collector: str
    at: float


class Tell(msgspec.Struct, frozen=True, tag="tell"):
    """Set a submitter's factor (relative to the pool's default) and ceiling (weighted slots); None leaves it."""

    collector: str
    name: str
    factor: float | None
    ceiling: float | None


class ReadSubmit(msgspec.Struct, frozen=True, tag="submit", omit_defaults=True):
    """The text of a submit file as demand of a schedd: nothing is asked of anybody.

    user: "name@domain" of who submits. group: instead of the file's accounting_group. count: instead of its queue
    statement, 0 for what that says. filesystem: ClassAd text of the submit machine's FileSystemDomain, "" for unknown.
    at: epoch seconds.
    """

    text: str
    origin: Origin
    terms: Terms
    user: str
    at: float
    group: str = ""
    count: int = 0
    filesystem: str = ""


class ReadJobs(msgspec.Struct, frozen=True, tag="submit-jobs", omit_defaults=True):
    """The text of a submit file, job by job, for Jobs that no schedd sees.

    cluster: what $(Cluster) stands for. count: instead of its queue statement, 0 for what that says. at: epoch seconds.
    most: of jobs.
    """

    text: str
    cluster: int
    at: float
    most: int
    count: int = 0


class AskJobs(msgspec.Struct, frozen=True, tag="jobs", omit_defaults=True):
    """Single jobs of one schedd, idle or not, the lowest ids first.

    number: one job ("4711.3") or the first of a cluster ("4711"); with `past` it is looked for among those that left
    the queue lately. "" for a page of all that the rest of it says:
    user, group: globs as in QueueAsk. states: () for all. after: (cluster, proc) of the last one of the page before.
    limit: most of them, 0 for none: only the count.
    """

    schedd: FoundSchedd
    pool: str
    terms: Terms
    number: str = ""
    past: bool = False
    user: str = "*"
    group: str = "*"
    states: tuple[JobWord, ...] = ()
    after: tuple[int, int] = (0, -1)
    limit: int = 0


class PublishedAd(msgspec.Struct, frozen=True):
    """One ad for a collector: its Name and its other attributes, plain values."""

    name: str
    values: dict[str, str | int | float]


class Announce(msgspec.Struct, frozen=True, tag="announce", omit_defaults=True):
    """Ads of waiting classes for a collector. put: new or changed ones. drop: Names of those that go.

    whole: `put` is all that shall be there: whatever else this federation has there goes. sender: this process, in
    each of its ads; ending: only what this sender put goes.
    """

    collector: str
    federation: str
    sender: str
    put: tuple[PublishedAd, ...] = ()
    drop: tuple[str, ...] = ()
    whole: bool = False
    ending: bool = False


class Schedds(msgspec.Struct, frozen=True, tag="schedds"):
    """Answer to FindSchedds. unreadable: ads that were passed over because they are broken."""

    found: tuple[FoundSchedd, ...]
    unreadable: int = 0


class Demand(msgspec.Struct, frozen=True, tag="demand"):
    """Answer to AskDemand; reads and submitted go into the next question. note: what was left out, "" for nothing."""

    classes: tuple[DemandClass, ...]
    reads: tuple[str, ...]
    submitted: dict[int, float]
    note: str = ""


class Slots(msgspec.Struct, frozen=True, tag="slots"):
    """Answer to AskSlots. collector_started_at: epoch seconds, None when the collector does not say."""

    slots: tuple[SlotView, ...]
    collector_started_at: float | None


class Removed(msgspec.Struct, frozen=True, tag="removed"):
    """Answer to Invalidate: ads before and after."""

    before: int
    after: int


class Accounts(msgspec.Struct, frozen=True, tag="accounts"):
    """Answer to AskAccounts. passed_over: ads that are broken or beyond what is read."""

    view: NegotiatorView
    passed_over: int = 0


class Told(msgspec.Struct, frozen=True, tag="told"):
    """Answer to Tell: the submitter as read back, None when it is not there; error: what the bindings said."""

    seen: SubmitterSeen | None
    error: str = ""


class Submitted(msgspec.Struct, frozen=True, tag="submitted"):
    """Answer to ReadSubmit: its classes, and how many jobs they are. held: they would wait for `condor_release`."""

    classes: tuple[DemandClass, ...]
    jobs: int
    held: bool = False


class JobCommands(msgspec.Struct, frozen=True):
    """One job of a submit file. commands: in lower case, macros expanded, with "my." before attributes of its own.

    arguments, environment: as HTCondor takes them apart.
    """

    commands: dict[str, str]
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


class SubmitJobs(msgspec.Struct, frozen=True, tag="submit-jobs"):
    """Answer to ReadJobs, in the order of $(Process)."""

    jobs: tuple[JobCommands, ...]


class JobLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One job as its schedd has it. Times are epoch seconds, 0 where it does not say.

    job: "cluster.proc". class_key: of its demand class, "" for universes that have none. since: of its state.
    host: the slot that it runs on. detail: HoldReason, RemoveReason, or that a factory has not made it yet. past: it
    left the queue; removed or completed it may also be while it is still in there.
    """

    job: str
    schedd: str
    state: JobWord
    principal: Principal
    request: Resources
    class_key: str = ""
    since: float = 0.0
    submitted: float = 0.0
    host: str = ""
    detail: str = ""
    past: bool = False


class JobLines(msgspec.Struct, frozen=True, tag="job-lines", omit_defaults=True):
    """Answer to AskJobs. total: all that fit, on this page or not. more: some follow the last one."""

    jobs: tuple[JobLine, ...]
    total: int = 0
    more: bool = False


class Announced(msgspec.Struct, frozen=True, tag="announced"):
    """Answer to Announce. before: our ads that stood there, None where it was not asked. refused: it takes none."""

    before: int | None = None
    refused: bool = False


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The question could not be answered: one line, no secret."""

    error: str


class AskClocks(msgspec.Struct, frozen=True, tag="clocks"):
    """What times a collector and the schedds that advertise in it have."""

    collector: str


class Clocks(msgspec.Struct, frozen=True, tag="clocks-told"):
    """ahead_s: the collector's clock minus ours in seconds, 0 where both agree, else the least that it can be.

    schedds: (name, its clock minus ours, to a few seconds). version: the collector's CondorVersion.
    """

    ahead_s: float
    schedds: tuple[tuple[str, float], ...] = ()
    version: str = ""


Question: TypeAlias = (
    AskClocks
    | FindSchedds
    | AskDemand
    | AskSlots
    | Invalidate
    | AskAccounts
    | Tell
    | ReadSubmit
    | ReadJobs
    | AskJobs
    | Announce
)
Answer: TypeAlias = (
    Clocks
    | Schedds
    | Demand
    | Slots
    | Removed
    | Accounts
    | Told
    | Submitted
    | SubmitJobs
    | JobLines
    | Announced
    | Failed
)
