"""No secret reaches an event, whatever it is hidden in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.log import HIDDEN, configure, log, scrub

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJmZWRzY2hlZCJ9.c2lnbmF0dXJl"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text", [JWT, PEM, PEM[:40], "Authorization: Bearer abcdefgh123", f"x{JWT}y", "http://user:pw@proxy:3128/"]
)
@given(before=st.text(max_size=20), depth=st.integers(0, 8))
def test_texts_that_look_like_secrets_are_cut_out_at_any_depth(text: str, before: str, depth: int) -> None:
    value: object = before + " " + text
    for _ in range(depth):
        value = {"inner": [value]}
    told = json.dumps(scrub(value), ensure_ascii=False)
    for secret in (JWT, "MIIEvQ", "abcdefgh123", "user:pw"):
        assert secret not in told


def test_values_under_telling_keys_are_hidden_and_numbers_are_not() -> None:
    told = scrub({"startd_token": "abc", "token_expires_at": 12.5, "name": "m1", "ca_pem": b"x"})
    assert told == {"startd_token": HIDDEN, "token_expires_at": 12.5, "name": "m1", "ca_pem": HIDDEN}


def test_an_event_is_one_json_line_and_a_traceback_is_scrubbed_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", "info")
    try:
        int(JWT)
    except ValueError:
        log("here").exception("failed", member="m1", password="hunter2")
    (line,) = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert (event["event"], event["part"], event["member"]) == ("failed", "here", "m1")
    assert JWT not in line
    assert "hunter2" not in line
    assert "ValueError" in event["exception"]


def test_a_level_keeps_lower_events_back(capsys: pytest.CaptureFixture[str]) -> None:
    configure("console", "warning")
    log().info("quiet")
    log().warning("loud")
    assert "quiet" not in (told := capsys.readouterr().err)
    assert "loud" in told
