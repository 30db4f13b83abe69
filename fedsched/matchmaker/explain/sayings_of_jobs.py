"""What to say of classes of users' Jobs where a cause speaks of startds otherwise; the form is that of `sayings`."""

from __future__ import annotations

from fedsched.matchmaker.explain.sayings import Saying
from fedsched.matchmaker.reasons import Cause

OF_JOBS: dict[Cause, Saying] = {
    Cause.FORM_REFUSED: Saying(
        "{who} takes no users' Jobs | wanted: {need} | allowed: {have}",
        "allow `job` under `forms` in clusters/{member}.toml, with the site's consent",
    ),
    Cause.TOO_LONG: Saying(
        "the Job runs longer than any copy of {where} may live | it needs {need} | a copy has {have}",
        "set a shorter activeDeadlineSeconds in the Job, or raise `max_lifetime` in clusters/{member}.toml",
    ),
    Cause.REQUIREMENTS: Saying(
        "no node of {where} satisfies the Job's node selector, affinity or requirements | {what} | needed {need} | "
        "found {have}",
        "relax that term, or join a member whose nodes satisfy it",
    ),
    Cause.TAINTED: Saying(
        "the nodes of {where} carry a taint that keeps its pods off | {have} | {need} for it is missing",
        "add a toleration to the Job where `jobs.tolerations` in clusters/{member}.toml allows its key, or ask "
        "the site",
    ),
    Cause.RAMP: Saying(
        "copies are added step by step and this step is used up | {need} Jobs wait | {have} allowed",
        "wait for the next step, or raise `first` or `max_starts` in the policy",
    ),
    Cause.SUPPLY_ON_ITS_WAY: Saying("copies of it are on their way | {have} of {need} Jobs", "wait for their pods"),
    Cause.BUDGET_SPENT: Saying(
        "a budget does not pay for another copy on {where} | {what} | it costs {need} | {have}",
        "wait for the next window, or raise `budget` in the policy",
    ),
    Cause.FAILING_FAST: Saying(
        "Jobs of this kind failed on {where} several times in a row | {have} | {need}",
        "look at the failure: `fedsched logs JOB`, then try one Job by itself there",
    ),
    Cause.DEMAND: Saying(
        "it was placed because its Job waited | {need} waiting | {have} served before", "nothing to do"
    ),
    Cause.PREEMPTED: Saying(
        "it makes room on {where} for who has the better right | {what} | by rule {need} | {have} of work at stake",
        "nothing to do, the Job waits again and is placed where there is room",
    ),
    Cause.OWNER: Saying(
        "a pod of the site's own needs the node at {where} | {what} | it asks {need} | {have}",
        "nothing to do, the owner comes first and the Job is placed again",
    ),
    Cause.CRASHED: Saying("its pod ended with an error on {where} | {have} | {what}", "read `fedsched logs JOB`"),
    Cause.FINISHED: Saying("it ended on {where} | {have}", "nothing to do, its object is cleared"),
    Cause.SCHEDD_STALE: Saying(
        "the queue does not answer, so that its Jobs may be long over | {what} | heard: {have} | allowed: {need}",
        "check the hub's API server and its credential: `fedsched doctor`",
    ),
    Cause.DENIED: Saying(
        "the user or the queue is denied | {have} | by the pattern {what}",
        "run `fedsched allow {what_or_pattern}` to lift it",
    ),
}
"""Where a class of users' Jobs is spoken of, whose pods run without a startd."""
