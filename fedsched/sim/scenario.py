"""What a simulated federation consists of, as frozen values; how it behaves lives beside this file.

All times ending in `_at` are seconds after the scenario's beginning, all others durations in seconds.
"""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.model import MemberTerms, Principal, Rerun, Taint
from fedsched.matchmaker.resources import Resources

USUAL = (
    '(TARGET.Arch == "X86_64") && (TARGET.OpSys == "LINUX") && (TARGET.Disk >= RequestDisk) && '
    "(TARGET.Memory >= RequestMemory) && TARGET.HasFileTransfer"
)
"""Requirements that condor_submit writes into every vanilla job."""


class Window(msgspec.Struct, frozen=True):
    """From `begin_at` (included) to `end_at` (not included)."""

    begin_at: float
    end_at: float

    def holds(self, at: float) -> bool:
        """Whether `at` lies in it."""
        return self.begin_at <= at < self.end_at


class SimNodeGroup(msgspec.Struct, frozen=True, omit_defaults=True):
    """Nodes alike. busy: what other people's pods hold on each node. attributes: (name, ClassAd text) that labels tell.

    slot_attributes: what a real slot there says besides (a probe's findings); the matchmaker learns them from the slot.
    """

    name: str
    nodes: int
    size: Resources
    busy: Resources = Resources()
    attributes: tuple[tuple[str, str], ...] = ()
    slot_attributes: tuple[tuple[str, str], ...] = ()
    taints: tuple[Taint, ...] = ()
    gpu_resource: str = ""


class Owner(msgspec.Struct, frozen=True, omit_defaults=True):
    """Pods of the site's own that arrive and go away again (OW2)."""

    at: float
    node_group: str
    count: int
    request: Resources
    lasts_s: float


class NodeLoss(msgspec.Struct, frozen=True, omit_defaults=True):
    """`count` nodes of a group go at `at` with all pods on them. back_at: they come back empty; None for never."""

    at: float
    node_group: str
    count: int = 1
    back_at: float | None = None


class Stale(msgspec.Struct, frozen=True, omit_defaults=True):
    """In this time the member answers, but its capacity was last looked at when the window began.

    every_s: it is looked at again so often, so that its age goes from 0 to that and back; infinite for not at all.
    """

    window: Window
    every_s: float = float("inf")


class Admission(msgspec.Struct, frozen=True):
    """Pods made in this time get `keeps` (0..1) of the cores and the memory that were asked, and say so."""

    window: Window
    keeps: float


class QuotaCut(msgspec.Struct, frozen=True):
    """In this time the namespace's quota is `pods`, whatever was there before: what is more is refused, not ended."""

    window: Window
    pods: int


class Faults(msgspec.Struct, frozen=True, omit_defaults=True):
    """What goes wrong at one member; probabilities are per event, drawn from the scenario's seed.

    silent: it answers nothing, its pods go on. lost_answer: a write happens and its answer is lost. timeout: a write
    does not happen and times out. refused: a write is refused by a policy. no_image, no_start, no_join: its image is
    not there; its container is never made, and nothing says why; it runs and its slot never comes. losses: (at, pods)
    killed hard, their ads and claims stay behind.
    """

    silent: tuple[Window, ...] = ()
    lost_answer: float = 0.0
    timeout: float = 0.0
    refused: float = 0.0
    no_image: float = 0.0
    no_join: float = 0.0
    losses: tuple[tuple[float, int], ...] = ()
    no_start: float = 0.0
    node_losses: tuple[NodeLoss, ...] = ()
    stale: tuple[Stale, ...] = ()
    admission: tuple[Admission, ...] = ()
    quotas: tuple[QuotaCut, ...] = ()


class SimMember(msgspec.Struct, frozen=True, omit_defaults=True):
    """A member cluster. pull_s: image pull on a node that has none. start_s: pod running until its slot is seen.

    boot_s: from scheduled to running, beside the pull. max_pods: the namespace's quota of pods, None for none.
    """

    terms: MemberTerms
    groups: tuple[SimNodeGroup, ...]
    pull_s: float = 40.0
    start_s: float = 6.0
    max_pods: int | None = None
    owners: tuple[Owner, ...] = ()
    faults: Faults = Faults()
    boot_s: float = 1.0


class Batch(msgspec.Struct, frozen=True, omit_defaults=True):
    """Jobs alike that one person submits: `count` of them spread evenly over `over_s`.

    runs_s: how long each runs (±20 % by the seed). length_s: what the job says of its length, 0 for nothing.
    patience_s: a job that never ran is removed by its owner after so long; 0 for never. user: as in DemandClass.
    """

    at: float
    schedd: str
    principal: Principal
    count: int
    request: Resources
    runs_s: float
    over_s: float = 0.0
    requirements: str = USUAL
    attributes: tuple[tuple[str, str], ...] = ()
    length_s: int = 0
    priority: int = 0
    patience_s: float = 0.0
    user: str = ""


class TraceJob(msgspec.Struct, frozen=True, omit_defaults=True):
    """One job of a trace or of a generator; many share their principal, request and texts, so a queue is still a class.

    runs_s: how long it runs, exactly. length_s, priority, patience_s: as in Batch.
    """

    id: str
    at: float
    schedd: str
    principal: Principal
    request: Resources
    runs_s: float
    requirements: str = USUAL
    attributes: tuple[tuple[str, str], ...] = ()
    length_s: int = 0
    priority: int = 0
    patience_s: float = 0.0


class SimJob(msgspec.Struct, frozen=True, omit_defaults=True):
    """One Kubernetes Job of a queue, and what its owner does with it. Owners' times are seconds after the beginning.

    id: "namespace/name"; a name may come again when the Job before is deleted. request: one pod's. runs_s: how long
    each pod runs. pods: at once. completions: pods that must succeed, 0 for as many as `pods`. exits: exit codes of
    its first pods, in their order; all others succeed. deadline_s: its own activeDeadlineSeconds, 0 for none.
    suspended: when its owner has it suspended. deleted_at: None for never; lingers_s: how long it is then still seen,
    being deleted. edited_at: when its owner changes what concerns nobody, so that its resourceVersion is another.
    """

    id: str
    at: float
    queue: str
    principal: Principal
    request: Resources
    runs_s: float
    pods: int = 1
    completions: int = 0
    exits: tuple[int, ...] = ()
    backoff_limit: int = 6
    deadline_s: int = 0
    gang: bool = False
    rerun: Rerun = "after-deadline"
    requirements: str = ""
    priority: int = 0
    suspended: tuple[Window, ...] = ()
    deleted_at: float | None = None
    lingers_s: float = 0.0
    edited_at: tuple[float, ...] = ()

    @property
    def needed(self) -> int:
        """Pods that must succeed."""
        return self.completions or self.pods


class Scenario(msgspec.Struct, frozen=True, omit_defaults=True):
    """A whole federation and what happens to it. begins: epoch seconds of its first moment; jobs: by time.

    queued: Kubernetes Jobs of queues, by time. silent_queues: not read and not written to; their Jobs are as they were.

    silent_schedds: not asked successfully, its jobs go on. gone_schedds: not there at all: nothing is submitted, its
    claims end after `lease_s`, its name leaves the collector after `ad_s`; what ran is idle when it comes back, which
    a window without end (infinite) rules out. silent_hub: no member answers, as when our own network is gone.
    """

    members: tuple[SimMember, ...]
    batches: tuple[Batch, ...] = ()
    jobs: tuple[TraceJob, ...] = ()
    pool: str = "target"
    negotiator_s: float = 20.0
    poll_s: float = 5.0
    lease_s: float = 1200.0
    silent_schedds: tuple[tuple[str, Window], ...] = ()
    begins: float = 1_800_000_000.0
    gone_schedds: tuple[tuple[str, Window], ...] = ()
    silent_hub: tuple[Window, ...] = ()
    ad_s: float = 900.0
    queued: tuple[SimJob, ...] = ()
    silent_queues: tuple[tuple[str, Window], ...] = ()

    @property
    def queues(self) -> tuple[str, ...]:
        """Names of all queues of Kubernetes Jobs, sorted."""
        return tuple(sorted({job.queue for job in self.queued}))

    @property
    def schedds(self) -> tuple[str, ...]:
        """Names of all schedds, sorted."""
        return tuple(sorted({batch.schedd for batch in self.batches} | {job.schedd for job in self.jobs}))
