"""The hub that tests about hubs share: a control plane of its own, for its policies meet every labelled Job."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.conftest import or_skipped
from tests.kube.hub_site import Hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.laboratory import Laboratory


@pytest.fixture(scope="session")
def hub(lab: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Hub:
    """A joined hub; take a namespace of your own in it."""
    with or_skipped():
        made = Hub(lab.control_plane("hub"), tmp_path_factory.mktemp("hub"))
    states, _ = made.join()
    assert set(states.values()) == {"ok"}, states
    return made


@pytest.fixture
def space(hub: Hub) -> Iterator[str]:
    """A fresh namespace in the hub."""
    name = hub.plane.namespace(f"test-{secrets.token_hex(3)}")
    yield name
    hub.admin.delete(f"/api/v1/namespaces/{name}")
