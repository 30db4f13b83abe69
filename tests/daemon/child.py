"""A daemon in a process of its own, over a folder as its world: `python -m tests.daemon.child FOLDER [once] [none]`.

What the world does is told by files in FOLDER: `hang` (acts at m1 block), `refuse` (acts are refused), `fence` (the
epoch that member m1 shows), `fault` (deciding fails); the wishes are the lines "id member" of `wishes`.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

from fedsched.config.settings import Federation, MemberFile
from fedsched.daemon import How, Parts, serve
from fedsched.log import configure
from fedsched.matchmaker.model import ClassNotice, MemberView, Observation, Plan, Policy, Snapshot
from tests.loop.shelf import Shelf, Wishes

FOLDER = Path(sys.argv[1])


class World(Shelf):
    """A shelf as the daemon runs one."""

    def __init__(self, members: tuple[MemberFile, ...]) -> None:
        super().__init__(FOLDER / "world", [member.name for member in members])
        self.answer = self._answer

    def start(self) -> None:
        (FOLDER / "started").touch()

    def stop(self) -> None:
        if (FOLDER / "hang").exists():
            threading.Thread(target=threading.Event().wait, args=(3600,)).start()
            threading.Event().wait(3600)
        (FOLDER / "stopped").touch()

    def reload(self, members: tuple[MemberFile, ...]) -> None:
        self.members = tuple(member.name for member in members)
        for member in self.members:
            (self.folder / member).mkdir(parents=True, exist_ok=True)

    def announce(self, notices: tuple[ClassNotice, ...]) -> None:
        (FOLDER / "announced").write_text(str(len(notices)))

    def upkeep(self) -> None:
        """Nothing expires."""

    def observe(self, at: float) -> Observation:
        fence = FOLDER / "fence"
        if fence.exists():
            self.views["m1"] = MemberView("m1", contact="ok", fence_epoch=int(fence.read_text()))
        return super().observe(at)

    def _answer(self, change: Any) -> str:
        if (FOLDER / "hang").exists() and change.member == "m1":
            threading.Event().wait(3600)
        return "refused" if (FOLDER / "refuse").exists() else ""


class Mind(Wishes):
    """Wishes from a file."""

    def negotiate(self, snapshot: Snapshot, _policy: Policy) -> Plan:
        if (FOLDER / "fault").exists():
            raise ZeroDivisionError("a defect")
        file = FOLDER / "wishes"
        known = {view.name for view in snapshot.observation.members}
        pairs = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        self.ids = {name: member for name, member in pairs if member in known}
        return super().negotiate(snapshot, _policy)


def build(_settings: Federation, members: tuple[MemberFile, ...]) -> World:
    """The world of a federation."""
    return World(members)


if __name__ == "__main__":
    configure("json", "info")
    wishes = Mind({})
    how = How(once="once" in sys.argv, dispatch="none" not in sys.argv)
    sys.exit(serve(FOLDER / "fedsched.toml", Parts(build, wishes.negotiate, wishes.changes), how))
