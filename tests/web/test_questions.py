"""Every address answers with the document that the API's own description promises."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]  # ships no types
import msgspec
import pytest
from openapi_spec_validator import validate
from structlog.testing import capture_logs

from fedsched.client.documents import Failed
from fedsched.web.openapi import description
from fedsched.web.questions import QUESTIONS
from tests.web.daemons import Daemon, Starting


def asked(daemon: Daemon) -> dict[str, str]:
    """A question for each address that this cycle can answer."""
    newest = daemon.last
    assert newest is not None
    key = newest.snapshot.observation.schedds[0].classes[0].key
    return {
        "queue": "/queue?limit=1",
        "jobs": "/jobs?limit=1",
        "shares": "/shares?of=physics",
        "clusters": "/clusters",
        "cluster": "/clusters/m1",
        "spikes": "/spikes",
        "spike": f"/spikes/{newest.plan.memory.surge.spikes[0].id}",
        "overview": "/overview",
        "explain": f"/explain/{key}",
        "explain_cluster": "/explain-cluster/m1",
        "explain_group": "/explain-group/physics",
        "explain_decision": f"/explain-decision/{newest.plan.held[0].placement.id}",
        "history": f"/history/{key}?since=5",
        "events": f"/events/{key}",
        "logs": f"/logs/{key}",
    }


def resolved(schema: Any) -> Any:
    """With the components beside it, as a schema of its own."""
    return {**schema, "components": description()["components"]}


def test_the_description_is_openapi() -> None:
    validate(description())


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_an_address_answers_as_its_schema_says(question: Any, daemon: Daemon, http: httpx.Client) -> None:
    answer = http.get("/api/v1" + asked(daemon)[question.name])
    assert answer.status_code == 200, answer.text
    assert isinstance(msgspec.json.decode(answer.content, type=question.answer), question.answer)
    address = "/api/v1" + re.sub(r":\w+}", "}", question.path)
    promised = description()["paths"][address]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), resolved(promised))
    head = ["kind", "version", "cycle", "at", "now", "age_s", "stale", "source", "fresh_s"]
    assert list(answer.json())[: len(head)] == head


def test_every_address_is_described(http: httpx.Client) -> None:
    described = http.get("/openapi.json").json()["paths"]
    assert {"/api/v1/cycles", "/api/v1/explain/{job}/counterfactuals", "/healthz"} < set(described)
    for question in QUESTIONS:
        assert "/api/v1" + re.sub(r":\w+}", "}", question.path) in described


def test_the_page_for_people_names_every_address_and_asks_nobody_else(http: httpx.Client) -> None:
    page = http.get("/api").text
    for question in QUESTIONS:
        assert f"GET /api/v1{re.sub(r':[a-z]+}', '}', question.path)}" in page
    assert "://" not in page
    assert "<script" not in page
    assert http.get("/api/style.css").headers["content-type"].startswith("text/css")


def test_a_question_again_in_the_same_cycle_costs_nothing_to_send(start: Starting) -> None:
    daemon = start()
    with httpx.Client(base_url=daemon.url) as http:
        first = http.get("/api/v1/queue")
        again = http.get("/api/v1/queue", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        other = http.get("/api/v1/queue?state=idle", headers={"If-None-Match": first.headers["etag"]})
        assert other.status_code == 200
        daemon.see()
        after = http.get("/api/v1/queue", headers={"If-None-Match": first.headers["etag"]})
        assert after.status_code == 200
        assert after.json()["cycle"] == first.json()["cycle"] + 1


def test_an_answer_tells_its_age_and_when_it_is_old(start: Starting) -> None:
    daemon = start()
    with httpx.Client(base_url=daemon.url) as http:
        tag = http.get("/api/v1/spikes").headers["etag"]
        daemon.at += 3600
        old = http.get("/api/v1/overview").json()
        assert old["stale"]
        assert old["age_s"] == pytest.approx(3601)
        assert http.get("/api/v1/spikes", headers={"If-None-Match": tag}).status_code == 200


def test_before_the_first_cycle_everybody_is_told_to_come_back(start: Starting) -> None:
    daemon = start(empty=True)
    with httpx.Client(base_url=daemon.url) as http:
        answer = http.get("/api/v1/queue")
        assert (answer.status_code, answer.json()["what"]) == (503, "no-cycle")
        assert int(answer.headers["retry-after"]) > 0
        assert http.get("/healthz").status_code == 200
        daemon.healthy = False
        assert http.get("/healthz").status_code == 503


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("/queue?limit=many", "limit"),
        ("/queue?limit=-1", "limit"),
        ("/queue?offset=1e99", "offset"),
        ("/queue?state=lazy", "state"),
        ("/queue?colour=red", "colour"),
        ("/queue?user=a&user=b", "twice"),
        ("/queue?search=%00", "search"),
        ("/queue?search=%ff%fe", "search"),
        ("/queue?search=a%0d%0aSet-Cookie:%20x=1", "search"),
        (f"/queue?search={'x' * 1100}", "search"),
        ("/history/4711.0?since=yesterday", "since"),
        ("/history/4711.0?since=nan", "since"),
        ("/history/4711.0?since=-1", "since"),
        ("/history/4711.0?since=inf", "since"),
        ("/spikes/a%1b%5b31m", "name"),
        ("/clusters?name=m1&limit=1", "no parameter"),
    ],
)
def test_a_wrong_parameter_is_named(http: httpx.Client, address: str, named: str) -> None:
    answer = http.get(f"/api/v1{address}")
    assert answer.status_code == 400, answer.text
    failed = msgspec.json.decode(answer.content, type=Failed)
    assert failed.what == "bad-question"
    assert named in failed.text
    assert len(failed.text) < 300
    assert failed.text.isprintable()


@pytest.mark.parametrize(
    "address",
    [
        "/explain/9999999.0",
        "/explain/nobody-has-this-key",
        "/explain/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/clusters/m99",
        "/spikes/none",
        "/explain-cluster/m99",
        "/explain-group/physics.none",
        "/explain-decision/p999999",
        "/shares?of=none",
    ],
)
def test_what_is_not_there_is_said_to_be_unknown(http: httpx.Client, address: str) -> None:
    answer = http.get(f"/api/v1{address}")
    assert (answer.status_code, answer.json()["what"]) == (404, "unknown"), answer.text
    jsonschema.validate(answer.json(), resolved({"$ref": "#/components/schemas/Failed"}))


def test_many_who_ask_the_same_get_one_answer_made_once(start: Starting, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = start()
    made: list[int] = []
    answers = daemon.newest.answers
    real = answers.overview

    def counted() -> Any:
        made.append(1)
        return real()

    monkeypatch.setattr(answers, "overview", counted)

    async def all_at_once() -> list[bytes]:
        async with httpx.AsyncClient(base_url=daemon.url) as http:
            return [one.content for one in await asyncio.gather(*(http.get("/api/v1/overview") for _ in range(20)))]

    assert len(set(asyncio.run(all_at_once()))) == 1
    assert len(made) == 1


def test_a_defect_is_told_without_its_traceback_and_the_next_question_is_answered(
    start: Starting, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = start()

    def broken() -> Any:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(daemon.newest.answers, "overview", broken)
    with httpx.Client(base_url=daemon.url) as http, capture_logs() as said:
        answer = http.get("/api/v1/overview")
        assert answer.status_code == 500
        # It is written down after it was answered.
        end = time.monotonic() + 10
        while not said:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert [event["event"] for event in said] == ["request-failed"]
        assert answer.json()["kind"] == "error"
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text
        assert http.get("/api/v1/spikes").status_code == 200
