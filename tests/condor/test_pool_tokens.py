"""Tokens for startds: by a command or from a file, checked, renewed in time, and never shown."""

from __future__ import annotations

import base64
import json
import logging
import sys
import time
from typing import TYPE_CHECKING

import pytest

from fedsched.condor.tokens import StartdToken, StartdTokens, TokenError, parse_token
from fedsched.config.settings import PoolSettings

if TYPE_CHECKING:
    from pathlib import Path


def jwt(**payload: object) -> str:
    parts = ({"alg": "HS256", "kid": "POOL"}, payload)
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts), "c2ln"])


def by_command(script: str, *arguments: str) -> StartdTokens:
    command = (sys.executable, "-c", script, *arguments)
    return StartdTokens(PoolSettings("a", "a.lab:9618", startd_token_command=command, startd_token_lifetime_s=1000))


PRINTS = """
import base64, json, sys, time, pathlib
with pathlib.Path(sys.argv[1]).open("a") as calls:
    print(sys.argv[2], file=calls)
now = int(time.time()); start = now - int(sys.argv[4])
enc = lambda o: base64.urlsafe_b64encode(json.dumps(o).encode()).decode().rstrip("=")
print(enc({"alg": "HS256"}) + "." + enc({"iat": start, "exp": start + int(sys.argv[3])}) + ".c2ln")
"""


def test_a_command_gets_member_and_lifetime_without_a_shell_and_runs_once_per_member(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    tokens = by_command(PRINTS, str(calls), "{member}", "{lifetime_s}", "0")
    first = tokens.token("m1; touch x $(id)")
    assert first.expires_at == pytest.approx(time.time() + 1000, abs=30)
    assert tokens.token("m1; touch x $(id)") == first
    tokens.token("m2")
    assert calls.read_text().splitlines() == ["m1; touch x $(id)", "m2"]


def test_a_token_is_renewed_before_four_fifths_of_its_life(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    tokens = by_command(PRINTS, str(calls), "{member}", "{lifetime_s}", "760")
    tokens.token("m1")
    tokens.token("m1")
    assert len(calls.read_text().splitlines()) == 2
    token = parse_token(jwt(iat=1000, exp=2000), 5.0)
    assert token.renew_at is not None
    assert token.renew_at < 1800


def test_a_failed_renewal_leaves_the_old_token_until_it_expires(tmp_path: Path) -> None:
    file = tmp_path / "token"
    now = time.time()
    file.write_text(jwt(iat=now - 900, exp=now + 100))
    tokens = StartdTokens(PoolSettings("a", "a.lab:9618", startd_token_file=file))
    first = tokens.token("m1")
    file.unlink()
    assert tokens.token("m1") == first
    with pytest.raises(TokenError, match="No such file"):
        StartdTokens(PoolSettings("a", "a.lab:9618", startd_token_file=file)).token("m1")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a token"),
        ("eyJh.secret", "not a token"),
        ("!!!.secret.x", "base64"),
        (base64.b64encode(b"[1]").decode() + ".e30.x", "base64 of JSON"),
        (jwt(exp="soon"), "not a number"),
        (jwt(exp=True), "not a number"),
        (jwt(exp=5), "expired"),
        ("x" * 20_000, "longer"),
        ("password: hunter2\n" + jwt(), "not a token"),
        (".".join([base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("="), "e30", "x"]), "not signed"),
    ],
)
def test_what_is_no_token_is_refused_without_being_shown(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(TokenError, match=why) as refused:
        StartdTokens(PoolSettings("a", "a.lab:9618", startd_token_file=file)).token("m1")
    assert "secret" not in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "flock-config" in str(refused.value)


@pytest.mark.parametrize(
    ("script", "why"),
    [("raise SystemExit(3)", "ended with 3"), ("print('oops')", "not a token"), ("print('x' * 10**6)", "longer")],
)
def test_a_command_that_fails_is_named_and_its_output_is_not_shown(script: str, why: str) -> None:
    with pytest.raises(TokenError, match=why) as refused:
        by_command(f"import sys; print('hunter2', file=sys.stderr); {script}").token("m1")
    assert "hunter2" not in str(refused.value)


def test_a_missing_command_is_named() -> None:
    with pytest.raises(TokenError, match="/no/such/command: No such file"):
        StartdTokens(PoolSettings("a", "a.lab:9618", startd_token_command=("/no/such/command",))).token("m1")
    with pytest.raises(TokenError, match="neither"):
        StartdTokens(PoolSettings("a", "a.lab:9618")).token("m1")


def test_a_token_shows_itself_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    token = StartdToken("very.secret.token", 0.0, None)
    with caplog.at_level(logging.DEBUG):
        assert "secret" not in f"{token} {token!r} {[token]}"
    assert "secret" not in caplog.text
