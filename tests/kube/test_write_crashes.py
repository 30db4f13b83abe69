"""Killed between any two writes, or never answered: the next cycle brings exactly one object (L4)."""

from __future__ import annotations

import multiprocessing
import signal
from typing import TYPE_CHECKING

import pytest

from fedsched.config.settings import Credential
from fedsched.kube.actuator import Actuator
from fedsched.kube.transport import Transport
from fedsched.matchmaker.model import CreateObject, names
from tests.kube.write_builders import FEDERATION, NOW, member, placement, worker
from tests.kube.write_crash import place
from tests.kube.write_site import ACCOUNT, Site

if TYPE_CHECKING:
    from tests.laboratory.controlplane import ControlPlane

WRITES = ["raise-fence", "create-files", "create-token", "create-object"]


@pytest.fixture
def site(control_plane: ControlPlane, namespace: str) -> Site:
    return Site(control_plane, namespace)


def test_the_writes_of_one_placement_are_these_four(site: Site) -> None:
    seen: list[str] = []
    actuator = site.new_actuator(checkpoint=seen.append)
    actuator.act(CreateObject("m1", site.placement()), worker(), 7, NOW)
    assert seen == WRITES


@pytest.mark.parametrize("nth", range(1, len(WRITES) + 2))
def test_killed_before_any_write_the_next_try_brings_exactly_one_object(site: Site, nth: int) -> None:
    spawned = multiprocessing.get_context("spawn").Process(
        target=place, args=(site.credential(ACCOUNT), site.member, site.placement(), nth)
    )
    spawned.start()
    spawned.join(60)
    assert spawned.exitcode == (-signal.SIGKILL if nth <= len(WRITES) else 0)
    site.place()
    assert site.names_of(site.batch) == {"fs-p-0001"}
    assert names.FENCE in site.names_of(f"{site.core}/configmaps")
    site.pod()


def test_a_member_that_refuses_connections_is_tried_again() -> None:
    nobody = Transport(Credential("https://127.0.0.1:1", "fedsched", "token"))
    outcome = Actuator(member(), nobody, FEDERATION).act(CreateObject("m1", placement()), worker(), 7, NOW)
    assert (outcome.result, "connection refused" in outcome.what) == ("retry", True)
