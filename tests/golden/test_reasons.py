"""Every cause has a sentence with its numbers and a next action, and a bare reason still gives a whole sentence."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
import pytest

from fedsched.matchmaker import explain
from fedsched.matchmaker.explain.sayings import SAYINGS
from fedsched.matchmaker.reasons import Cause, Reason

GOLDEN = Path(__file__).parent / "reasons.txt"
NUMBERS = {
    # as the rules write them
    Cause.REQUIREMENTS: ("TARGET.HasCVMFS =?= true", "HasCVMFS =?= true", "HasCVMFS = undefined"),
    Cause.NODE_TOO_SMALL: ("memory_mib", "96 GiB", "32 GiB"),
    Cause.FORM_REFUSED: ("form", "a startd", "job"),
    Cause.TAINTED: ("taint", "a toleration", "dedicated=other:NoSchedule"),
    Cause.PRINCIPAL_REFUSED: ("principal", "hep.ann@site", "astro.*"),
    Cause.IMAGE_REFUSED: ("image", "registry.site/own:1", "registry.site/worker:*"),
    Cause.TOO_LONG: ("AllowedJobDuration", "129600 s", "43200 s"),
    Cause.NO_NODE_GROUPS: ("node groups", "1", "0"),
    Cause.EXPRESSION_REFUSED: ("Requirements", "", "2001 operators, at most 2000"),
    Cause.ADMISSION_REFUSED: ("memory_mib", "96 GiB", "64 GiB"),
    Cause.CORDONED: ("cordon", "", "broken fan"),
    Cause.NODES_CORDONED: ("nodes", "1", "0"),
    Cause.OBSERVE_ONLY: ("mode", "trial or on", "observe"),
    Cause.PAUSED: ("pause", "", "upgrade"),
    Cause.DENIED: ("*@evil", "", "mining"),
    Cause.DRAINING: ("drain", "", "new disks"),
    Cause.NO_ROOM: ("cpu_milli", "8 cores", "2 cores"),
    Cause.FRAGMENTED: ("memory_mib", "96 GiB", "40 GiB"),
    Cause.QUOTA_FULL: ("cpu_milli", "8 cores", "3 cores"),
    Cause.CEILING_REACHED: ("memory_mib", "520 GiB", "512 GiB"),
    Cause.TRIAL_FULL: ("pods", "3", "trial(2)"),
    Cause.LEAVE_FREE: ("cpu_milli", "8 cores beside 64 cores that stay free", "70 cores"),
    Cause.RAMP: ("starts", "200", "4 per interval"),
    Cause.TRUST: ("unclaimed startds", "claims first", "2 of 2 out"),
    Cause.PROBING: ("first startd", "its slot seen", "not yet"),
    Cause.MEMBER_SILENT: ("contact", "within 60 s", "185 s ago"),
    Cause.MEMBER_LOST: ("contact", "within 60 s", "2400 s ago"),
    Cause.CREDENTIAL: ("credential", "accepted", "401 Unauthorized"),
    Cause.FROZEN: ("members that answer", "most", "few"),
    Cause.STALE: ("capacity", "60 s", "300 s old"),
    Cause.BUDGET: ("pods pulling images", "under 10", "10"),
    Cause.BACKING_OFF: ("placements", "opens in 540 s", "3 failures in a row: image-pull ErrImagePull: not found"),
    Cause.SCHEDD_STALE: ("ce1.site", "120 s", "300 s ago"),
    Cause.GROUP_LIMIT: ("cpu_milli of hep", "8 cores", "0 cores"),
    Cause.GROUP_QUOTA: ("hep", "8 core-equivalents", "2.5 core-equivalents"),
    Cause.GROUP_BORROW: ("hep", "8 core-equivalents", "2.5 core-equivalents"),
    Cause.NOT_LENT: ("astro", "8 core-equivalents", "2.5 core-equivalents"),
    Cause.PRINCIPAL_CEILING: ("hep.ann@site", "8 core-equivalents", "0 core-equivalents"),
    Cause.CONCURRENCY_LIMIT: ("licence", "2 units", "1 of 20 units"),
    Cause.SUPPLY_ON_ITS_WAY: ("startds", "30", "20"),
    Cause.LEAKED: ("startds", "at most 20", "21 in this spike"),
    Cause.NOT_MATERIALISED: ("jobs", "", "900 jobs"),
    Cause.ABOVE_SHARE: ("hep/ann@site", "30 core-equivalents", "42 core-equivalents"),
    Cause.NO_VICTIMS: ("startds", "8 cores", ""),
    Cause.PROTECTED: ("startds", "600 s", "240 s to go"),
    Cause.EVICTION_RATE: ("evictions", "10 a minute", "2 needed, 1 left"),
    Cause.ROOM_ON_ITS_WAY: ("room", "19", "4"),
    Cause.TIER_CLOSED: ("cloud", "900 s", "the tiers before it are full for 420 s"),
    Cause.TIER_WINDOW: ("night", "3600 s", "open for 1200 s more"),
    Cause.BUDGET_SPENT: ("tier/cloud", "4.10 for 3600 s", "1.25 of 100 left, its window ends in 7200 s"),
    Cause.FAILING_FAST: (
        "startds",
        "tries again in 540 s",
        "3 failures in a row, last: never-joined exit code 5: the collector refused the token",
    ),
    Cause.GROWTH_ASKED: ("nodes", "one member grows for it, m2", "could grow to 5 nodes"),
    Cause.DEMAND: ("c9f2", "30", "20"),
    Cause.PROBE: ("c9f2", "30", "0"),
    Cause.IDLE: ("", "300 s", "310 s"),
    Cause.DEMAND_GONE: ("", "1", "0 idle jobs"),
    Cause.EXPIRED: ("", "", "30 s past"),
    Cause.RETIRED: ("", "1800 s", "1805 s"),
    Cause.OWNER: ("their-pod", "", "waiting 40 s"),
    Cause.ORDERED: ("drain", "", "new disks"),
    Cause.PREEMPTED: ("hep.bob@site k2", "PR2", "3.0 core-hours"),
    Cause.FINISHED: ("", "", ""),
    Cause.ORPHAN: ("fs-m1-7", "", ""),
    Cause.SUPERSEDED: ("", "17", "18"),
    Cause.IMAGE_PULL: ("fs-m1-7-x2b4c", "", "ErrImagePull: not found"),
    Cause.POD_REFUSED: ("fs-m1-7", "", "admission webhook denied the request: no requests above 64Gi"),
    Cause.PENDING_TOO_LONG: (
        'Unschedulable: 0/5 nodes are available: persistentvolumeclaim "data" not found',
        "900 s",
        "960 s",
    ),
    Cause.NEVER_JOINED: ("fs-m1-7", "", "exit code 5: the collector refused the token"),
    Cause.PROBE_FAILED: ("fs-m1-7-x2b4c", "", "the probe script said no"),
    Cause.CRASHED: ("fs-m1-7", "", "exit code 70"),
    Cause.POD_LOST: ("fs-m1-7", "", "the pod is gone"),
    Cause.WRITE_REFUSED: ("", "", "403 Forbidden: jobs.batch is forbidden"),
    Cause.FOREIGN_OBJECT: ("fs-m1-7", "", "409 AlreadyExists"),
    Cause.NAMESPACE_REFUSED: ("namespace", "default", "reana, cms-*"),
    Cause.OBJECT_MISSING: ("PersistentVolumeClaim/workspace", "present", "missing"),
    Cause.FIELD_REFUSED: ("spec.template.spec.hostNetwork", "hostNetwork", "hostPath=/cvmfs"),
    Cause.TOO_MANY_PODS: ("pods", "64", "40"),
    Cause.COPY_MAY_RUN: ("fs-m1-7", "", "m1 has not answered for 1200 s"),
    Cause.REBUILDING: ("m2", "seen once", "not yet"),
    Cause.HELD: ("default/fit", "", "wrong input"),
    Cause.WITHDRAWN: ("default/fit", "", "deleted in its queue"),
    Cause.REVIVED: ("default/fit", "one copy", "1-9 is the other"),
    Cause.VANISHED: ("fs-m1-7", "", "the copy is gone, its end was not seen"),
}
SPECIAL = (
    Reason(Cause.FORM_REFUSED, "pool", "physics", "astro", member="m1"),
    Reason(
        Cause.EXPRESSION_REFUSED, "User", have="only up to 253 letters, digits and - can stand in START", member="m1"
    ),
    Reason(Cause.QUOTA_FULL, "jobs", "1", "0", member="m1"),
    Reason(Cause.QUOTA_FULL, "memory_mib", "16 GiB", "3 GiB", member="m1"),
    Reason(Cause.NO_ROOM, "node group", "no DaemonSet of ours", "one is there", member="m1", node_group="big"),
    Reason(Cause.NO_ROOM, "nodes", "1 nodes", "0 nodes", member="m1", node_group="big"),
    Reason(Cause.NO_ROOM, "nothing that is known", source="class c1: please report this cycle"),
    Reason(Cause.STALE, "anchor", "present", "missing", member="m1"),
    Reason(Cause.STALE, "collector of physics", "120 s", "never"),
    Reason(Cause.NO_VICTIMS, "preemption.requirements", have="not true of those who would have to", member="m1"),
    Reason(Cause.NO_VICTIMS, "preemption", have="rank: parse error"),
    Reason(Cause.MEMBER_SILENT, "writing", "120 s", "400 s", member="m1"),
    Reason(Cause.BACKING_OFF, "placements", "opens in 540 s", "2 failures", member="m1", node_group="big"),
)


def full(cause: Cause) -> Reason:
    what, need, have = NUMBERS[cause]
    return Reason(cause, what, need, have, member="m1", node_group="big", source="node group big", at=1000.0)


def told() -> str:
    lines = []
    for cause in Cause:
        lines += [
            f"{cause}",
            f"  full: {explain.sentence(full(cause), 1125.0)}",
            f"    do: {explain.action(full(cause))}",
        ]
        lines += [f"  bare: {explain.sentence(Reason(cause), 1125.0)}", f"    do: {explain.action(Reason(cause))}"]
    for reason in SPECIAL:
        lines += [f"{reason.cause} {reason.what}", f"  {explain.sentence(reason, 1125.0)}"]
        lines += [f"    do: {explain.action(reason)}"]
    return "\n".join(lines) + "\n"


def test_the_sentences_of_all_causes_are_those_that_people_have_read_and_approved() -> None:
    """After a deliberate change: FEDSCHED_GOLDEN=write, then read the difference."""
    if os.environ.get("FEDSCHED_GOLDEN") == "write":
        GOLDEN.write_text(told(), encoding="utf-8")
    assert told() == GOLDEN.read_text(encoding="utf-8")


def test_no_cause_is_without_words() -> None:
    assert set(SAYINGS) == set(Cause)


@pytest.mark.parametrize("cause", list(Cause))
def test_a_sentence_is_whole_whatever_the_reason_leaves_out(cause: Cause) -> None:
    for reason in (full(cause), Reason(cause), Reason(cause, need="7 cores"), Reason(cause, have="7 cores")):
        text = explain.sentence(reason, 1000.0)
        assert text.endswith(".")
        assert text[0].isupper()
        assert not re.search(r"[{}|\[\]]|  | ,|: ,|\(\)|: \.", text), text
        assert explain.action(reason)
        assert not re.search(r"[{}|\[\]]", explain.action(reason))


@pytest.mark.parametrize("cause", [c for c in Cause if "{need}" in SAYINGS[c].clause])
def test_numbers_that_a_reason_has_are_told(cause: Cause) -> None:
    reason = Reason(cause, "the-thing", "12 units", "3 units", member="m1")
    assert "12 units" in explain.clause(reason)
    assert "3 units" in explain.clause(reason)


def test_long_times_are_told_in_hours_unless_that_would_hide_a_difference() -> None:
    told = explain.clause(Reason(Cause.TOO_LONG, "", "129600 s", "43200 s", member="m1"))
    assert "needs 36 h" in told
    assert "has 12 h left" in told
    close = explain.clause(Reason(Cause.TOO_LONG, "", "36001 s", "36000 s", member="m1"))
    assert "needs 36001 s" in close
    assert "has 36000 s left" in close


def test_a_place_that_rests_tells_the_failure_with_what_kubernetes_said() -> None:
    """RE1: whoever reads it can mend that, not the rest."""
    rests = Reason(Cause.BACKING_OFF, "placements", "opens in 540 s", "1 failure in a row: image-pull ErrImagePull: x")
    assert explain.clause(rests) == "every member cannot pull the image: ErrImagePull: x (1 failure, opens in 9 min)"
    assert explain.action(rests) == explain.action(Reason(Cause.IMAGE_PULL))
    odd = msgspec.structs.replace(rests, have="3 failures in a row: gremlins in the works")
    assert "gremlins in the works" in explain.clause(odd)
    assert explain.action(odd) == explain.action(Reason(Cause.BACKING_OFF))


def test_a_number_older_than_a_cycle_shows_its_age_and_a_fresh_one_does_not() -> None:
    assert "2 min old" in explain.sentence(full(Cause.NO_ROOM), 1125.0)
    assert "old" not in explain.sentence(full(Cause.NO_ROOM), 1005.0)


def test_hostile_words_stay_on_one_short_printable_line() -> None:
    hostile = Reason(Cause.REQUIREMENTS, what="\x1b[31mred\r\nfake line {need} | x" + "y" * 10_000, member="m\x07")
    text = explain.sentence(hostile, 0.0)
    assert text.isprintable()
    assert len(text) < 500
    assert "{need}" in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (8.4, "8 s"), (99, "99 s"), (180, "3 min"), (7500, "2 h 5 min"), (7200, "2 h"), (180_000, "2 d 2 h")],
)
def test_an_age_is_short_and_names_its_units(seconds: float, words: str) -> None:
    assert explain.age(seconds) == words
