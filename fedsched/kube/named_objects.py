"""Whether Secrets and ServiceAccounts are there that the member's file lets users' Jobs name; never what is in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fedsched.kube.rights import looked_for
from fedsched.kube.transport import HEAD, Transport
from fedsched.matchmaker.model import JobTerms

PLURALS = {"Secret": "secrets", "ServiceAccount": "serviceaccounts"}
MOST = 50
"""Names of one kind that are looked for, one request each."""
LARGEST_HEAD = 2**20


class Named(NamedTuple):
    """found: (kind, name) of what is there. facts: what could not be asked, one sentence for each kind."""

    found: tuple[tuple[str, str], ...] = ()
    facts: tuple[str, ...] = ()


def wanted(jobs: JobTerms) -> tuple[tuple[str, str], ...]:
    """(kind, name) to look for, of what a member's file says of users' Jobs."""
    return tuple((kind, name) for kind in PLURALS for name in looked_for(jobs, kind)[:MOST])


def look(transport: Transport, namespace: str, named: Iterable[tuple[str, str]]) -> Named:
    """One request for each (kind, name). TransportError when the member does not answer."""
    found, refused = [], {}
    for kind, name in named:
        where = f"/api/v1/namespaces/{namespace}/{PLURALS[kind]}/{name}"
        answer = transport.request("GET", where, largest=LARGEST_HEAD, accept=HEAD)
        failure = answer.failure()
        if failure is None:
            found.append((kind, name))
        elif failure.status in {403, 406}:
            refused[kind] = str(failure)
        elif failure.status != 404:
            raise failure
    said = (f"{kind}s that users' Jobs may name are not known: {why}" for kind, why in refused.items())
    return Named(tuple(found), tuple(said))
