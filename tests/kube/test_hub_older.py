"""Hubs of older Kubernetes: what is installed there, and how far statuses come through (a real server, emulating)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fedsched.kube.hub.policies import NOTE_HELD
from fedsched.kube.hub.served import Served, ask
from fedsched.kube.hub.standing import standing
from fedsched.kube.join.caller import Connection
from fedsched.kube.join.make import make
from fedsched.kube.kubeconfig import read
from fedsched.matchmaker.model import JobStatus
from fedsched.matchmaker.model.names import CONDITION_PLACED, JOB_MANAGER
from tests.kube.hub_site import Hub, condition, job, jobs, seen, tell, told, until
from tests.laboratory import components
from tests.laboratory.kubeapi import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.kube
T0 = 1_800_000_000.0


@pytest.fixture
def older(
    fresh_control_plane: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Hub]]:
    """A hub whose API server behaves as one of that version."""
    api_server = components.api_server

    def make(name: str, *flags: str) -> Hub:
        monkeypatch.setattr(components, "api_server", lambda *given: [*api_server(*given), *flags])
        return Hub(fresh_control_plane(name), tmp_path)

    return make  # type: ignore[return-value]  # a fixture that returns


def test_with_mutating_policies_of_the_beta_the_label_is_enough(older: Callable[..., Hub]) -> None:
    """As Kubernetes 1.34 and 1.35 serve them; a newer server that serves both is told the beta's alone."""
    hub = older("beta", "--runtime-config=admissionregistration.k8s.io/v1beta1=true")
    admin = Connection(read(hub.plane.kubeconfig))
    assert ask(admin).mutating == "v1"
    made = standing(hub.request(), Served("v1beta1", "v1", "managedBy"))
    for _ in range(2):
        steps = [make(admin, manifest, dry_run=False) for manifest in made]
    assert {step.action for step in steps} == {"unchanged"}
    kinds = {each["apiVersion"] for each in made if each["kind"].startswith("Mutating")}
    assert kinds == {"admissionregistration.k8s.io/v1beta1"}

    def ours() -> bool:
        try:
            tried = hub.admin.request("POST", jobs("default") + "?dryRun=All", job("default", "ours"))
        except ApiError:
            return False
        return bool(tried["spec"].get("managedBy") == JOB_MANAGER)

    until(ours, "the policies are noticed")
    for manifest in standing(hub.request(), Served("v1", "v1", "suspend")):  # where managedBy's gate is closed
        make(admin, manifest, dry_run=False)

    def held() -> bool:
        try:
            tried = hub.admin.request("POST", jobs("default") + "?dryRun=All", job("default", "held"))
        except ApiError:
            return False
        return bool(tried["spec"]["suspend"] and tried["metadata"]["annotations"].get(NOTE_HELD) == "policy")

    until(held, "labelled Jobs are suspended")


def test_without_mutating_policies_users_set_managed_by_and_are_told_where_they_do_not(
    older: Callable[..., Hub],
) -> None:
    """Kubernetes 1.32 and 1.33."""
    hub = older("plain", "--emulated-version=1.33")
    states, served = hub.join()
    assert served == Served("", "v1", "managedBy")
    assert (states["a labelled Job"], states["policy"]) == ("ok", "unknown")
    assert "spec.managedBy: " in hub.refused(job("default", "forgot"))
    hub.create("default", "ours", managedBy=JOB_MANAGER)
    with hub.reading() as queue:
        assert seen(queue, "default/ours").state == "waiting"


def test_without_managed_by_a_job_is_held_by_suspension_and_its_end_stays(older: Callable[..., Hub]) -> None:
    """Kubernetes 1.30 and 1.31: the hub's own controller goes on to write counts, and leaves what else is written."""
    hub = older("oldest", "--emulated-version=1.33", "--feature-gates=JobManagedBy=false")
    _, served = hub.join()
    assert served == Served("", "v1", "suspend")
    assert "spec.suspend: " in hub.refused(job("default", "forgot"))
    assert "spec.suspend: " in hub.refused(job("default", "forgot", suspend=True))
    hub.create("default", "held", suspend=True, completions=3, notes={NOTE_HELD: "policy"})
    with pytest.raises(ApiError, match="the queue holds it"):
        hub.admin.patch(jobs("default", "held"), {"spec": {"suspend": False}})
    with hub.reading() as queue:
        name = "default/held"
        seen(queue, name, lambda one: one.state == "waiting" and one.status.condition("Suspended"))
        placed = condition(CONDITION_PLACED, "m1", "at m1", T0)
        runs = JobStatus(active=2, started_at=T0, conditions=(placed,))
        after = told(queue, name, runs)
        assert after.status.started_at == T0
        settled = _touched(hub, queue, name, "1")
        assert [one.type for one in settled.status.conditions] == [CONDITION_PLACED, "Suspended"]
        assert settled.status.active == 0
        assert tell(queue, settled, runs).what.startswith("the Job shows it already")
        done = JobStatus(succeeded=3, started_at=T0, completed_at=T0 + 9, conditions=(placed, condition("Complete")))
        told(queue, name, done)
        settled = _touched(hub, queue, name, "2")
        assert (settled.state, settled.status.succeeded) == ("over", 3)
        assert not hub.admin.items("/api/v1/namespaces/default/pods")


def _touched(hub: Hub, queue: Any, name: str, step: str) -> Any:
    """The Job, after the hub's own controller has looked at it again, and at one made later."""
    hub.admin.patch(jobs("default", name.partition("/")[2]), {"metadata": {"labels": {"step": step}}})
    after = f"after-{step}"
    hub.admin.create(job("default", after, labels={}, suspend=True))
    until(lambda: hub.job("default", after)["status"].get("conditions"), "the controller's turn")

    def shown() -> Any:
        version = hub.job("default", name.partition("/")[2])["metadata"]["resourceVersion"]
        found = (one for one in queue.latest().jobs if one.id == name and one.resource_version == version)
        return next(found, None)

    return until(shown, "what the controller wrote last")
