"""One session of the laboratory.

Makes control planes, nodes, pools and pod runners, and ends them all in the right order.
"""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, Self

from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.places import LaboratoryError
from tests.laboratory.podrunner import PodRunner
from tests.laboratory.pool import Pool
from tests.laboratory.realnode import RealNode
from tests.laboratory.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType


class Stoppable(Protocol):
    """What the laboratory makes."""

    def stop(self) -> None:
        """Ends it; twice is harmless."""


class Laboratory:
    """A context manager; everything that it made is gone when it closes. Several may run on one machine."""

    def __init__(self) -> None:
        self.session = Session()
        self.folder = self.session.folder
        self._made: list[Stoppable] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def control_plane(self, name: str, *, kwok: bool = True) -> ControlPlane:
        """A running control plane; ready in 3-5 s."""
        return self.control_planes(name, kwok=kwok)[name]

    def control_planes(self, *names: str, kwok: bool = True) -> dict[str, ControlPlane]:
        """Several at once: three take hardly longer than one."""
        planes = {name: ControlPlane(self.session, name, kwok=kwok) for name in names}
        for plane in planes.values():
            self._made.append(plane)
            plane.start()
        with ThreadPoolExecutor(len(planes)) as threads:
            list(threads.map(ControlPlane.wait_ready, planes.values()))
        return planes

    def pool(self, name: str, **options: Any) -> Pool:
        """A running pool; `options` as `Pool` takes them: daemons, flock_to, rights_for, config. Ready in 3 s."""
        made = Pool(self.session, name, **options)
        self._made.append(made)
        return made

    def real_node(self, control_plane: ControlPlane, name: str, labels: Mapping[str, str] | None = None) -> RealNode:
        """A real kubelet and containerd, Ready in about 3 s."""
        made = RealNode(control_plane, name, labels)
        self._made.append(made)
        return made

    def pod_runner(self, control_plane: ControlPlane, selector: Mapping[str, str] | None = None) -> PodRunner:
        """Runs the labelled pods of a control plane's simulated nodes (default label: managed-by fedsched)."""
        made = PodRunner(control_plane, selector)
        self._made.append(made)
        return made

    @contextlib.contextmanager
    def part(self) -> Iterator[Laboratory]:
        """A laboratory of the same session for things that end with the `with` block."""
        inner = object.__new__(Laboratory)
        inner.session, inner.folder, inner._made = self.session, self.folder, []
        try:
            yield inner
        finally:
            inner.end_all()

    def end_all(self) -> None:
        """Ends everything that it made, the last made first; the session goes on."""
        for thing in reversed(self._made):
            with contextlib.suppress(OSError, LaboratoryError):
                thing.stop()
        self._made.clear()

    def stop(self) -> None:
        """Ends everything and the session."""
        self.end_all()
        self.session.close()
