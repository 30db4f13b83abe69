"""Reads fedsched.toml into settings.Federation; the files that it points to are read beside."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fedsched.config.derive import keys_of
from fedsched.config.kinds import Duration, ListOf, Number, Pairs, Text
from fedsched.config.problems import ConfigError
from fedsched.config.settings import (
    Cadence,
    Federation,
    PoolSettings,
    PrincipalRule,
    QueuePrincipal,
    QueueSettings,
    Web,
)
from fedsched.config.tables import Reading, Table, read_file

NAME = Text(pattern=r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", wanted='a name of lower-case letters, digits and "-"')
ADDRESS = Text(pattern=r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):\d{1,5}", wanted='"host:port"')
_LISTEN = Text(pattern=rf"{ADDRESS.pattern}|unix:.+", wanted='"host:port", or "unix:" and a path')
_JOURNAL = Text(pattern=r"sqlite:[^?]+", wanted='"sqlite:" and a path')
_DOMAIN = Text(pattern=r"[A-Za-z0-9.-]*", wanted="a domain")

POOL = Table(
    keys_of(
        PoolSettings,
        kinds={
            "name": NAME,
            "collector": ADDRESS,
            "startd_collector": ADDRESS,
            "startd_token_lifetime_s": Duration(whole=True, least=600),
        },
    ),
    PoolSettings,
    many=True,
)
PRINCIPAL = Table(keys_of(PrincipalRule, kinds={"user_domain": _DOMAIN}), PrincipalRule, many=True)
QUEUE_PRINCIPAL = Table(keys_of(QueuePrincipal, kinds={"user_domain": _DOMAIN}), QueuePrincipal, many=True)
QUEUE = Table(
    keys_of(
        QueueSettings,
        rename={"principals": "principal"},
        kinds={"name": NAME, "principals": QUEUE_PRINCIPAL, "requests_per_s": Number(least=0.1)},
    ),
    QueueSettings,
    many=True,
)
_OFTEN = Duration(least=0.1)
CADENCE = Table(
    keys_of(
        Cadence,
        kinds={
            "cycle_s": _OFTEN,
            "poll_s": _OFTEN,
            "slots_s": _OFTEN,
            "negotiator_s": _OFTEN,
            "contact_s": _OFTEN,
            "query_limit_s": Duration(least=1),
            "queries_at_once": Number(least=1, most=64, whole=True),
            "relist_s": Duration(least=10),
            "silent_watch_s": Duration(least=5),
            "credential_check_s": Duration(least=1),
            "forecast_s": Duration(),
        },
    ),
    Cadence,
)
_URL = Text(pattern=r"(https?://[^\s/]+(/[^\s]*)?)?", wanted='"https://host" and a path, or ""')
_HOST = Text(pattern=r"[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]", wanted="a host name, without a port")
WEB = Table(
    keys_of(
        Web,
        kinds={
            "user_header": Text(pattern=r"[A-Za-z][A-Za-z0-9-]*|", wanted='the name of an HTTP header, or ""'),
            "hosts": ListOf(_HOST),
            "url": _URL,
            "streams": Number(least=1, most=1024, whole=True),
        },
    ),
    Web,
)
FEDERATION = Table(
    keys_of(
        Federation,
        skip=frozenset({"root"}),
        rename={"pools": "pool", "principals": "principal", "queues": "queue"},
        kinds={
            "id": NAME,
            "policy": NAME,
            "pools": POOL,
            "principals": PRINCIPAL,
            "queues": QUEUE,
            "cadence": CADENCE,
            "web": WEB,
            "journal": _JOURNAL,
            "listen": _LISTEN,
            "lengths": ListOf(Text(pattern=r"[A-Za-z_]\w*", wanted="the name of a job attribute")),
            "machine_resources": Pairs(Text(pattern=r"[^\s/]+/[^\s/]+", wanted='a name like "a.b/c"'), mapping=True),
            "keep_hours": Number(least=0.1),
            "keep_mib": Number(least=1, whole=True),
            "keep_records_days": Number(least=1),
            "keep_logs_mib": Number(least=0, whole=True),
        },
    ),
    Federation,
)


def load_federation(file: Path) -> Federation:
    """fedsched.toml, with every relative path made absolute by the file's folder. Raises ConfigError."""
    reading, read = read_file(file, FEDERATION)
    federation: Federation = read
    _check(reading, federation)
    if federation.web.names == "own" and not federation.web.user_header:
        reading.wrong(("web", "names"), 'expected `user_header` beside "own": who reads would not be known')
    reading.finish()
    return _rooted(federation, file.absolute().parent)


def _check(reading: Reading, federation: Federation) -> None:
    names: dict[str, int] = {}
    _check_queues(reading, federation)
    for place, pool in enumerate(federation.pools):
        if pool.name in names:
            reading.wrong(("pool", place, "name"), f'"{pool.name}" is the name of pool[{names[pool.name]}] already')
        names.setdefault(pool.name, place)
        if pool.startd_token_command and pool.startd_token_file:
            reading.wrong(("pool", place, "startd_token_file"), "expected this or startd_token_command, not both")


def _check_queues(reading: Reading, federation: Federation) -> None:
    names: dict[str, int] = {}
    for place, queue in enumerate(federation.queues):
        if queue.name in names:
            reading.wrong(("queue", place, "name"), f'"{queue.name}" is the name of queue[{names[queue.name]}] already')
        names.setdefault(queue.name, place)
        if (queue.kind == "hub") != (queue.credential is not None):
            expected = "is missing: the hub's file in `credentials`" if queue.kind == "hub" else "a journal needs none"
            reading.wrong(("queue", place, "credential"), expected)
    if sum(queue.kind == "journal" for queue in federation.queues) > 1:
        reading.wrong(("queue",), "expected at most one queue of kind journal")


def _rooted(federation: Federation, root: Path) -> Federation:
    def absolute(path: Path | None) -> Path | None:
        return root / path if path else None

    pools = tuple(
        msgspec.structs.replace(
            pool, token_file=absolute(pool.token_file), startd_token_file=absolute(pool.startd_token_file)
        )
        for pool in federation.pools
    )
    paths = {name: root / getattr(federation, name) for name in ("clusters", "policies", "credentials", "records")}
    kind, _, place = federation.journal.partition(":")
    socket = str(root / federation.socket) if federation.socket else ""
    return msgspec.structs.replace(
        federation, pools=pools, root=root, journal=f"{kind}:{root / place}", socket=socket, **paths
    )


__all__ = ["FEDERATION", "ConfigError", "load_federation"]
