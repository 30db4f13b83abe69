"""What answers, classes and changes mean: failures, priorities, admission, quantities; no API server here."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.kube import admission, priority, quantities
from fedsched.kube.actuator import Actuator
from fedsched.kube.failures import ended
from fedsched.kube.priority import PriorityClass
from fedsched.kube.transport import Response, TransportError
from fedsched.kube.vetting import RefusedError
from fedsched.matchmaker.resources import Resources
from tests.kube.write_builders import member

QUOTA = 'jobs.batch "fs-1" is forbidden: exceeded quota: compute-small, requested: count/jobs.batch=1, used: 5'
POLICY = "ValidatingAdmissionPolicy 'no-guests' with binding 'all' denied request: no"
WEBHOOK = 'admission webhook "gate.site.example" denied the request: no'
SECURITY = 'violates PodSecurity "restricted:latest": privileged'
LIMITS = "maximum cpu usage per Container is 2, but limit is 4"
RIGHTS = 'jobs.batch is forbidden: User "x" cannot create resource "jobs" in API group "batch" in the namespace "n"'


def failure(status: int, message: str = "", headers: dict[str, str] | None = None) -> TransportError:
    body = b'{"message": %s, "reason": "x"}' % _json(message)
    found = Response(status, headers or {}, body, "POST /x").failure()
    assert found is not None
    return found


def _json(text: str) -> bytes:
    return ('"' + text.replace('"', '\\"') + '"').encode()


@pytest.mark.parametrize(
    ("status", "message", "result", "begins"),
    [
        (403, QUOTA, "refused", "quota compute-small: "),
        (403, POLICY, "refused", "policy no-guests: "),
        (403, WEBHOOK, "refused", "webhook gate.site.example: "),
        (403, SECURITY, "refused", "pod security restricted:latest: "),
        (403, LIMITS, "refused", "limit range: "),
        (403, RIGHTS, "refused", "our rights: "),
        (422, "spec.x: Invalid value", "refused", "POST /x"),
        (422, "metadata.uid: field is immutable", "conflict", "POST /x"),
        (404, "not found", "gone", "POST /x"),
        (409, "Precondition failed: UID", "conflict", "POST /x"),
        (401, "Unauthorized", "retry", "unauthorized"),
        (429, "slow down", "retry", "POST /x"),
        (500, "etcd", "retry", "POST /x"),
        (503, "away", "retry", "POST /x"),
        (302, "elsewhere", "retry", "POST /x"),
    ],
)
def test_each_answer_has_one_meaning(status: int, message: str, result: str, begins: str) -> None:
    end = ended(failure(status, message))
    assert (end.result, end.what.startswith(begins)) == (result, True), end.what


def test_retry_after_is_handed_on() -> None:
    assert ended(failure(429, "slow down", {"retry-after": "17"})).retry_after_s == 17


def test_silence_is_tried_again() -> None:
    assert ended(TransportError("timeout", "POST /x: no answer within 10 s")).result == "retry"


@given(st.text(max_size=2000))
def test_the_words_of_a_server_are_one_short_line(message: str) -> None:
    end = ended(Response(403, {}, b'{"message": %s}' % _encoded(message), "POST /x").failure() or failure(403))
    assert end.what.isprintable()
    assert len(end.what) < 800


def _encoded(text: str) -> bytes:
    import json  # noqa: PLC0415 - escapes what the little encoder above does not

    return json.dumps(text).encode()


GUEST = PriorityClass("guest", -1000, "Never")
LOWER_BUT_PREEMPTS = PriorityClass("lower", -5000)
DEFAULT = PriorityClass("normal", 100, "Never", global_default=True)


def test_the_lowest_class_that_never_preempts_is_taken() -> None:
    low = PriorityClass("a-bit-lower", -1001, "Never")
    assert priority.choose([GUEST, LOWER_BUT_PREEMPTS, low, DEFAULT], member()) == "a-bit-lower"


def test_a_class_level_with_the_sites_own_pods_is_none_for_us() -> None:
    for classes in ([PriorityClass("zero", 0, "Never")], [LOWER_BUT_PREEMPTS], [], None):
        with pytest.raises(RefusedError, match="allow_same_priority"):
            priority.choose(classes, member())
        assert priority.choose(classes, member(terms={"allow_same_priority": True})) == ""


def test_a_class_below_the_sites_default_is_low_enough() -> None:
    assert priority.choose([DEFAULT, PriorityClass("fifty", 50, "Never")], member()) == "fifty"


def test_a_named_class_must_be_there_never_preempt_and_be_below() -> None:
    for name, word in (("gone", "not there"), ("lower", "preempts"), ("normal", "not below")):
        with pytest.raises(RefusedError, match=word):
            priority.choose([GUEST, LOWER_BUT_PREEMPTS, DEFAULT], member(priority_class=name))
    assert priority.choose([GUEST, DEFAULT], member(priority_class="guest")) == "guest"
    assert priority.choose(None, member(priority_class="unseen")) == "unseen"


def test_a_list_of_classes_is_read_as_the_api_server_sends_it() -> None:
    body = b'{"items": [{"metadata": {"name": "g", "uid": "1"}, "value": -1, "preemptionPolicy": "Never", "x": 1}]}'
    assert priority.decode(body) == (PriorityClass("g", -1, "Never"),)


def sent(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"a": "b"}}, "spec": spec}


@pytest.mark.parametrize(
    ("wanted", "stored", "words"),
    [
        ({"limits": {"cpu": "1000m"}}, {"limits": {"cpu": "1"}}, ""),
        ({"limits": {"memory": "1024Mi"}}, {"limits": {"memory": "1Gi"}}, ""),
        ({"limits": {"cpu": "2"}}, {"limits": {"cpu": "1"}}, "spec.limits.cpu: 2 became 1"),
        ({"nodeSelector": {}}, {"nodeSelector": {"x": "y"}}, "spec.nodeSelector.x added: y"),
        ({}, {"dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler"}, ""),
        ({}, {"suspend": True}, "spec.suspend added: True"),
        ({}, {"suspend": False}, ""),
        ({"priorityClassName": "a"}, {"priorityClassName": "b"}, "spec.priorityClassName: a became b"),
        (
            {"containers": [{"name": "s"}]},
            {"containers": [{"name": "s"}, {"name": "m"}]},
            "spec.containers[m] added",
        ),
        ({"containers": [{"name": "s"}]}, {"containers": []}, "spec.containers[s] removed"),
        ({"env": [{"name": "X", "value": ""}]}, {"env": [{"name": "X"}]}, ""),
        ({"command": ["a", "b"]}, {"command": ["a", "c"]}, "spec.command[1]: b became c"),
    ],
)
def test_what_admission_changed_is_told_and_defaults_are_not(
    wanted: dict[str, Any], stored: dict[str, Any], words: str
) -> None:
    assert admission.changes(sent(**wanted), sent(**stored)) == words


def test_a_lost_label_is_told() -> None:
    assert admission.changes(sent(), {"metadata": {}, "spec": {}}) == "label a: b became None"


@given(st.recursive(st.none() | st.integers() | st.text(max_size=9), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["limits", "containers", "name", "env", "suspend"]), inner), max_leaves=9))  # fmt: skip
def test_no_answer_of_a_member_breaks_the_comparison(stored: Any) -> None:
    wanted = sent(containers=[{"name": "s", "env": [{"name": "X"}]}], limits={"cpu": "1"})
    assert admission.changes(wanted, {"metadata": {"labels": {"a": "b"}}, "spec": stored}).isprintable()


@given(st.integers(0, 10**9))
def test_an_amount_survives_being_written_and_read(amount: int) -> None:
    assert quantities.value(quantities.cpu(amount)) * 1000 == amount  # type: ignore[operator]  # a written one is never None
    assert quantities.value(quantities.mebibytes(amount)) == amount * 2**20


@given(st.text(max_size=40))
def test_a_hostile_quantity_is_none_or_a_number(text: str) -> None:
    found = quantities.value(text)
    assert found is None or found == found + 0


def test_only_domain_names_are_extended_resources() -> None:
    assert quantities.demand(Resources(cpu_milli=500, other=(("a.b/c", 2),)), "")["a.b/c"] == "2"
    for name in ("fpga", "cpu", "a.b/", "/c", "a b/c", "a.b/c d", "requests.cpu/x/y"):
        with pytest.raises(RefusedError):
            quantities.demand(Resources(other=((name, 1),)), "")


class BusyQuota:
    """A member whose quota changes under its hands so many times: a fake of our own transport."""

    def __init__(self, times: int) -> None:
        self.left, self.posts = times, 0

    def request(self, method: str, *_: object, **_more: object) -> Response:
        assert method == "POST"
        self.posts += 1
        self.left -= 1
        if self.left >= 0:
            return Response(409, {}, b'{"reason": "Conflict", "message": "the object has been modified"}')
        return Response(201, {}, b'{"metadata": {"name": "fs-1", "uid": "u"}}')


@pytest.mark.parametrize(("times", "posts"), [(0, 1), (2, 3), (9, 4)])
def test_a_post_that_fell_over_the_quotas_own_conflict_is_made_again_at_once(times: int, posts: int) -> None:
    busy = BusyQuota(times)
    actuator = Actuator(member(), busy, "lab")  # type: ignore[arg-type]  # a fake
    wanted = {"kind": "Job", "metadata": {"name": "fs-1"}}
    if times < posts:
        assert actuator._created(wanted)[0]["metadata"]["uid"] == "u"
    else:
        with pytest.raises(TransportError):
            actuator._created(wanted)
    assert busy.posts == posts
