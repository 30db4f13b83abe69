"""Settings of the shell as frozen types: fedsched.toml and what a member's file says beyond its terms.

Parsing and its errors live beside this file; what decisions read of a member is MemberTerms in the matchmaker's model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from fedsched.matchmaker.model import MemberTerms, Taint
from fedsched.matchmaker.resources import Resources


class PoolSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """One HTCondor pool that startds may join.

    collector: "host:port". token_file: folder-less path of the IDTOKEN that fedsched itself reads and invalidates
    with; None reads anonymously. startd_token_command: argument list printing a token for startds on standard output,
    with "{member}" and "{lifetime_s}" replaced; startd_token_file: the alternative, a token made by hand.
    startd_collector: address that startds use when it is not `collector`. ccb: startds are reached through the
    collector (they cannot be called from outside). announce: waiting classes are told as ads in its collector.
    """

    name: str
    collector: str
    token_file: Path | None = None
    startd_token_command: tuple[str, ...] = ()
    startd_token_file: Path | None = None
    startd_token_lifetime_s: int = 86_400
    startd_collector: str = ""
    ccb: bool = True
    negotiator: Literal["mirror", "drive", "ignore"] = "mirror"
    announce: bool = True


class PrincipalRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which accounting groups the jobs of a schedd may name (first match wins).

    schedd: glob over the authenticated identity of the schedd's ad or, where there is none, its name. pool: glob over
    the pool's name. groups: globs over group paths that its jobs may name; anything else is charged to `default`,
    in which "{schedd}" stands for the schedd's name. user_domain: replaces the domain of its users; "" keeps it.
    """

    schedd: str
    groups: tuple[str, ...] = ()
    default: str = "guest.{schedd}"
    pool: str = "*"
    user_domain: str = ""


class QueuePrincipal(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who is charged for the Jobs of a queue's namespaces (first match wins).

    namespace: glob over the Job's namespace; for a journal queue over the name of the account that submits. user_label:
    label of the Job that names the user, "" for none: then the namespace (the account) is the user. user_domain: behind
    the user's name, "" for none. groups: globs over group paths that the Job's label fedsched.io/group may name; a Job
    that names another one is refused. default: the group of Jobs that name none, in which "{namespace}" stands for it.
    """

    namespace: str = "*"
    user_label: str = ""
    user_domain: str = ""
    groups: tuple[str, ...] = ()
    default: str = "guest.{namespace}"


class QueueSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """A queue of Kubernetes Jobs: a hub cluster's labelled Jobs, or those that `fedsched submit` puts into the journal.

    name: value of the label fedsched.io/queue that Jobs for it carry. credential: of the hub cluster, a file relative
    to the federation's credentials folder, written by `fedsched hub join`; a journal queue has none. namespaces: globs
    over the hub's namespaces whose Jobs are taken. requests_per_s: most
    that we write there.
    """

    name: str
    kind: Literal["hub", "journal"] = "hub"
    credential: Path | None = None
    namespaces: tuple[str, ...] = ("*",)
    principals: tuple[QueuePrincipal, ...] = ()
    requests_per_s: float = 100.0


class Cadence(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often, in seconds. cycle_s: at the latest; a change that is seen wakes it after debounce_s.

    forecast_s: between forecasts of when waiting jobs start, 0 for none.
    """

    cycle_s: float = 10.0
    debounce_s: float = 1.0
    poll_s: float = 5.0
    slots_s: float = 5.0
    negotiator_s: float = 30.0
    query_limit_s: float = 20.0
    queries_at_once: int = 4
    relist_s: float = 600.0
    silent_watch_s: float = 90.0
    contact_s: float = 5.0
    credential_check_s: float = 3600.0
    forecast_s: float = 300.0


class Web(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the HTTP API shows to whom.

    names: whose users' names a reader on TCP sees: `all`; `own`, others under pseudonyms, where a reverse proxy says in
    the header `user_header` who reads; `none`. Who can open the unix socket sees all. hosts: names beside "localhost"
    and numbers of this machine by which it may be called. url: address that people use, for ads and links. streams:
    event streams at once.
    """

    names: Literal["all", "own", "none"] = "all"
    user_header: str = ""
    hosts: tuple[str, ...] = ()
    url: str = ""
    streams: int = 64


class Federation(msgspec.Struct, frozen=True, omit_defaults=True):
    """fedsched.toml. Relative paths are relative to its folder.

    id: names this federation in labels; lower-case letters, digits and "-". lengths: job attributes that tell a
    job's length, first known wins (unit: seconds, or minutes for names ending in Mins); assumed_length_s otherwise.
    machine_resources: custom HTCondor resource ("Fpga") -> extended resource ("xilinx.com/fpga").
    keep_logs_mib: of the last lines of pods that are gone, in `records`/logs; 0 keeps none.
    keep_records_days: how long records of runs (docs/accounting.md) are kept; those of placements stay.
    listen, socket: where the API answers, "host:port" (or "unix:PATH"), and a unix socket beside it, "" for none.
    queues: of Kubernetes Jobs; without any, what `fedsched submit` submits waits in the journal, in queue "local".
    """

    id: str
    pools: tuple[PoolSettings, ...] = ()
    journal: str = "sqlite:fedsched.db"
    clusters: Path = Path("clusters")
    policies: Path = Path("policies")
    policy: str = "fair-share"
    credentials: Path = Path("credentials")
    records: Path = Path("records")
    listen: str = "127.0.0.1:9680"
    socket: str = "fedsched.sock"
    web: Web = Web()
    cadence: Cadence = Cadence()
    principals: tuple[PrincipalRule, ...] = ()
    lengths: tuple[str, ...] = ("AllowedJobDuration", "AllowedExecuteDuration", "MaxWallTimeMins")
    assumed_length_s: int = 3600
    machine_resources: dict[str, str] = {}
    keep_hours: float = 168.0
    keep_mib: int = 512
    keep_records_days: float = 400.0
    keep_logs_mib: int = 64
    queues: tuple[QueueSettings, ...] = ()
    root: Path = Path()


class DeclaredGroup(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node group as the member's file declares it: which nodes (label selector) and what its ad says.

    allocatable, nodes: only read with visibility = namespace, where nodes cannot be seen. attributes: (name, ClassAd
    text). autoscaled: never takes a DaemonSet; can_grow_to, grow_s as in NodeGroup.
    """

    name: str
    selector: tuple[tuple[str, str], ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    allocatable: Resources = Resources()
    nodes: int = 0
    gpu_resource: str = ""
    autoscaled: bool = False
    can_grow_to: int = 0
    grow_s: int = 0


class Overrides(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the member's file adds to our pods (L7). Everything else of a pod is fixed by fedsched.

    volumes, mounts: Kubernetes objects (PVC, CSI, ConfigMap, emptyDir; hostPath only with allow_host_path).
    probe: text of a shell script whose `KEY = value` lines become slot attributes and gate START. priority_class: ""
    lets fedsched take the lowest that it finds.
    """

    image: str = ""
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    node_selector: tuple[tuple[str, str], ...] = ()
    tolerations: tuple[dict[str, Any], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    volumes: tuple[dict[str, Any], ...] = ()
    mounts: tuple[dict[str, Any], ...] = ()
    probe: str = ""
    priority_class: str = ""
    run_as_user: int = 64_000
    allow_host_path: bool = False
    allow_host_network: bool = False
    allow_privileged: bool = False


class JobRules(msgspec.Struct, frozen=True, omit_defaults=True):
    """`[jobs]` of a member's file: what users' Kubernetes Jobs may be there; see JobTerms for the lists.

    run_as_user: the user that containers run as that name none; None leaves it to their images, where the namespace's
    Pod Security allows that. grace_s: longest terminationGracePeriodSeconds. env: added to every container.
    """

    namespaces: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    copied: tuple[Literal["ConfigMap", "Secret"], ...] = ()
    tolerations: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    run_as_user: int | None = 64_000
    grace_s: int = 30
    env: tuple[tuple[str, str], ...] = ()


class SimulatedNodes(msgspec.Struct, frozen=True, omit_defaults=True):
    """Nodes alike of a simulated member: `size` is what one can allocate, `busy` what other people's pods hold of it.

    attributes: (name, ClassAd text) that labels tell. slot_attributes: what only a slot says, as a probe finds it.
    """

    name: str
    count: int
    size: Resources
    busy: Resources = Resources()
    attributes: tuple[tuple[str, str], ...] = ()
    slot_attributes: tuple[tuple[str, str], ...] = ()
    taints: tuple[Taint, ...] = ()
    gpu_resource: str = ""


class SimulatedOwner(msgspec.Struct, frozen=True, omit_defaults=True):
    """`count` pods of the site's own that come `at_s` seconds after the scenario's beginning and stay for `lasts_s`."""

    at_s: float
    nodes: str
    count: int
    request: Resources
    lasts_s: float


class SimulatedWindow(msgspec.Struct, frozen=True):
    """From `begin_s` (included) to `end_s` (not included), seconds after the scenario's beginning."""

    begin_s: float
    end_s: float


class SimulatedLoss(msgspec.Struct, frozen=True):
    """At `at_s` seconds so many pods are killed hard; their ads and claims stay behind."""

    at_s: float
    pods: int


class SimulatedNodeLoss(msgspec.Struct, frozen=True, omit_defaults=True):
    """`count` nodes go at `at_s` with all pods on them, and come back empty at `back_s`; None for never."""

    at_s: float
    nodes: str
    count: int = 1
    back_s: float | None = None


class SimulatedStale(msgspec.Struct, frozen=True, omit_defaults=True):
    """In this time the member answers, but its capacity is looked at only every `every_s`; None for not at all."""

    begin_s: float
    end_s: float
    every_s: float | None = None


class SimulatedAdmission(msgspec.Struct, frozen=True):
    """Pods made in this time get `keeps` (0 to 1) of the cores and the memory that were asked."""

    begin_s: float
    end_s: float
    keeps: float


class SimulatedQuota(msgspec.Struct, frozen=True):
    """In this time the namespace's quota is so many pods; what is there above it is not ended."""

    begin_s: float
    end_s: float
    pods: int


class SimulatedFaults(msgspec.Struct, frozen=True, omit_defaults=True):
    """What goes wrong at a simulated member; numbers are chances from 0 to 1, for each write or pod.

    silent: it answers nothing, its pods go on. lost_answer: a write happens, its answer is lost. timeout: a write does
    not happen. refused: a policy refuses it. no_image, no_start, no_join: a pod's image is not there; its container is
    never made, and nothing says why; it runs, and its slot never comes.
    """

    silent: tuple[SimulatedWindow, ...] = ()
    lost_answer: float = 0.0
    timeout: float = 0.0
    refused: float = 0.0
    no_image: float = 0.0
    no_start: float = 0.0
    no_join: float = 0.0
    losses: tuple[SimulatedLoss, ...] = ()
    node_losses: tuple[SimulatedNodeLoss, ...] = ()
    stale: tuple[SimulatedStale, ...] = ()
    admission: tuple[SimulatedAdmission, ...] = ()
    quotas: tuple[SimulatedQuota, ...] = ()


class Simulated(msgspec.Struct, frozen=True, omit_defaults=True):
    """`[simulated]` of a member's file: what a simulation puts in the member's place; `serve` never reads it.

    pull_s: image pull on a node that has none. boot_s: from a pod's binding to its start, beside the pull. start_s:
    from there until its slot is seen. max_pods: the namespace's quota of pods, None for none.
    """

    nodes: tuple[SimulatedNodes, ...]
    pull_s: float = 40.0
    boot_s: float = 1.0
    start_s: float = 6.0
    max_pods: int | None = None
    owners: tuple[SimulatedOwner, ...] = ()
    faults: SimulatedFaults = SimulatedFaults()


class MemberFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """clusters/NAME.toml: a member is joined because this file exists.

    terms: what decisions read. credential: path of the credential file (0600), relative to the federation's
    credentials folder; never the credential. context, server: where it came from, for people. labels: of the member.
    gpu_resources: Kubernetes names that count as `gpus`. simulated: what stands for it in a simulation. jobs: for
    users' Kubernetes Jobs.
    """

    terms: MemberTerms
    namespace: str
    credential: Path
    context: str = ""
    server: str = ""
    region: str = ""
    zone: str = ""
    latitude: float | None = None
    longitude: float | None = None
    labels: tuple[tuple[str, str], ...] = ()
    groups: tuple[DeclaredGroup, ...] = ()
    overrides: Overrides = Overrides()
    jobs: JobRules = JobRules()
    gpu_resources: tuple[str, ...] = ("nvidia.com/gpu", "amd.com/gpu")
    egress: tuple[str, ...] = ()
    simulated: Simulated | None = None
    path: Path = Path()

    @property
    def name(self) -> str:
        """The member's name, which is also the file's."""
        return self.terms.name


class Credential(msgspec.Struct, frozen=True, omit_defaults=True):
    """How to reach one member as our service account. Lives in a file of mode 0600; its repr never shows the token.

    ca_pem: certificate authority in PEM, "" for the machine's own. expires_at: epoch seconds, None for never.
    service_account: name of the account that the token is bound to, for renewal.
    """

    server: str
    namespace: str
    token: str
    ca_pem: str = ""
    expires_at: float | None = None
    issued_at: float | None = None
    service_account: str = "fedsched"
    tls_server_name: str = ""
    proxy_url: str = ""

    def __repr__(self) -> str:
        return f"Credential(server={self.server!r}, namespace={self.namespace!r}, token=<hidden>)"
