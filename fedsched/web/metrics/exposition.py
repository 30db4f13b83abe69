"""One scrape: what is read of the newest cycle and of the tally, in the formats that Prometheus asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple, cast

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from fedsched import __version__
from fedsched.answers import View
from fedsched.answers.chronicle import sizes_of
from fedsched.condor.tokens import MAX_BYTES, parse_token
from fedsched.config.settings import PoolSettings
from fedsched.forecast import Calibration, Record
from fedsched.journal import JournalError, Recorded, open_journal, size_of
from fedsched.loop import Summary
from fedsched.matchmaker.model import Policy, Sharing
from fedsched.web.metrics.demand import demand
from fedsched.web.metrics.families import FAMILIES, Family
from fedsched.web.metrics.jobs import Told, jobs
from fedsched.web.metrics.samples import Bars, Names, Samples, Scene, top
from fedsched.web.metrics.shares import shares, surge
from fedsched.web.metrics.supply import members, peers, supply
from fedsched.web.metrics.tally import Tally

Encode = Callable[[CollectorRegistry], bytes]
LONGEST_ACCEPT = 1024
RECORD_EVERY_S = 60.0
"""Forecasts are read so often at most: a few milliseconds each time."""


def encoding(accept: str) -> tuple[Encode, str]:
    """The format that an Accept header asks for, with its content type: OpenMetrics, else Prometheus' own text."""
    try:
        return choose_encoder(accept[:LONGEST_ACCEPT])
    except (TypeError, ValueError):
        # A version that is no number: the library compares it with numbers all the same.
        return choose_encoder("")


class Sources(NamedTuple):
    """Where else numbers come from.

    health: HTTP status and body of /healthz. now: the daemon's clock, epoch seconds. journal: its URL. pools: whose
    token files have an end. streams: open event streams.
    """

    health: Callable[[], tuple[int, dict[str, Any]]]
    now: Callable[[], float]
    journal: str
    pools: tuple[PoolSettings, ...] = ()
    streams: Callable[[], int] = lambda: 0


class Metrics:
    """The metrics of one daemon. `see` and `cycled` are called by the loop's thread, `scrape` by any."""

    def __init__(self, view: Callable[[], View | None], sources: Sources) -> None:
        """`view`: of the newest cycle, None before the first."""
        self._view = view
        self._sources = sources
        self._tally = Tally()
        self._told = Told()
        self._kept = _Kept(sources.journal)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def see(self, recorded: Recorded) -> None:
        """A cycle is durable."""
        self._tally.see(recorded)
        self._told.see(recorded)

    def cycled(self, summary: Summary) -> None:
        """A cycle is over."""
        self._tally.cycled(summary)

    def scrape(self, encode: Encode) -> bytes:
        """All of it, now, in one of the formats."""
        return encode(self._registry)

    def collect(self) -> Iterator[Metric]:
        """All families; what prometheus_client's registry asks a collector for."""
        samples = self._samples()
        by_name: dict[str, list[tuple[tuple[str, ...], Any]]] = {}
        for (name, labels), value in (*samples.values.items(), *samples.bars.items()):
            by_name.setdefault(name, []).append((labels, value))
        for family in FAMILIES:
            yield _metric(family, sorted(by_name.get(family.name, []), key=lambda sample: sample[0]))

    def _samples(self) -> Samples:
        into, view, sources = Samples(), self._view(), self._sources
        into.add("healthy", sources.health()[0] == 200)
        into.add("journal_bytes", size_of(sources.journal))
        into.add("web_streams", sources.streams())
        now = sources.now()
        _tokens(sources.pools, now, into)
        _foretold(self._kept.record(now), into)
        if view is not None:
            scene = _scene(view, now, self._kept.policy(view.recorded.policy))
            into.add("build", 1, __version__, view.federation, scene.policy.name if scene.policy else "")
            for read in (_cycle, demand, jobs, supply, members, peers, shares, surge):
                read(scene, into)
            self._tally.into(into, scene.members)
            self._told.into(into, now)
        return into


class _Kept:
    """What is read from the journal by a connection of its own, and not more often than it may have changed."""

    def __init__(self, journal: str) -> None:
        self._journal = journal
        self._policies: dict[str, Policy | None] = {}
        self._record: tuple[float, Record | None] = (float("-inf"), None)

    def policy(self, digest: str) -> Policy | None:
        """The policy of that digest; None where it cannot be read."""
        if digest not in self._policies:
            try:
                with closing(open_journal(self._journal, reading=True)) as journal:
                    self._policies = {digest: journal.policy(digest)}
            except JournalError:
                return None
        return self._policies[digest]

    def record(self, now: float) -> Record | None:
        """How past forecasts did; None where that cannot be read."""
        if time.monotonic() - self._record[0] > RECORD_EVERY_S:
            try:
                with closing(open_journal(self._journal, reading=True)) as journal:
                    self._record = time.monotonic(), Calibration(journal.forecasts(), now).record
            except JournalError:
                return None
        return self._record[1]


def _scene(view: View, now: float, policy: Policy | None) -> Scene:
    paths = [line.path for line in view.plan.shares if "/" not in line.path]
    groups = {pair[0].principal.group for pair in view.pairs} | set(paths)
    sizes = sizes_of(view.recorded, policy.sharing if policy else Sharing())
    tops = {top(group) for group in groups}
    return Scene(view, now, policy, sizes, Names(one.name for one in view.terms), Names(groups), Names(tops))


def _cycle(scene: Scene, into: Samples) -> None:
    plan, frozen_since = scene.view.plan, scene.view.plan.memory.frozen_since
    into.add("cycle_number", plan.cycle)
    into.add("cycle_age_seconds", max(0.0, scene.now - plan.at))
    into.add("frozen", frozen_since is not None)
    into.add("frozen_seconds", 0.0 if frozen_since is None else max(0.0, scene.now - frozen_since))
    for kind in ("cordon", "drain", "pause", "deny"):
        into.add("orders", sum(order.kind == kind for order in scene.view.orders), kind)


def _foretold(record: Record | None, into: Samples) -> None:
    if record is not None:
        into.add("forecasts", record.count)
        into.add("forecasts_right", record.right)
        into.add("forecasts_wanted_ratio", record.wanted)


def _tokens(pools: Sequence[PoolSettings], now: float, into: Samples) -> None:
    """Lives of the tokens that lie in files; what a command prints is renewed by itself."""
    for pool in pools:
        for which, path in (("own", pool.token_file), ("startd", pool.startd_token_file)):
            try:
                text = path.open("rb").read(MAX_BYTES).decode("ascii") if path else ""
                expires_at = parse_token(text, now).expires_at if text else None
            except (OSError, ValueError):
                continue
            if expires_at is not None:
                into.lowest("pool_token_remaining_seconds", expires_at - now, pool.name, which)


_KINDS: dict[str, Callable[..., Any]] = {
    "gauge": GaugeMetricFamily,
    "counter": CounterMetricFamily,
    "histogram": HistogramMetricFamily,
    "gaugehistogram": GaugeHistogramMetricFamily,
    "info": InfoMetricFamily,
}


def _metric(family: Family, samples: list[tuple[tuple[str, ...], Any]]) -> Metric:
    made: Any = _KINDS[family.kind](family.name, family.text, labels=family.labels if family.kind != "info" else ())
    for labels, value in samples:
        if isinstance(value, Bars):
            made.add_metric(labels, value.cumulated(), value.sum)
        elif family.kind == "info":
            made.add_metric((), dict(zip(family.labels, labels, strict=True)))
        else:
            made.add_metric(labels, value)
    return cast("Metric", made)
