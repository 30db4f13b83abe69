"""The metrics by name: kind, labels, what each says; their numbers are read elsewhere."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["gauge", "counter", "histogram", "gaugehistogram", "info"]
PREFIX = "fedsched_"
PHASE_BUCKETS_S = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
WAIT_BUCKETS_S = (60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 24 * 3600.0, 7 * 24 * 3600.0)


class Family(NamedTuple):
    """One metric. Counters' and infos' names are without the suffix that the formats add (`_total`, `_info`)."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    text: str


def _family(name: str, kind: Kind, labels: str, text: str) -> Family:
    return Family(PREFIX + name, kind, tuple(labels.split()), text)


FAMILIES = (
    # the daemon
    _family("build", "info", "version federation policy", "What runs; the policy by its name."),
    _family("healthy", "gauge", "", "1 while cycles follow each other, as /healthz answers."),
    _family("cycles", "counter", "", "Cycles since the daemon's start."),
    _family("cycle_number", "gauge", "", "Number of the newest recorded cycle."),
    _family("cycle_age_seconds", "gauge", "", "Age of the newest recorded cycle."),
    _family("cycle_seconds", "histogram", "part", "What cycles took: observe, decide, commit, act, and total."),
    _family("cycle_last_seconds", "gauge", "part", "What the newest cycle took, by part."),
    _family("changes_issued", "counter", "kind", "Changes that were dispatched to members and pools."),
    _family("changes", "counter", "result", "Changes that ended: done, gone, conflict, refused, retry, fenced."),
    _family("changes_in_flight", "gauge", "", "Changes without an end yet."),
    _family("blind", "gauge", "kind", "Members, pools and schedds whose last answer was none."),
    _family("frozen", "gauge", "", "1 while most members are silent together and nothing is done (FA2)."),
    _family("frozen_seconds", "gauge", "", "For how long it is frozen, 0 while it is not."),
    _family("orders", "gauge", "kind", "Standing orders of people: cordon, drain, pause, deny."),
    _family("journal_bytes", "gauge", "", "Size of the journal's files."),
    _family("web_streams", "gauge", "", "Open event streams."),
    _family("forecasts", "gauge", "", "Forecasts of the last ones that came out or are overdue (at most 50)."),
    _family("forecasts_right", "gauge", "", "How many of these came true within the range that was told."),
    _family("forecasts_wanted_ratio", "gauge", "", "The part of ranges that should come true."),
    # demand
    _family("demand_jobs", "gauge", "group state", "Jobs by top group: idle, running, unmet, announced."),
    _family(
        "demand_core_equivalents", "gauge", "group state", "The same for idle, running and unmet, in core-equivalents."
    ),
    _family("unmet_jobs", "gauge", "group cause", "Unmet jobs by top group and cause."),
    _family("unmet_core_equivalents", "gauge", "group cause", "The same in core-equivalents."),
    _family("wait_oldest_seconds", "gauge", "group", "Age of the oldest idle job by top group."),
    _family(
        "wait_seconds", "gaugehistogram", "group", "Idle jobs now by the age of the oldest idle job of their class."
    ),
    # Kubernetes Jobs
    _family(
        "jobs",
        "gauge",
        "queue state",
        "Kubernetes Jobs by queue: waiting, starting, running, leaving, unseen, held, suspended, refused, cancelled, "
        "deleting, foreign, finished.",
    ),
    _family("job_copies", "gauge", "member phase", "Their copies: starting, running, leaving."),
    _family("job_statuses", "counter", "queue result", "Statuses that a queue was told: done, or why not."),
    _family(
        "job_status_untold_seconds", "gauge", "queue", "For how long the oldest status that a queue lacks is not told."
    ),
    # supply
    _family("startds", "gauge", "member phase", "Startds: intended, starting, unclaimed, claimed, leaving."),
    _family("supply_core_equivalents", "gauge", "member phase", "The same in core-equivalents, with copies of Jobs."),
    _family("claimed_core_equivalents", "gauge", "member", "What of it jobs hold."),
    _family("lent_core_equivalents", "gauge", "member", "Cores that the member lends, smoothed (FS1)."),
    _family("cost_per_hour", "gauge", "member", "What startds cost that run there, in the federation's currency."),
    _family(
        "unclaimed_core_seconds", "counter", "member", "Core-seconds of startds while nothing of them was claimed."
    ),
    _family(
        "spike_unclaimed_seconds",
        "counter",
        "member cause",
        "Pod-seconds that a spike's startds were never claimed: its bill (SU6).",
    ),
    _family("evictions", "counter", "rule member", "Startds that had to go for somebody else, or by order."),
    _family("placement_failures", "counter", "cause member", "Placements that failed."),
    _family("orphans", "gauge", "member", "Objects of ours that belong to no placement and are being removed (FA7)."),
    _family("ghost_ads", "gauge", "pool", "Ads of startds that are gone, being invalidated (FA8)."),
    # members, pools, schedds
    _family("member", "info", "member mode", "The members as their files have them."),
    _family("member_state", "gauge", "member state", "1 for the state that it is in: ready, slow, unreachable, lost."),
    _family("member_contact_age_seconds", "gauge", "member", "Since its last good answer; absent before the first."),
    _family("member_seen_age_seconds", "gauge", "member", "Age of its capacity; absent before it was seen."),
    _family("member_clock_skew_seconds", "gauge", "member", "Its clock minus ours."),
    _family("member_credential_remaining_seconds", "gauge", "member", "Life left; absent where it does not expire."),
    _family("pool_seen_age_seconds", "gauge", "pool", "Since the collector's last complete answer."),
    _family("pool_token_remaining_seconds", "gauge", "pool token", "Life left of token files: own, startd."),
    _family("schedd_seen_age_seconds", "gauge", "schedd", "Since the schedd's last good answer."),
    _family(
        "negotiator_drift", "gauge", "pool", "Settings of the pool's negotiator that differ from the policy (FS8)."
    ),
    # shares
    _family("group_entitled_core_equivalents", "gauge", "group", "What the group has a right to now (FS4)."),
    _family(
        "group_counted_core_equivalents", "gauge", "group", "What it holds: intended, starting, unclaimed, claimed."
    ),
    _family("group_charged_core_equivalents", "gauge", "group", "What of it is claimed (FS5)."),
    _family("group_wasted_core_equivalents", "gauge", "group", "What of it is unclaimed for too long."),
    _family("group_demand_core_equivalents", "gauge", "group", "What it holds and wants."),
    _family("group_usage_core_equivalents", "gauge", "group", "Decayed mean of what its users were charged (FS3)."),
    _family(
        "group_fairness_error_core_equivalents",
        "gauge",
        "group",
        "What it lacks of its right while it wants it: min(entitled, demand) - counted, not below 0.",
    ),
    _family(
        "group_shortfall_core_equivalent_seconds",
        "gauge",
        "group",
        "Integral of what its users lacked of their right while they had demand, decayed by the half-life.",
    ),
    # spikes and budgets
    _family("spike_on", "gauge", "", "1 during a spike (SU1)."),
    _family("spike_seconds", "gauge", "", "For how long it is on, 0 without one."),
    _family("spike_peak_core_equivalents", "gauge", "", "Most unmet demand of the present or else the last spike."),
    _family("spike_added", "gauge", "", "Placements made for it."),
    _family("spike_claimed", "gauge", "", "How many of these were claimed at least once."),
    _family("spike_cost", "gauge", "", "What it cost, in the federation's currency."),
    _family("tier_open", "gauge", "tier", "1 while the tier is open (SU4)."),
    _family("budget_spent", "gauge", "budget", "What a budget (tier/NAME, group/PATH) paid in its present window."),
    _family("budget_limit", "gauge", "budget", "Its limit."),
)
BY_NAME = {family.name: family for family in FAMILIES}


def exposed(family: Family) -> str:
    """The name as it stands in a scrape and in queries."""
    return family.name + {"counter": "_total", "info": "_info"}.get(family.kind, "")


def table() -> str:
    """All of them as a table in Markdown, for docs/metrics.md."""
    head = "| metric | kind | labels | meaning |\n|---|---|---|---|\n"
    rows = (
        f"| `{exposed(family)}` | {family.kind} | {', '.join(family.labels) or '-'} | {family.text} |"
        for family in FAMILIES
    )
    return head + "\n".join(rows) + "\n"
