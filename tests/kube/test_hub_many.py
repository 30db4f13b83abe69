"""Two thousand Jobs of a hub: what reading them costs, measured on a real API server."""

from __future__ import annotations

import gc
import json
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from fedsched.kube.hub.reader import HubReader
from fedsched.kube.join import credentials
from fedsched.kube.transport import Transport
from fedsched.matchmaker.model.names import LABEL_QUEUE
from tests.kube.hub_site import Hub, job, until

pytestmark = pytest.mark.kube


def test_two_thousand_jobs_are_read_in_seconds_and_looked_at_for_nothing(hub: Hub, space: str) -> None:
    count = 2_000

    def make(number: int) -> None:
        hub.plane.api.create(job(space, f"j-{number:04}", labels={LABEL_QUEUE: "hub", "n": str(number % 7)}))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(make, range(count)))
    gc.collect()
    tracemalloc.start()
    credential = credentials.load(hub.settings.credentials / "hub.json")
    transport = Transport(credential, 500.0)
    reader = HubReader(hub.queue_settings, hub.settings, transport, lambda: None)
    began, cpu = time.monotonic(), time.process_time()
    reader.start()
    try:
        until(lambda: reader.latest().seen_at is not None and _of(reader, space) == count, "all of them", 60)
        spent = time.process_time() - cpu
        took = time.monotonic() - began
        kept = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        looked = time.perf_counter()
        for _ in range(1_000):
            reader.latest()
        look = (time.perf_counter() - looked) / 1_000
        print(json.dumps({"s": took, "cpu_s": spent, "kept_mib": kept / 2**20, "look_us": look * 1e6}))
        assert reader.latest().jobs is reader.latest().jobs
        assert took < 30
        assert kept < 40 * 2**20
        assert look < 0.001
    finally:
        reader.stop()
        transport.close()


def _of(reader: HubReader, space: str) -> int:
    return sum(one.id.startswith(f"{space}/") for one in reader.latest().jobs)
