"""A flow of many steps as its author writes it for Prefect; nothing here knows where the steps' Jobs run.

Run by the Python of Prefect's own environment: `python fan_out.py VARIABLES STEPS FAILING`. Makes the work pool "jobs"
from the Kubernetes worker's own template, with VARIABLES (JSON) as defaults of its variables, and one deployment; runs
the steps and prints a JSON list of how each ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect_kubernetes.worker import KubernetesWorker

POOL = "jobs"
LIMIT_S = 240
POLL_S = 1


async def deployed(client: PrefectClient, variables: dict[str, Any]) -> None:
    """The work pool, and the deployment "step/lab" in it."""
    template = KubernetesWorker.get_default_base_job_template()
    for name, value in variables.items():
        template["variables"]["properties"][name]["default"] = value
    await client.create_work_pool(WorkPoolCreate(name=POOL, type="kubernetes", base_job_template=template))
    step = await client.create_flow_from_name("step")
    await client.create_deployment(step, "lab", work_pool_name=POOL, enforce_parameter_schema=False)


async def begun(number: int, *, fails: bool) -> UUID:
    """One step, begun and not waited for."""
    asked = {"env": {"STEP": str(number), "FAILS": str(int(fails)), "SECONDS_LONG": "6"}}
    run = await run_deployment("step/lab", flow_run_name=f"step-{number}", job_variables=asked, timeout=0)
    return UUID(str(run.id))


async def ended(client: PrefectClient, runs: list[UUID]) -> list[FlowRun]:
    """All of them as they are once each is over, or when time is."""
    end = time.monotonic() + LIMIT_S
    while True:
        seen = await client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=runs)))
        if all(one.state and one.state.is_final() for one in seen) or time.monotonic() > end:
            return sorted(seen, key=lambda one: runs.index(one.id))
        await asyncio.sleep(POLL_S)


async def fan_out(steps: int, failing: int) -> list[dict[str, str]]:
    """All steps at once; those behind the first `steps` fail."""
    async with get_client() as client:
        runs = [await begun(number, fails=number >= steps) for number in range(steps + failing)]
        return [told(one) for one in await ended(client, runs)]


def told(run: FlowRun) -> dict[str, str]:
    """What became of one step. job: "namespace:name" of the Job that the worker made."""
    state = run.state
    return {
        "job": run.infrastructure_pid or "",
        "state": state.type.value if state else "",
        "why": (state.message if state else None) or "",
    }


async def main(variables: dict[str, Any], steps: int, failing: int) -> None:
    """Everything, and what came of it as JSON on the last line."""
    async with get_client() as client:
        await deployed(client, variables)
    print(json.dumps(await flow(fan_out)(steps, failing)), flush=True)


if __name__ == "__main__":
    _, values, many, few = sys.argv
    asyncio.run(main(json.loads(values), int(many), int(few)))
