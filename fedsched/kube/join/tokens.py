"""Bound service-account tokens: asked for, renewed before 80 % of their life; files are not known here."""

from __future__ import annotations

import datetime as dt
from typing import Any

from fedsched.config.settings import Credential
from fedsched.kube.join.caller import Caller, Transported
from fedsched.kube.join.refusal import JoinError
from fedsched.kube.transport import Transport

SHORTEST_S = 600
"""What an API server accepts at least, in seconds."""
RENEW_AT = 0.8
"""Part of its life after which a token is renewed at the latest; checks begin earlier so that one may fail."""
TRY_AT = 0.6


def token_path(namespace: str, service_account: str) -> str:
    """Path of the TokenRequest subresource."""
    return f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"


def request_token(caller: Caller, credential: Credential, life_s: int, at: float) -> Credential:
    """`credential` with a fresh token, whatever life the server grants. at: our clock, epoch seconds.

    JoinError when the server does not give one.
    """
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": max(SHORTEST_S, life_s)},
    }
    answer = caller.call("POST", token_path(credential.namespace, credential.service_account), body)
    if not answer.ok:
        raise JoinError(
            f"ServiceAccount {credential.service_account} in {credential.namespace}: no token: {answer.message}",
            "the right `create serviceaccounts/token` on that name is needed; a site's admin applies --print-rbac",
        )
    return _with_token(credential, answer.body, answer.date, at)


def renew(transport: Transport, credential: Credential, at: float) -> Credential:
    """A fresh token for the account that `credential` already is; the caller saves it and swaps it in (O3)."""
    return request_token(Transported(transport), credential, life_s(credential), at)


def life_s(credential: Credential) -> int:
    """How long the present token was made for, in seconds; a week where nothing is known."""
    if credential.expires_at is None or credential.issued_at is None:
        return 7 * 86_400
    return max(SHORTEST_S, round(credential.expires_at - credential.issued_at))


def renew_due(credential: Credential, at: float) -> bool:
    """Whether it is time: past 60 % of its life, so that several tries fit before 80 %."""
    if credential.expires_at is None:
        return False
    issued_at = credential.issued_at if credential.issued_at is not None else credential.expires_at - 3600
    return at >= issued_at + TRY_AT * (credential.expires_at - issued_at)


def _with_token(credential: Credential, body: dict[str, Any], server_now: float | None, at: float) -> Credential:
    status = body.get("status")
    token = status.get("token") if isinstance(status, dict) else None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable() or " " in token:
        raise JoinError("the server's answer holds no token", "is this a Kubernetes API server?")
    try:
        ends = dt.datetime.fromisoformat(str(status["expirationTimestamp"])).timestamp()  # type: ignore[index]  # a dict, or token were None
    except (KeyError, ValueError):
        raise JoinError("the server's answer does not say when the token ends", "is this an API server?") from None
    # Told in our clock, so that a member with a wrong clock does not shift the renewal.
    skew = (server_now - at) if server_now is not None else 0.0
    return Credential(
        server=credential.server,
        namespace=credential.namespace,
        token=token,
        ca_pem=credential.ca_pem,
        expires_at=ends - skew,
        issued_at=at,
        service_account=credential.service_account,
        tls_server_name=credential.tls_server_name,
        proxy_url=credential.proxy_url,
    )
