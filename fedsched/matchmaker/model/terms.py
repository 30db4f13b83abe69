"""Terms: what members' files and the policy say, as the matchmaker reads them. Parsing lives in fedsched.config."""

from __future__ import annotations

from typing import Literal

import msgspec

from fedsched.matchmaker.model.placed import Form, Share
from fedsched.matchmaker.model.shares import ConcurrencyLimit, Group, Preemption, PrincipalTerms, Reservation, Sharing
from fedsched.matchmaker.model.spikes import Breaking, Pending, SurgeTerms, Tier
from fedsched.matchmaker.resources import Resources

Mode = Literal["observe", "trial", "on"]
Visibility = Literal["full", "nodes", "namespace"]


class Budgets(msgspec.Struct, frozen=True):
    """What we may ask of one member (FA9)."""

    requests_per_s: float = 10.0
    objects_in_flight: int = 50
    pods_pulling: int = 10
    evictions_per_min: int = 10


class JobTerms(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a member allows users' Jobs (form `job`), as far as decisions read it; all lists are glob patterns.

    namespaces: of the queue, whose Jobs are taken; () for all. objects: "Kind/name" of what their pods may name in our
    namespace. copied: kinds that are copied from the queue's namespace where they are named there: ConfigMap, Secret.
    tolerations: keys of taints that their own tolerations may tolerate. grants: what their pods may have beside plain
    containers: "hostNetwork", "hostPath=/cvmfs", "privileged", "serviceAccountName=reana", "runtimeClassName=…".
    """

    namespaces: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()
    tolerations: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()


class MemberTerms(msgspec.Struct, frozen=True):
    """One member's file as far as decisions read it (DESIGN section 6).

    trial: the n of `mode = trial(n)`. ceiling: most that we may hold there, for the resources in `ceiling_names`.
    leave_free: per node group name ("*" for all), never room (OW3). principals: glob patterns over
    "group.user@domain" that are admitted; () for everybody. requirements: a ClassAd expression of the member over a
    job ("" for none). images: images that jobs' classes may ask for beyond the default; glob patterns.
    pod_overhead: what a pod needs beside the startd's size. attributes: (name, ClassAd text) of the whole member.
    price_per_core_hour: in the federation's currency. group_prices: the same for single node groups.
    watts_per_core, grams_co2_per_kwh: for accounting, 0 where nobody tells. jobs: for users' Kubernetes Jobs.
    """

    name: str
    mode: Mode = "trial"
    trial: int = 2
    visibility: Visibility = "full"
    forms: tuple[Form, ...] = ("startd-job",)
    pools: tuple[str, ...] = ()
    ceiling: Resources = Resources()
    ceiling_names: frozenset[str] = frozenset()
    leave_free: tuple[tuple[str, Resources], ...] = ()
    principals: tuple[str, ...] = ()
    requirements: str = ""
    image: str = ""
    images: tuple[str, ...] = ()
    share: Share = "user"
    max_lifetime_s: int = 86_400
    pod_overhead: Resources = Resources(memory_mib=128, disk_mib=256)
    budgets: Budgets = Budgets()
    allow_same_priority: bool = False
    daemonset_groups: tuple[str, ...] = ()
    autoscaled_groups: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    price_per_core_hour: float = 0.0
    group_prices: tuple[tuple[str, float], ...] = ()
    yield_s: int = 60
    watts_per_core: float = 0.0
    grams_co2_per_kwh: float = 0.0
    jobs: JobTerms = JobTerms()


class Ramp(msgspec.Struct, frozen=True):
    """How fast placements grow (SU3), and how trust starts (SU7)."""

    first: int = 4
    ramp_interval_s: float = 30.0
    max_starts: int = 200


class Silence(msgspec.Struct, frozen=True):
    """When a member is slow, silent, lost (FA1), in seconds since the last good contact; data age limits (S6).

    margin_s: how long after its deadlines the copy of a user's Job at a lost member has surely ended (FA4): its pods'
    grace, and what two clocks may differ.
    """

    slow_s: float = 20.0
    silent_s: float = 60.0
    lost_s: float = 900.0
    good_reads: int = 2
    stale_demand_s: float = 120.0
    stale_pool_s: float = 120.0
    margin_s: int = 120


class Startds(msgspec.Struct, frozen=True):
    """How startds live (section 5): all in seconds.

    pack_cpu_milli: a startd may hold several jobs of its class up to this many cores; 0 for exactly one job.
    pending_s: a placement that is not running after this long is withdrawn. join_s: a running pod whose slot was not
    seen after this long has failed. crowded_idle_s: like idle_s, for a startd whose class asks for nothing any more
    while others wait for room.
    """

    lifetime_s: int = 43_200
    retire_s: int = 1_800
    idle_s: int = 300
    gpu_idle_s: int = 120
    crowded_idle_s: int = 30
    first_refusal_s: int = 300
    pack_cpu_milli: int = 0
    pending_s: float = 600.0
    join_s: float = 120.0
    keep_finished_s: float = 30.0
    intent_s: float = 600.0


class Policy(msgspec.Struct, frozen=True):
    """A policy file as decisions read it.

    rank: ClassAd expression over the predicted slot ad (MA5), "" for none. denied: patterns over principals
    ("group.user@domain") or schedd names that get nothing (OW3), from requests in the journal.
    backoff_failures, backoff_s: so many failures in a row of one kind on one group close it for so long (X8).
    """

    name: str = "fair-share"
    rank: str = ""
    ramp: Ramp = Ramp()
    silence: Silence = Silence()
    startds: Startds = Startds()
    sharing: Sharing = Sharing()
    groups: tuple[Group, ...] = ()
    principals: tuple[PrincipalTerms, ...] = ()
    limits: tuple[ConcurrencyLimit, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    preemption: Preemption = Preemption()
    surge: SurgeTerms = SurgeTerms()
    tiers: tuple[Tier, ...] = ()
    breaker: Breaking = Breaking()
    pending: Pending = Pending()
    max_classes: int = 1000
    backoff_failures: int = 3
    backoff_s: float = 300.0
