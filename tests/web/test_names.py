"""No name of somebody else leaves the daemon where settings say so: in no field, sentence, expression or refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import httpx
import msgspec
import pytest

from fedsched.client.documents import QueueAsk
from fedsched.config.settings import Web
from fedsched.journal import Recorded
from fedsched.matchmaker.model import Order
from fedsched.web.questions import QUESTIONS, Question
from tests.web.daemons import Daemon, Starting, recorded
from tests.web.test_questions import asked

ALICE, BOB, CAROL, AL, DAVE = "alice.smith", "bob-7", "carol", "al", "dave.jones"
"""user-1 and user-3 of the recorded cycle under names that are easy to find; an operator; a name like a syllable; one
who is charged under that name."""
HEADER = "X-Remote-User"


def peopled() -> Recorded:
    """A cycle with people in every place where a text may name one."""
    body = msgspec.json.encode(recorded()).replace(b"user-1", ALICE.encode()).replace(b"user-3", BOB.encode())
    found = msgspec.json.decode(body, type=Recorded)
    snap = found.snapshot
    schedd = snap.observation.schedds[0]
    classes = tuple(
        msgspec.structs.replace(
            one,
            requirements=f'(TARGET.Owner == "{BOB}") && regexp("{ALICE}", TARGET.Note) && User=!="{AL}@site-1.example"',
            rank=f'ifThenElse(Owner =?= "{AL}", 1, 0)',
            attributes=(("Owner", f'"{AL}"'), ("Iwd", f'"/home/{BOB}/work\\n{ALICE}"')),
            image=f"registry.example/{BOB}/tool:1",
            floors=(f"memory was raised for {ALICE}@site-3.example: 2 GB",),
        )
        for one in schedd.classes
    )
    al = msgspec.structs.replace(
        classes[0],
        key="k-al",
        principal=msgspec.structs.replace(classes[0].principal, user=f"{AL}@site-1.example"),
        user=f"{DAVE}@ce",
        attributes=(("Iwd", f'"/home/{DAVE}/work"'),),
    )
    schedd = msgspec.structs.replace(schedd, classes=(*classes, al), error=f"refused by physics.{ALICE}@site-3.example")
    observation = msgspec.structs.replace(snap.observation, schedds=(schedd, *snap.observation.schedds[1:]))
    order = Order("cordon", "m1", f"asked for by {BOB}, see /home/{ALICE}", CAROL, 1.0)
    return msgspec.structs.replace(
        found, snapshot=msgspec.structs.replace(snap, observation=observation, orders=(*snap.orders, order))
    )


FOREIGN = (re.compile(rf"(?<![a-z]){re.escape(name)}(?![a-z])", re.IGNORECASE) for name in (ALICE, BOB, CAROL, DAVE))
PATTERNS = dict(zip((ALICE, BOB, CAROL, DAVE), FOREIGN, strict=True))
PATTERNS[AL] = re.compile(rf'"{AL}"|\b{AL}@')


def leaks(text: str, *allowed: str) -> list[str]:
    plain = text.replace('\\"', '"').replace("\\n", " ")
    return [found[0] for name, pattern in PATTERNS.items() if name not in allowed for found in pattern.finditer(plain)]


@pytest.fixture(scope="module")
def people() -> Recorded:
    return peopled()


@pytest.fixture(scope="module")
def hiding(people: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with closing(Daemon(Web(names="own", user_header=HEADER), tmp_path_factory.mktemp("own"), people)) as made:
        yield made


@pytest.fixture(scope="module")
def mute(people: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """It names nobody, whatever a header says."""
    with closing(Daemon(Web(names="none", user_header=HEADER), tmp_path_factory.mktemp("none"), people)) as made:
        yield made


@pytest.fixture
def stranger(hiding: Daemon) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hiding.url) as http:
        yield http


def test_with_all_names_everybody_is_named(start: Starting, people: Recorded) -> None:
    daemon = start(people, names="all")
    text = httpx.get(f"{daemon.url}/api/v1/queue").text
    assert set(leaks(text)) >= {ALICE, BOB}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_no_document_names_anybody(mute: Daemon, stranger: httpx.Client, question: Question) -> None:
    address = f"/api/v1{asked(mute)[question.name]}"
    answer = stranger.get(address)
    assert answer.status_code == 200, answer.text
    assert leaks(answer.text) == []
    assert isinstance(msgspec.json.decode(answer.content, type=question.answer), question.answer)
    # A header is believed only where settings say who sets it.
    told = httpx.get(f"{mute.url}{address}", headers={HEADER: f"{ALICE}@site-3.example"})
    assert leaks(told.text) == []


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_reader_sees_himself_and_nobody_else(hiding: Daemon, stranger: httpx.Client, question: Question) -> None:
    address = f"/api/v1{asked(hiding)[question.name]}"
    answer = stranger.get(address, headers={HEADER: f"{ALICE}@site-3.example"})
    assert answer.status_code == 200
    assert leaks(answer.text, ALICE) == []


def test_his_own_classes_are_shown_as_they_are(stranger: httpx.Client) -> None:
    for said in (f"{ALICE}@site-3.example", ALICE, ALICE.upper()):
        classes = stranger.get("/api/v1/queue", headers={HEADER: said}).json()["classes"]
        users = {one["demand"]["principal"]["user"] for one in classes}
        assert f"{ALICE}@site-3.example" in users
        assert all(user.startswith("user-") for user in users if ALICE not in user)


def test_who_reads_the_unix_socket_sees_all(hiding: Daemon) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(hiding.socket)), base_url="http://localhost") as http:
        assert BOB in leaks(http.get("/api/v1/queue").text)


def test_a_name_that_two_have_shows_neither(start: Starting) -> None:
    body = msgspec.json.encode(recorded()).replace(b"user-1", b"chris").replace(b"user-3", b"chris")
    daemon = start(msgspec.json.decode(body, type=Recorded), names="own", user_header=HEADER)
    with httpx.Client(base_url=daemon.url) as http:
        assert "chris" not in http.get("/api/v1/queue", headers={HEADER: "chris"}).text
        one = http.get("/api/v1/queue", headers={HEADER: "chris@site-3.example"}).text
        assert "chris@site-3.example" in one
        assert "chris@site-1.example" not in one


def test_pseudonyms_stay_the_same_and_can_be_asked_with(hiding: Daemon, stranger: httpx.Client) -> None:
    classes = stranger.get("/api/v1/queue").json()["classes"]
    alias = next(
        one["demand"]["principal"]["user"] for one in classes if one["demand"]["principal"]["group"] == "biology"
    )
    assert re.fullmatch(r"user-[0-9a-f]{4,}@site-1\.example", alias)
    hiding.see()
    found = stranger.get("/api/v1/queue", params={"user": alias}).json()
    assert [one["demand"]["principal"]["user"] for one in found["classes"]] == [alias]
    shares = stranger.get("/api/v1/shares", params={"of": alias}).json()["shares"]
    assert f"biology/{alias}" in [one["path"] for one in shares]
    group = stranger.get(f"/api/v1/explain-group/biology/{alias}")
    assert group.status_code == 200
    assert group.json()["explanation"]["path"] == f"biology/{alias}"


def test_groups_members_jobs_and_schedds_keep_their_names(hiding: Daemon, stranger: httpx.Client) -> None:
    queue = stranger.get("/api/v1/queue").json()
    plain = hiding.newest.answers.queue(QueueAsk())
    assert {line["demand"]["principal"]["group"] for line in queue["classes"]} == {"physics", "biology"}
    assert [line["demand"]["key"] for line in queue["classes"]] == [line.demand.key for line in plain.classes]
    assert [line["demand"]["schedd"] for line in queue["classes"]] == [line.demand.schedd for line in plain.classes]
    assert [tuple(line["demand"]["examples"]) for line in queue["classes"]] == [
        line.demand.examples for line in plain.classes
    ]
    assert [line["word"] for line in queue["classes"]] == [line.word for line in plain.classes]
    assert {one["name"] for one in stranger.get("/api/v1/clusters").json()["members"]} == {"m1", "m2"}
    assert {"physics", "biology"} <= {one["path"] for one in stranger.get("/api/v1/shares").json()["shares"]}


@pytest.mark.parametrize(
    "probe", [f"/queue?user={BOB}", f"/queue?user={BOB[:2]}*", f"/queue?search={BOB}", f"/queue?search={BOB[:3]}"]
)
def test_a_filter_finds_nobody_by_his_hidden_name(stranger: httpx.Client, probe: str) -> None:
    found = stranger.get(f"/api/v1{probe}").json()
    assert (found["total"], found["idle"], found["classes"]) == (0, 0, [])


@pytest.mark.parametrize(
    "probe",
    [
        "/shares?of={}",
        "/shares?of={}@site-1.example",
        "/explain-group/biology%2F{}@site-1.example",
        "/explain-group/{}",
    ],
)
def test_whether_somebody_is_here_is_not_told(stranger: httpx.Client, probe: str) -> None:
    there, nobody = (stranger.get(f"/api/v1{probe.format(name)}") for name in (BOB, "zed-9"))
    assert there.status_code == nobody.status_code == 404
    assert {**there.json(), "now": 0} == {**nobody.json(), "now": 0}


def test_a_refusal_suggests_no_hidden_name(stranger: httpx.Client) -> None:
    for address in ("/shares?of=bo", "/explain-group/bob", "/explain/bob", f"/history/{BOB}", f"/explain/{BOB}@x"):
        assert leaks(stranger.get(f"/api/v1{address}").text) == []


def test_a_header_given_twice_is_refused(stranger: httpx.Client) -> None:
    answer = stranger.get(
        "/api/v1/queue", headers=[(HEADER, f"{ALICE}@site-3.example"), (HEADER, f"{BOB}@site-1.example")]
    )
    assert answer.status_code == 400
    assert stranger.get("/api/v1/queue", headers={HEADER: "x" * 300}).status_code == 400


def test_what_one_reader_got_is_not_given_to_another(stranger: httpx.Client) -> None:
    his = stranger.get("/api/v1/queue", headers={HEADER: f"{ALICE}@site-3.example"})
    other = stranger.get("/api/v1/queue", headers={"If-None-Match": his.headers["etag"]})
    assert other.status_code == 200
    assert leaks(other.text) == []
    assert "private" in his.headers["cache-control"]


def test_people_called_like_words_do_not_spoil_what_answers_say(start: Starting) -> None:
    body = msgspec.json.encode(recorded()).replace(b"user-1", b"now").replace(b"user-3", b"memory")
    daemon = start(msgspec.json.decode(body, type=Recorded), names="none")
    with httpx.Client(base_url=daemon.url) as http:
        for question in QUESTIONS:
            answer = http.get(f"/api/v1{asked(daemon)[question.name]}")
            assert answer.status_code == 200
            assert isinstance(msgspec.json.decode(answer.content, type=question.answer), question.answer)
            assert not re.search(r"\b(now|memory)@", answer.text)
