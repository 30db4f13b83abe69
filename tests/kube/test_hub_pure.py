"""What is written to a hub, without one: statuses by the server's rules, globs as policies read them, what is news."""

from __future__ import annotations

import re
import textwrap
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fedsched.config import load_federation
from fedsched.config.settings import QueuePrincipal, QueueSettings
from fedsched.kube.hub import cel
from fedsched.kube.hub.events import news
from fedsched.kube.hub.handover import handover
from fedsched.kube.hub.policies import HubTerms, policies
from fedsched.kube.hub.request import HubRequest, copying, request_of, rights
from fedsched.kube.hub.served import NEWEST
from fedsched.kube.hub.standing import standing
from fedsched.kube.hub.statuses import status_of
from fedsched.kube.hub.wire import StatusItem
from fedsched.kube.jobs.status_body import StatusError, StatusFacts, spans, status_body, without, written
from fedsched.matchmaker.model import JobCondition, JobStatus, Principal, QueuedJob
from fedsched.matchmaker.model.names import CONDITION_PLACED, CONDITION_PREEMPTED

ROOT = Path(__file__).parents[2]
T0 = 1_800_000_000.0
TYPES = ("Complete", "Failed", "SuccessCriteriaMet", "FailureTarget", "Suspended", CONDITION_PLACED)
Truth = Literal["True", "False"]

moments = st.one_of(st.none(), st.integers(0, 5000).map(lambda s: T0 + s))
indexes = st.sampled_from(["", "0", "0-2", "1,3", "0,2-9", "x", "4-3", "3,1"])
conditions = st.lists(
    st.builds(JobCondition, st.sampled_from(TYPES), st.sampled_from(["True", "False"]), at=moments), max_size=4
).map(tuple)
statuses = st.builds(
    JobStatus,
    active=st.integers(-1, 5),
    ready=st.integers(0, 5),
    terminating=st.integers(0, 2),
    succeeded=st.integers(0, 5),
    failed=st.integers(0, 5),
    started_at=moments,
    completed_at=moments,
    completed_indexes=indexes,
    failed_indexes=st.one_of(st.none(), indexes),
    conditions=conditions,
)
facts = st.builds(
    StatusFacts,
    indexed=st.booleans(),
    completions=st.one_of(st.none(), st.integers(1, 5)),
    per_index=st.booleans(),
    suspended=st.booleans(),
)


def shown(body: dict[str, Any]) -> JobStatus:
    """As the hub shows what was written."""
    return status_of(msgspec.convert({key: value for key, value in body.items() if value is not None}, StatusItem))


def true(status: JobStatus, type_: str) -> bool:
    """Whether the condition is True."""
    return any(one.type == type_ and one.status == "True" for one in status.conditions)


def broken(now: JobStatus, before: JobStatus, of: StatusFacts) -> list[str]:
    """The server's rules that a write breaks; each is checked on a real one in test_hub_status."""
    done, failed = true(now, "Complete"), true(now, "Failed")
    resumed = true(before, "Suspended") and not true(now, "Suspended")
    moved = before.started_at not in {None, now.started_at}
    rules = {
        "both ends": done and failed,
        "success without its announcement": done and not true(now, "SuccessCriteriaMet"),
        "failure without its announcement": failed and not true(now, "FailureTarget"),
        "both announcements": true(now, "SuccessCriteriaMet") and true(now, "FailureTarget"),
        "active at the end": (done or failed) and (now.active or now.terminating) != 0,
        "no start at the end": (done or failed) and now.started_at is None,
        "completion": (now.completed_at is not None) != done,
        "completion before start": now.completed_at is not None and now.completed_at < (now.started_at or 0),
        "more ready than active": now.ready > now.active,
        "less": now.failed < before.failed or now.succeeded < before.succeeded,
        "another start": moved and not of.suspended and not resumed,
        "another completion": before.completed_at not in {None, now.completed_at},
        "taken back": any(true(before, one) and not true(now, one) for one in TYPES[:4]),
        "indexes of none": bool(now.completed_indexes) and not of.indexed,
        "failed indexes of none": now.failed_indexes is not None and not of.per_index,
        "negative": min(now.active, now.ready, now.terminating, now.succeeded, now.failed) < 0,
    }
    return [name for name, bad in rules.items() if bad]


def ended(at: float | None, started_at: float | None = None) -> JobStatus:
    return JobStatus(started_at=started_at, conditions=(JobCondition("Complete", "True", at=at),))


@settings(max_examples=150, deadline=None)
@given(st.lists(statuses, min_size=1, max_size=5), facts)
@example([ended(T0), ended(None, T0 + 1)], StatusFacts(suspended=True))  # told late of another start
def test_whatever_a_status_says_no_write_breaks_a_rule_of_the_server(wanted: list[JobStatus], of: StatusFacts) -> None:
    before = JobStatus()
    for number, status in enumerate(wanted):
        try:
            now = shown(status_body(status, before, of, T0 + 6000 + number))
        except StatusError:
            continue  # it ended otherwise: nothing is written
        assert broken(now, before, of) == []
        assert status_body(now, now, of, T0 + 9000) == status_body(now, now, of, T0 + 9999)  # what is shown is stable
        before = now


def test_a_condition_that_has_no_time_keeps_the_one_that_is_shown() -> None:
    placed = JobCondition(CONDITION_PLACED, "True", "m1")
    first = shown(status_body(JobStatus(conditions=(placed,)), JobStatus(), StatusFacts(), T0))
    again = shown(status_body(JobStatus(conditions=(placed,)), first, StatusFacts(), T0 + 60))
    assert again == first
    waits = JobCondition(CONDITION_PLACED, "False", "NoRoom")
    changed = shown(status_body(JobStatus(conditions=(waits,)), first, StatusFacts(), T0 + 60))
    assert changed.conditions[0].at == T0 + 60


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20)), st.integers(1, 21))
def test_indexes_are_cut_to_what_the_job_has_and_never_in_both_lists(
    done: set[int], failed: set[int], most: int
) -> None:
    def text(some: set[int]) -> str:
        return ",".join(map(str, sorted(some)))

    def numbers(some: str) -> set[int]:
        return {i for low, high in spans(some, 99) for i in range(low, high + 1)}

    completed = spans(text(done), most)
    assert numbers(written(completed)) == {i for i in done if i < most}
    rest = without(spans(text(failed), most), completed)
    assert numbers(written(rest)) == {i for i in failed if i < most} - done


@settings(max_examples=200, deadline=None)
@given(st.text("ab*?[]!-.^\\", max_size=7), st.text("ab-.^\\[", max_size=5))
def test_a_glob_means_the_same_in_a_policy_as_in_fedsched_toml(glob: str, name: str) -> None:
    try:
        found = re.fullmatch(cel.regex(glob), name) is not None
    except re.error:
        return  # an interval the wrong way round: a policy would refuse all, fnmatch matches nothing
    assert found == fnmatchcase(name, glob)


def test_text_of_a_settings_file_never_ends_a_string_of_a_policy() -> None:
    hostile = 'x" || true || "\\'
    queue = QueueSettings("hub", principals=(QueuePrincipal(hostile, groups=(hostile,), user_label=hostile),))
    spec = policies("n", {}, HubTerms((queue,), (f"hostPath={hostile}",)), NEWEST)[0]["spec"]
    for check in spec["validations"]:
        text = check["expression"]
        quoted = re.sub(r'"(\\.|[^"\\])*"', "S", text)
        assert '"' not in quoted
        assert "true || S" not in quoted.replace("(true)", "")


def test_what_is_granted_by_some_member_is_no_longer_refused_at_creation() -> None:
    def words(*grants: str) -> str:
        spec = policies("n", {}, HubTerms((QueueSettings("hub"),), grants), NEWEST)[0]["spec"]
        return str([check["message"] + check.get("messageExpression", "") for check in spec["validations"]])

    assert all(name in words() for name in ("hostNetwork", "hostPath", "privileged", "serviceAccountName"))
    assert "privileged" not in words("privileged")
    assert "hostNetwork" not in words("hostNetwork")
    assert "].hostPath" in words("hostPath=/cvmfs")
    assert not any(name in words("host*") for name in ("hostNetwork", "hostPID"))
    assert not any(name in words("*") for name in ("hostNetwork", "].hostPath", "privileged", "serviceAccountName"))


def test_nothing_may_be_copied_where_namespaces_are_patterns_or_no_member_copies() -> None:
    def spaces(globs: tuple[str, ...], copied: tuple[str, ...]) -> list[str]:
        request = HubRequest("hub", "f", terms=HubTerms((QueueSettings("hub", namespaces=globs),)), copied=copied)
        made = standing(request, NEWEST)
        return [
            each["metadata"].get("namespace", "*")
            for each in made
            if any("secrets" in rule["resources"] for rule in each.get("rules", ()))
        ]

    assert spaces(("*",), ("Secret",)) == []
    assert spaces(("physics",), ()) == []
    assert spaces(("physics", "bio-*"), ("Secret",)) == ["physics"]


def test_our_account_can_change_no_job_and_read_no_object_but_to_copy_it() -> None:
    request = HubRequest("hub", "f", terms=HubTerms((QueueSettings("hub"),)), copied=("Secret",))
    verbs = {(right.resource, verb) for right in rights(request) for verb in right.verbs}
    assert {verb for resource, verb in verbs if resource == "jobs"} == {"get", "list", "watch"}
    assert {right.verbs for right in copying(request)} == {("get",)}
    assert not {verb for _, verb in verbs} & {"delete", "deletecollection", "bind", "escalate", "impersonate"}


def test_the_manifests_that_are_shipped_are_those_of_the_documented_queue(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "hub.md").read_text(encoding="utf-8")
    table = re.search(r"(    \[\[queue\]\]\n(?:    .*\n|\n)+)", page)
    assert table is not None
    (tmp_path / "fedsched.toml").write_text('id = "example"\n' + textwrap.dedent(table[1]), encoding="utf-8")
    request = request_of(load_federation(tmp_path / "fedsched.toml"), (), "hub", "fedsched-queue")
    shipped = (ROOT / "clusters" / "hub" / "queue.yaml").read_text(encoding="utf-8")
    assert handover(request, NEWEST) == shipped, "fedsched hub manifests > clusters/hub/queue.yaml"


def test_news_are_told_when_they_are_new() -> None:
    placed = JobCondition(CONDITION_PLACED, "True", "Placed", "at m1", T0)
    gone = JobCondition(CONDITION_PREEMPTED, "True", "Preempted", "for physics", T0)
    end = JobCondition("Failed", "True", "BackoffLimitExceeded", "too often", T0)
    job = QueuedJob("a/b", "u", Principal("g", "u"), "k", T0, status=JobStatus(conditions=(placed,)))
    later = msgspec.structs.replace(placed, at=T0 + 9)
    assert news(job, JobStatus(conditions=(later,)), T0) == ()
    elsewhere = msgspec.structs.replace(placed, message="at m2")
    told = news(job, JobStatus(conditions=(elsewhere, gone, end)), T0)
    assert [one.reason for one in told] == ["Preempted", "Placed", "BackoffLimitExceeded"]
    assert told[-1].message == "too often; at m2"
    over = msgspec.structs.replace(job, status=JobStatus(conditions=(placed, end)))
    assert news(over, JobStatus(conditions=(placed, end)), T0) == ()
