"""Tokens that startds join a pool with: printed by a command or kept in a file, renewed in time, never shown.

fedsched holds no signing key: who may mint tokens is the pool's business.
"""

from __future__ import annotations

import base64
import binascii
import subprocess
import threading
import time
from pathlib import Path

import msgspec

from fedsched.config.settings import PoolSettings

COMMAND_LIMIT_S = 30.0
MAX_BYTES = 16 * 1024
RENEW_AT = 0.75
"""Part of a token's life after which the next one is fetched: before 80 % of it, so that pods have it in time."""
RETRY_S = 30.0
"""After a failed renewal the old token serves on, and the next attempt waits so long."""


class TokenError(Exception):
    """No usable token: says which pool, why, and what to run; never the token or what a command printed."""


class StartdToken(msgspec.Struct, frozen=True):
    """A token and its life in epoch seconds; expires_at None for a token without an end. Its repr shows no secret."""

    token: str
    issued_at: float
    expires_at: float | None

    def __repr__(self) -> str:
        return f"StartdToken(token=<hidden>, expires_at={self.expires_at!r})"

    @property
    def renew_at(self) -> float | None:
        """When to fetch the next one."""
        if self.expires_at is None:
            return None
        return self.issued_at + RENEW_AT * (self.expires_at - self.issued_at)


class StartdTokens:
    """Tokens of one pool, one per member. May be called from several threads; a command runs once at a time."""

    def __init__(self, pool: PoolSettings) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._known: dict[str, StartdToken] = {}
        self._not_before: dict[str, float] = {}

    def token(self, member: str) -> StartdToken:
        """The member's present token, fetched or renewed when due; TokenError when there is none that is valid."""
        with self._lock:
            now = time.time()
            known = self._known.get(member)
            if (
                known is not None
                and (_fresh(known, now) or now < self._not_before.get(member, 0.0))
                and _valid(known, now)
            ):
                return known
            try:
                fetched = self._fetch(member, now)
            except TokenError:
                self._not_before[member] = now + RETRY_S
                if known is not None and _valid(known, now):
                    return known
                raise
            self._known[member] = fetched
            return fetched

    def _fetch(self, member: str, now: float) -> StartdToken:
        if self._pool.startd_token_command:
            text = self._run(member)
        elif self._pool.startd_token_file is not None:
            text = self._read(self._pool.startd_token_file)
        else:
            raise self._error("neither startd_token_command nor startd_token_file is set")
        try:
            token = parse_token(text, now)
        except ValueError as error:
            raise self._error(str(error)) from None
        if not _valid(token, now):
            raise self._error("the token has expired")
        return token

    def _run(self, member: str) -> str:
        life = str(self._pool.startd_token_lifetime_s)
        command = [
            part.replace("{member}", member).replace("{lifetime_s}", life) for part in self._pool.startd_token_command
        ]
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own command, an argument list, no shell
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise self._error(f"{command[0]} did not end within {COMMAND_LIMIT_S:g} s") from None
        except OSError as error:
            raise self._error(f"{command[0]}: {error.strerror}") from None
        if done.returncode:
            raise self._error(f"{command[0]} ended with {done.returncode}; run it by hand to see why")
        return done.stdout[: MAX_BYTES + 1].decode("ascii", "replace")

    def _read(self, path: Path) -> str:
        try:
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1).decode("ascii", "replace")
        except OSError as error:
            raise self._error(f"{path}: {error.strerror}") from None

    def _error(self, why: str) -> TokenError:
        return TokenError(f"startd token of pool {self._pool.name}: {why}; see fedsched flock-config for the command")


def parse_token(text: str, now: float) -> StartdToken:
    """The token in a text that holds nothing else; ValueError, without the text, when it is not a JWT.

    The signature is the pool's to check. now: epoch seconds, taken for the start of its life where it names none.
    """
    token = text.strip()
    if len(token) > MAX_BYTES:
        raise ValueError(f"longer than {MAX_BYTES} bytes")
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        raise ValueError("not a token (three parts of base64 joined by dots)")
    header, payload = (_decoded(part) for part in parts[:2])
    if "alg" not in header or header["alg"] == "none":
        raise ValueError("the token is not signed")
    expires_at = _time(payload, "exp")
    issued_at = _time(payload, "iat")
    return StartdToken(token, now if issued_at is None else issued_at, expires_at)


def _decoded(part: str) -> dict[str, object]:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=dict[str, object])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise ValueError("not a token (a part is not base64 of JSON)") from None


def _time(payload: dict[str, object], name: str) -> float | None:
    value = payload.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"the token's {name} is not a number")  # noqa: TRY004 - one kind of error for a broken token
    return float(value)


def _fresh(token: StartdToken, now: float) -> bool:
    return token.renew_at is None or now < token.renew_at


def _valid(token: StartdToken, now: float) -> bool:
    return token.expires_at is None or now < token.expires_at
