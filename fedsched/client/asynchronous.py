"""The same questions for programs that await: methods, decoding and refusals are those of `http`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from math import inf
from typing import Self, TypeVar

import httpx

from fedsched.client import calls
from fedsched.client.addresses import address as _address
from fedsched.client.calls import Call
from fedsched.client.documents import (
    ClusterExplained,
    Clusters,
    Cycle,
    DecisionExplained,
    Document,
    Events,
    Explained,
    GroupExplained,
    History,
    JobsAsk,
    Logs,
    LogsAsk,
    Overview,
    Queue,
    QueueAsk,
    QueuedJobs,
    Shares,
    Spikes,
    Tried,
)
from fedsched.client.http import PAUSES_S, STREAM, STREAM_TIMEOUT, again, cycles_in, settings
from fedsched.client.protocol import NoAnswer
from fedsched.client.sse import Reader

D = TypeVar("D", bound=Document)


class AsyncClient:
    """One daemon. address: as Client has it; None looks as `connect` does.

    Every method raises NoAnswer, "unreachable" where nobody answers within `timeout_s` seconds.
    """

    def __init__(self, address: str | None = None, timeout_s: float = 30.0) -> None:
        """Nothing is asked yet. NoAnswer (bad-question) for what is no address."""
        self.address = _address(address)
        self._timeout_s = timeout_s
        try:
            self._http = httpx.AsyncClient(**settings(self.address, timeout_s, httpx.AsyncHTTPTransport))
        except (httpx.InvalidURL, ValueError) as error:
            raise NoAnswer(
                "bad-question", f"{address!r} is no address: {error}", "host:port, a URL, or unix:PATH"
            ) from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End its connections."""
        await self._http.aclose()

    async def queue(self, ask: QueueAsk = QueueAsk()) -> Queue:  # noqa: B008 - frozen
        """Demand classes with the reason of each, most unmet first; `ask` says which, and which page."""
        return await self._ask(calls.queue(ask))

    async def jobs(self, ask: JobsAsk = JobsAsk()) -> QueuedJobs:  # noqa: B008 - frozen
        """Kubernetes Jobs of queues with a word why each stands so; `ask` says which, and which page."""
        return await self._ask(calls.jobs(ask))

    async def logs(self, ask: LogsAsk) -> Logs:
        """What the pods of a job wrote, from all members; `ask` says which part."""
        return await self._ask(calls.logs(ask))

    async def shares(self, of: str = "") -> Shares:
        """All groups and principals, or those that `of` names (a path, a user, or a glob), with all above them."""
        return await self._ask(calls.shares(of))

    async def clusters(self, name: str = "") -> Clusters:
        """All members as they stand, or one."""
        return await self._ask(calls.clusters(name))

    async def spikes(self, name: str = "") -> Spikes:
        """Spikes that are remembered, or one, with tiers and budgets."""
        return await self._ask(calls.spikes(name))

    async def overview(self) -> Overview:
        """Totals now and lately, evictions, notices."""
        return await self._ask(calls.overview())

    async def explain(self, job: str) -> Explained:
        """Why a job (CLUSTER.PROC, CLUSTER.PROC@SCHEDD, SCHEDD#CLUSTER.PROC) or a class stands as it does."""
        return await self._ask(calls.explain(job))

    async def explain_cluster(self, name: str) -> ClusterExplained:
        """What would fit at a member and is held back."""
        return await self._ask(calls.explain_cluster(name))

    async def explain_group(self, path: str) -> GroupExplained:
        """Why a group or principal holds what it holds."""
        return await self._ask(calls.explain_group(path))

    async def explain_decision(self, placement: str) -> DecisionExplained:
        """Why a placement (its id, or its object's name) is where it is, and why it went."""
        return await self._ask(calls.explain_decision(placement))

    async def history(self, job: str, since: float = 0.0) -> History:
        """Every change of a class's reason since then, epoch seconds."""
        return await self._ask(calls.history(job, since))

    async def events(self, job: str) -> Events:
        """What happened to the startds of a job, class or placement that are held now, oldest first."""
        return await self._ask(calls.events(job))

    async def counterfactuals(self, job: str) -> AsyncIterator[Tried]:
        """What would help a class, one by one as each is proven or refuted; the first tells how many there are.

        Leaving it early ends the proving.
        """
        reader, path = Reader(), calls.counterfactuals(job)
        with self._asking():
            async with self._http.stream("GET", path, headers=STREAM, timeout=STREAM_TIMEOUT) as answer:
                if answer.status_code != 200:
                    raise calls.refusal(await self._body(answer), self.address)
                async for more in answer.aiter_raw():
                    for event in reader.take(more):
                        if event.name == calls.PROVEN:
                            return
                        for tried in calls.tried(event.name, event.data):
                            yield tried
        raise calls.broken_off(self.address)

    async def cycles(self, patience_s: float = inf) -> AsyncGenerator[Cycle, None]:
        """The newest cycle, then each that follows; goes on until it is left. A slow reader misses some.

        Where the daemon goes away it is tried again. NoAnswer when that is in vain for `patience_s` seconds, or when it
        refuses.
        """
        seen: tuple[int, float] | None = None
        tries = 0
        gone_at: float | None = None
        while True:
            try:
                async with aclosing(self._stream()) as stream:
                    async for cycle in stream:
                        tries, gone_at = 0, None
                        if (cycle.cycle, cycle.at) != seen:
                            seen = cycle.cycle, cycle.at
                            yield cycle
            except NoAnswer as error:
                gone_at = gone_at or time.monotonic()
                again(error, time.monotonic() - gone_at, patience_s)
            await asyncio.sleep(min(PAUSES_S[min(tries, len(PAUSES_S) - 1)], max(patience_s, 0.0)))
            tries += 1

    async def _stream(self) -> AsyncGenerator[Cycle, None]:
        """One connection's events, until it ends. NoAnswer when it breaks, or none comes about."""
        reader = Reader()
        with self._asking():
            async with self._http.stream("GET", calls.CYCLES, headers=STREAM, timeout=STREAM_TIMEOUT) as answer:
                if answer.status_code != 200:
                    raise calls.refusal(await self._body(answer), self.address)
                async for more in answer.aiter_raw():
                    for cycle in cycles_in(reader, more):
                        yield cycle

    async def _ask(self, call: Call[D]) -> D:
        with self._asking():
            async with self._http.stream("GET", call.path, params=call.parameters) as answer:
                body = await self._body(answer)
        return calls.decoded(body, call.kind, self.address)

    async def _body(self, answer: httpx.Response) -> bytearray:
        body = calls.Body(self.address, self._timeout_s)
        body.begun(answer.headers.get("location", "") if answer.is_redirect else None)
        async for more in answer.aiter_bytes():
            body.take(more)
        return body.bytes

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.StreamError, ValueError) as error:
            raise calls.no_contact(self.address, error) from None
