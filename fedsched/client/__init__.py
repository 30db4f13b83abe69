"""The typed client: documents, what can be asked, and asking a daemon for it; needs no journal and no cluster.

    from fedsched.client import connect
    from fedsched.client.documents import QueueAsk

    with connect() as federation:                            # FEDSCHED_SERVER, or the socket of this machine's daemon
        print(federation.explain("4711.0@ap1.example.org").explanation.sentence)
        for line in federation.queue(QueueAsk(user="alice", state="idle")).classes:
            print(line.demand.idle, line.reason)
        for cycle in federation.cycles():                    # goes on until it is left
            print(cycle.at, cycle.unmet)

Every method raises NoAnswer, whose `what` says which kind, `text` why, and `hint` what to do. AsyncClient has the same
methods to await. Times are epoch seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fedsched.client.protocol import Answers, NoAnswer

if TYPE_CHECKING:
    from fedsched.client.addresses import address
    from fedsched.client.asynchronous import AsyncClient
    from fedsched.client.http import Client, connect

_LATER = {"AsyncClient": "asynchronous", "Client": "http", "address": "addresses", "connect": "http"}
"""Imported when they are asked for: httpx costs more than a whole `fedsched --help`."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__} has no {name}")
    from importlib import import_module  # noqa: PLC0415 - only where something is imported later

    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)


__all__ = ["Answers", "AsyncClient", "Client", "NoAnswer", "address", "connect"]
