"""What to say for each cause: a clause with its numbers and one next action; no arithmetic and no choosing here.

A clause is a head and parts after `|`. `{field}` is filled from the reason; a part whose field is empty is left out, so
that no reason, however bare, gives a broken sentence. `{of}` is " of memory" where the unit does
not tell what is counted.
"""

from __future__ import annotations

from typing import NamedTuple

from fedsched.matchmaker.reasons import Cause


class Saying(NamedTuple):
    """A clause ("the quota of m1 is full") and the imperative that helps ("ask its admin for more")."""

    clause: str
    action: str


SAYINGS: dict[Cause, Saying] = {
    # never
    Cause.REQUIREMENTS: Saying(
        "no slot of {where} would satisfy the job's Requirements | {what} | needed {need} | found {have}",
        "relax that clause, or join a member whose slots satisfy it",
    ),
    Cause.NODE_TOO_SMALL: Saying(
        "even an empty node of {where} is too small | the job needs {need}{of} | the node has {have}{of}",
        "ask for less in the job, or join a member with larger nodes",
    ),
    Cause.FORM_REFUSED: Saying(
        "{who} allows no form that could carry it | {what} wanted: {need} | allowed: {have}",
        "allow startd-job under `forms` in clusters/{member}.toml",
    ),
    Cause.PRINCIPAL_REFUSED: Saying(
        "{who} does not admit the user | {need} | it admits {have}",
        "add the principal under `principals` in clusters/{member}.toml, with the site's consent",
    ),
    Cause.IMAGE_REFUSED: Saying(
        "{who} does not admit the image | {need} | it admits {have}",
        "add the image under `images` in clusters/{member}.toml, or use an admitted one",
    ),
    Cause.TOO_LONG: Saying(
        "the job runs longer than any startd of {where} lives | it needs {need} | a startd has {have} left once it "
        "has joined",
        "set a shorter AllowedJobDuration in the job, or let startds live longer: `max_lifetime` in "
        "clusters/{member}.toml, `lifetime_s` in the policy",
    ),
    Cause.TAINTED: Saying(
        "the nodes of {where} carry a taint that keeps our pods off | {have} | {need} for it is missing",
        "ask the site, then list it under `tolerations` among the overrides in clusters/{member}.toml",
    ),
    Cause.NO_NODE_GROUPS: Saying(
        "{who} has no node that fedsched may use",
        "look at `fedsched clusters` and declare node groups in clusters/{member}.toml",
    ),
    Cause.NAMESPACE_REFUSED: Saying(
        "{who} takes no Jobs of that namespace | {need} | it takes {have}",
        "add the namespace under `jobs.namespaces` in clusters/{member}.toml, with the site's consent",
    ),
    Cause.OBJECT_MISSING: Saying(
        "the Job names an object that is not there for it at {site} | {what} | needed: {need} | is: {have}",
        "make it in our namespace at {member} and list it under `jobs.objects` in clusters/{member}.toml; a ConfigMap "
        "or Secret can come along instead: `jobs.copied` there",
    ),
    Cause.FIELD_REFUSED: Saying(
        "a field of the Job's pods needs what only the file of {site} can allow | {what} | {need} | it allows {have}",
        "leave the field out of the Job, or allow it under `jobs.grants` in clusters/{member}.toml, with the "
        "site's consent",
    ),
    Cause.TOO_MANY_PODS: Saying(
        "the Job has more pods at once than all nodes of {where} hold | {need} pods needed | empty they hold {have}",
        "lower `parallelism` of the Job, ask for less in each pod, or join a member with more nodes",
    ),
    Cause.EXPRESSION_REFUSED: Saying(
        "the job's expressions are refused before they are read | in {what} | {have} | {need} allowed",
        "simplify the job's requirements and rank",
    ),
    Cause.ADMISSION_REFUSED: Saying(
        "the admission of {site} refused this shape before | {what} | asked {need}{of} | allowed {have}{of}",
        "ask the site's admin about that rule, or ask for a shape that it allows",
    ),
    # not while somebody says so
    Cause.CORDONED: Saying("{who} is cordoned | {have}", "run `fedsched uncordon {member}` when that is over"),
    Cause.NODES_CORDONED: Saying(
        "every node of {where} is cordoned by the site | {have} usable | {need} needed",
        "wait until the site uncordons them, or ask its admin",
    ),
    Cause.OBSERVE_ONLY: Saying(
        "{who} is only observed", 'set `mode = "trial(2)"` in clusters/{member}.toml when the site agrees'
    ),
    Cause.PAUSED: Saying("placing on {site} is paused | {have}", "run `fedsched resume {member_or_all}`"),
    Cause.DENIED: Saying(
        "the user or the schedd is denied | {have} | by the pattern {what}",
        "run `fedsched allow {what_or_pattern}` to lift it",
    ),
    Cause.DRAINING: Saying(
        "{who} is being drained | {have}", "run `fedsched uncordon {member}` to take it into use again"
    ),
    # not now
    Cause.NO_ROOM: Saying(
        "no node of {where} has room now | {need}{of} needed on one node | the best has {have}{of}",
        "wait until running work ends, or join another member",
    ),
    Cause.FRAGMENTED: Saying(
        "what is free on {where} is scattered | {need}{of} needed on one node | the best has {have}{of}",
        "wait until work on one of these nodes ends, or ask for less on one node",
    ),
    Cause.QUOTA_FULL: Saying(
        "the quota of {site} is full | {what} | {need}{of} needed | {have}{of} left",
        "ask the admin of {member} for a larger ResourceQuota, or wait",
    ),
    Cause.CEILING_REACHED: Saying(
        "the ceiling of {site} is reached | {need}{of} would be held | {have}{of} allowed",
        "raise `ceiling` in clusters/{member}.toml, or wait",
    ),
    Cause.TRIAL_FULL: Saying(
        "{who} is on trial and full | {need} pods would be there | {have} allowed",
        'set `mode = "on"` in clusters/{member}.toml when the trial has convinced you',
    ),
    Cause.LEAVE_FREE: Saying(
        "what is free on {where} is kept for its owner | {need}{of} needed | {have}{of} free in all",
        "wait until more is free there, or lower `leave_free` in clusters/{member}.toml",
    ),
    Cause.RAMP: Saying(
        "startds are added step by step and this step is used up | {need} jobs idle | {have} allowed",
        "wait for the next step, or raise `first` or `max_starts` in the policy",
    ),
    Cause.TRUST: Saying(
        "the user has to claim first what was started for it | {what}: {have} | {need}",
        "wait until the first startds are claimed; if they stay unclaimed, run `fedsched doctor`",
    ),
    Cause.PROBING: Saying(
        "one startd is tried first to learn what slots of {where} offer | {need}: {have}",
        "wait for it: what it shows opens the place for all",
    ),
    Cause.MEMBER_SILENT: Saying(
        "{who} does not answer | {what}: {have} | allowed: {need}",
        "check the network to {member} with `fedsched clusters`",
    ),
    Cause.MEMBER_LOST: Saying(
        "{who} is given up for lost | {what}: {have} | allowed: {need}",
        "bring it back, or run `fedsched unjoin {member} --forget`",
    ),
    Cause.CREDENTIAL: Saying(
        "{who} refuses our credential | {have}", "run `fedsched rotate {member}` or join it again"
    ),
    Cause.FROZEN: Saying(
        "nothing moves because most members fell silent together, which looks like a fault of our own | "
        "{what}: {have} | needed: {need}",
        "check the hub's own network first",
    ),
    Cause.STALE: Saying(
        "what is known of {site} is too old to act on | {what}: {have} | allowed: {need}",
        "check that `fedsched serve` runs and that {member} answers: `fedsched clusters`",
    ),
    Cause.BUDGET: Saying(
        "{who} has as much going on as it may | {what}: {have} | allowed: {need}",
        "wait some seconds, or raise `budgets` in clusters/{member}.toml",
    ),
    Cause.BACKING_OFF: Saying(
        "placements on {where} failed lately, so it rests | {have} | {need}",
        "look at the failure with `fedsched clusters`, and mend it",
    ),
    Cause.SCHEDD_STALE: Saying(
        "the schedd does not answer, so that its queue may be long over | {what} | heard: {have} | allowed: {need}",
        "check the schedd and the hub's way to it",
    ),
    Cause.GROUP_LIMIT: Saying(
        "the accounting group is at its limit | {what} | {need}{of} more wanted | {have}{of} left",
        "wait, or raise the group's limit in the policy",
    ),
    Cause.GROUP_QUOTA: Saying(
        "the accounting group has its quota and takes no more | {what} | {need}{of} more wanted | {have}{of} left",
        "wait, or set `accept_surplus = true` for the group in the policy",
    ),
    Cause.GROUP_BORROW: Saying(
        "the accounting group borrows all that it may above its quota | {what} | {need} more wanted | {have} left",
        "wait, or raise `borrow` of the group in the policy",
    ),
    Cause.NOT_LENT: Saying(
        "what is left belongs to a group that does not lend it | {what} | {need} more wanted | {have} left for others",
        "wait, or raise `lend` of that group in the policy",
    ),
    Cause.PRINCIPAL_CEILING: Saying(
        "the user is at the ceiling that the policy sets | {what} | {need} more wanted | {have} left",
        "wait, or raise its `ceiling` in the policy",
    ),
    Cause.CONCURRENCY_LIMIT: Saying(
        "a concurrency limit is used up | {what} | {need} more wanted | {have} left",
        "wait until jobs that use it end, or raise the limit in the policy",
    ),
    Cause.SUPPLY_ON_ITS_WAY: Saying(
        "startds for it are on their way | {have} of {need} jobs",
        "wait for them to join the pool",
    ),
    Cause.LEAKED: Saying(
        "others keep claiming the startds that were started for it | {have} | {need} tolerated",
        "compare the pool's negotiator with the policy: `fedsched negotiator-config`",
    ),
    Cause.NOT_MATERIALISED: Saying(
        "these jobs are announced by a job factory and do not exist yet | {have}", "wait for the schedd to make them"
    ),
    Cause.TIER_CLOSED: Saying(
        "the tier of {site} is not open yet | tier {what} | {have} | {need} needed",
        "wait until cheaper places stay full for so long, or lower `dwell_s` of the tier in the policy",
    ),
    Cause.TIER_WINDOW: Saying(
        "the tier of {site} may not be used now | tier {what} | {have} | {need} needed",
        "wait for its hours, or change `windows` of the tier in the policy",
    ),
    Cause.BUDGET_SPENT: Saying(
        "a budget does not pay for another startd on {where} | {what} | it costs {need} | {have}",
        "wait for the next window, or raise `budget` in the policy",
    ),
    Cause.FAILING_FAST: Saying(
        "jobs of this kind made their startds fail on {where} several times in a row | {have} | {need}",
        "look at the failure with `fedsched clusters`, and try the job by itself there",
    ),
    Cause.COPY_MAY_RUN: Saying(
        "its copy at {site} may still run, so that another one could run beside it | {what} | {need} | {have}",
        "wait until {member} answers, or until the copy's own deadline has surely ended it",
    ),
    Cause.REBUILDING: Saying(
        "what was placed before this journal began is known only to the members, and not all were seen since | "
        "{what} | {need} | {have}",
        "wait until all members have answered once: `fedsched clusters` shows who has not; `fedsched unjoin --forget` "
        "leaves out one that never will",
    ),
    Cause.HELD: Saying(
        "it is held | {what} | {have}",
        "run `fedsched release` for it, or set `suspend: false` in the Job where its owner suspended it",
    ),
    Cause.GROWTH_ASKED: Saying(
        "new nodes would have to come on {where}, and another member grows for it already | {need} | {have}",
        "wait for the nodes, they take some minutes",
    ),
    Cause.ABOVE_SHARE: Saying(
        "it holds what it has a right to, others hold less | {what} | entitled to {need} | holds {have}",
        "wait for your turn, or ask for a larger share in the policy",
    ),
    Cause.NO_VICTIMS: Saying(
        "nobody has to make room where it could run | {need} needed on one node | {have}",
        "wait until running work ends, or join another member",
    ),
    Cause.PROTECTED: Saying(
        "those who must make room on {where} have only just begun | {have} | {need} protected",
        "wait, or lower `protect_s` of the policy's preemption",
    ),
    Cause.EVICTION_RATE: Saying(
        "the evictions of this minute are used up on {site} | {have} | {need} allowed",
        "wait a minute, or raise `evictions_per_min` under `budgets` in clusters/{member}.toml",
    ),
    Cause.ROOM_ON_ITS_WAY: Saying(
        "room is being made for it | {have} of {need} jobs",
        "wait until those who yield have gone",
    ),
    # why something was done
    Cause.DEMAND: Saying(
        "it was placed for jobs that nothing served | {need} idle | {have} served before",
        "nothing to do",
    ),
    Cause.PROBE: Saying("it is the one probe of {where} | {what}", "wait for its slot to be seen"),
    Cause.IDLE: Saying(
        "nobody claimed it on {where} | for {have} | {need} allowed",
        "nothing to do, it leaves",
    ),
    Cause.DEMAND_GONE: Saying("its demand is gone | {have} | {need} needed", "nothing to do, it is withdrawn"),
    Cause.EXPIRED: Saying("it is past its expiry on {where} | {have} | {need} allowed", "nothing to do, it goes"),
    Cause.RETIRED: Saying(
        "it reached the end of its life on {where} | {have} | {need} allowed", "nothing to do, it goes"
    ),
    Cause.OWNER: Saying(
        "a pod of the site's own needs the node at {where} | {what} | it asks {need} | {have}",
        "nothing to do, the owner comes first",
    ),
    Cause.ORDERED: Saying(
        "a person ordered it for {where} | {what} | {have}", "look at the order with `fedsched clusters`"
    ),
    Cause.PREEMPTED: Saying(
        "it makes room on {where} for who has the better right | {what} | by rule {need} | {have} of work at stake",
        "nothing to do, jobs that do not finish there are idle again at their schedd",
    ),
    Cause.FINISHED: Saying("it finished on {where} | {have}", "nothing to do, its object is cleared"),
    Cause.WITHDRAWN: Saying(
        "its Job shall not run any more, or not now | {what} | {have}", "nothing to do, the copy at {site} is removed"
    ),
    Cause.REVIVED: Saying(
        "it is a copy that should not be there | {what} | {have}",
        "nothing to do, it is removed; ask the admin of {member} whether an older state was restored there",
    ),
    Cause.ORPHAN: Saying("nobody knows this object of ours at {where} | {what}", "nothing to do, it is swept"),
    Cause.SUPERSEDED: Saying(
        "a newer fedsched stands at {site} | epoch {have} | ours is {need}",
        "stop this one, or find out who started the other",
    ),
    # why a placement failed
    Cause.IMAGE_PULL: Saying(
        "{who} cannot pull the image | {have} | pod {what}",
        "check the image's name and the pull secret in clusters/{member}.toml",
    ),
    Cause.POD_REFUSED: Saying(
        "the admission of {site} refuses the pod | {have}",
        "show that message to the site's admin",
    ),
    Cause.PENDING_TOO_LONG: Saying(
        "its pod stayed pending on {where} | for {have} | {need} allowed | {what}",
        "look at the pods in our namespace at {member}: `kubectl describe pod`",
    ),
    Cause.NEVER_JOINED: Saying(
        "its pod ran on {where} but its slot never reached the collector | {have} | {need} allowed | {what}",
        "check token and way out: `kubectl logs` of the pod, then `fedsched flock-config --check`",
    ),
    Cause.PROBE_FAILED: Saying(
        "the member's own probe script refused it on {where} | {have} | {what}",
        "mend what the probe tests, or the probe",
    ),
    Cause.CRASHED: Saying(
        "the startd ended with an error on {where} | {have} | {what}", "read `kubectl logs` of the pod"
    ),
    Cause.POD_LOST: Saying(
        "its pod was killed or its node went away at {where} | {have} | {what}",
        "nothing to do, the demand is placed again",
    ),
    Cause.VANISHED: Saying(
        "its copy at {site} is gone and nobody saw how it ended | {what} | {have}",
        "look whether its results are there; if not, create the Job again under another name",
    ),
    Cause.WRITE_REFUSED: Saying(
        "{who} refused our write | {have} | {what}",
        "run `fedsched join {member}` again to check the rights",
    ),
    Cause.FOREIGN_OBJECT: Saying(
        "the name is taken at {where} by an object that is not ours | {what} | {have}",
        "ask the site's admin whose it is; fedsched leaves it alone",
    ),
}

VARIANTS: dict[tuple[Cause, str], Saying] = {
    (Cause.FORM_REFUSED, "pool"): Saying(
        "{who} lends nothing to the pool | pool {need} | it lends to {have}",
        "add the pool under `pools` in clusters/{member}.toml, with the site's consent",
    ),
    **dict.fromkeys(
        ((Cause.EXPRESSION_REFUSED, "User"), (Cause.EXPRESSION_REFUSED, "AccountingGroup")),
        Saying("no startd could know the job by its {what} | {have}", "submit under a plain name, or ask for one"),
    ),
    (Cause.QUOTA_FULL, "jobs"): Saying(
        "the quota of {site} allows no further Job | {need} needed | {have} left",
        "ask the admin of {member} for a larger count/jobs.batch, or wait",
    ),
    (Cause.NO_ROOM, "pods at once"): Saying(
        "{where} has no room now for all pods of the Job at once | {need} pods needed | room for {have}",
        "wait until running work ends, lower `parallelism` of the Job, or join another member",
    ),
    (Cause.NO_ROOM, "node group"): Saying(
        "a DaemonSet of ours has the whole of {where} already",
        "wait until its startds have room, or join another member",
    ),
    (Cause.NO_ROOM, "nodes"): Saying(
        "no node of {where} is ready and open now", "ask the admin of {member} about its nodes, or join another member"
    ),
    (Cause.NO_ROOM, "nothing that is known"): Saying(
        "nothing that is known keeps it, which is a bug", "please report this cycle: `fedsched snapshot`"
    ),
    (Cause.STALE, "anchor"): Saying(
        "the object that allows us to work on {site} is gone | {need}: {have}",
        "ask its admin whether fedsched was stopped there on purpose; if not, run `fedsched join {member}` again",
    ),
    (Cause.STALE, "collector"): Saying(
        "the pool's collector does not answer, so that no startd could join | {what}: {have} | allowed: {need}",
        "check the collector and the hub's way to it: `fedsched clusters`",
    ),
    (Cause.TRUST, "unclaimed startds"): Saying(
        "the user has to claim first what was started for it | startds not claimed yet: {have}",
        "wait until the first startds are claimed; if they stay unclaimed, run `fedsched doctor`",
    ),
    (Cause.PROBING, "first startd"): Saying(
        "one startd is tried first to learn what slots of {where} offer, and its slot was not seen yet",
        "wait for it: what it shows opens the place for all",
    ),
    (Cause.FROZEN, "members that answer"): Saying(
        "nothing moves because most members fell silent together, which looks like a fault of our own",
        "check the hub's own network first",
    ),
    (Cause.NO_VICTIMS, "preemption.requirements"): Saying(
        "the policy's preemption.requirements spare whoever would have to make room on {where}",
        "wait until running work ends, or change `requirements` of the policy's preemption",
    ),
    (Cause.NO_VICTIMS, "pods at once"): Saying(
        "nobody is made to go for a Job that needs several pods at once | {need} pods needed | {have}",
        "wait until running work ends, or let the Job begin with fewer pods (no gang, or a lower `parallelism`)",
    ),
    (Cause.NO_VICTIMS, "preemption"): Saying(
        "the policy's expressions for preemption are broken, so nobody has to make room | {have}",
        "mend them: `fedsched check`",
    ),
}
"""Where a cause speaks of something special, by what it is about (up to the word "of")."""
