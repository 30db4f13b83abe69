"""A world that is a folder, for the loop's tests: an object is a file, made once under a name as an API server does.

Also a mind whose plan is a fixed list of wishes, so that what is tested is the loop and nothing else.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from fedsched.loop import Mind
from fedsched.matchmaker.model import (
    Budgets,
    Change,
    CreateObject,
    DeleteObject,
    Form,
    Held,
    MemberTerms,
    MemberView,
    Memory,
    ObjectView,
    Observation,
    Outcome,
    Placement,
    Plan,
    Policy,
    Principal,
    Snapshot,
)
from fedsched.matchmaker.resources import Resources

START = 1_700_000_000.0


class VirtualClock:
    """Time that passes only when told to."""

    def __init__(self, at: float = START) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def placement(name: str, member: str = "m1") -> Placement:
    """A startd Job of one core."""
    return Placement(
        id=name,
        member=member,
        node_group="all",
        form="startd-job",
        pool="a",
        schedd="s",
        principal=Principal("physics", "ada@example"),
        class_key="k",
        size=Resources(cpu_milli=1000, memory_mib=1024),
        created_at=START,
        expires_at=START + 86_400,
        lifetime_s=3600,
        retire_s=600,
        idle_s=300,
        first_refusal_s=300,
        epoch=1,
    )


class Shelf:
    """The world. `answer` decides the fate of each act: "" to do it, else a result; "lost" does it and says `retry`."""

    def __init__(self, folder: Path, members: Iterable[str] = ("m1",)) -> None:
        self.folder = folder
        self.members = tuple(members)
        self.answer: Callable[[Change], str] = lambda _change: ""
        self.retry_after_s = 0.0
        self.fences: dict[str, int] = {}
        self.views: dict[str, MemberView] = {}
        self.acts: list[Change] = []
        self.made: list[str] = []
        self.extra = Observation(START)
        for member in self.members:
            (folder / member).mkdir(parents=True, exist_ok=True)

    def observe(self, at: float) -> Observation:
        files = [file for member in self.members for file in sorted((self.folder / member).iterdir())]
        objects = tuple(
            ObjectView(
                name=file.name,
                kind="Job",
                uid=file.read_text(),
                resource_version="1",
                member=file.parent.name,
                placement_id=file.name.removeprefix("fs-"),
                epoch=1,
                digest="d",
                created_at=at,
            )
            for file in files
        )
        views = tuple(self.views.get(m, MemberView(m, contact="ok", contact_at=at, seen_at=at)) for m in self.members)
        return msgspec.structs.replace(self.extra, at=at, members=views, objects=objects)

    def claim(self, member: str, epoch: int) -> int:
        self.fences[member] = max(self.fences.get(member, 0), epoch)
        return self.fences[member]

    def act(self, change: Change) -> Outcome:
        self.acts.append(change)
        fate = self.answer(change)
        if fate and fate != "lost":
            assert fate in {"retry", "refused", "conflict", "gone", "done", "fenced"}
            told = {"change": change, "result": fate, "at": START, "retry_after_s": self.retry_after_s}
            return msgspec.convert(told, Outcome, from_attributes=True)
        outcome = self._do(change)
        return msgspec.structs.replace(outcome, result="retry") if fate == "lost" else outcome

    def wait(self, timeout_s: float) -> bool:
        threading.Event().wait(timeout_s)
        return False

    def names(self) -> list[str]:
        """All objects that exist."""
        return sorted(f"{file.parent.name}/{file.name}" for m in self.members for file in (self.folder / m).iterdir())

    def _do(self, change: Change) -> Outcome:
        if isinstance(change, CreateObject):
            path = self.folder / change.member / change.placement.object_name
            if path.exists():
                return Outcome(change, "done", START, what="ours already")
            # Complete when it appears, as an object in an API server is.
            draft = self.folder / f".{change.member}.{path.name}"
            draft.write_text(f"uid-{change.placement.id}-{len(self.made)}")
            draft.rename(path)
            self.made.append(change.placement.id)
            return Outcome(change, "done", START, uid=path.read_text())
        assert isinstance(change, DeleteObject)
        path = self.folder / change.member / change.name
        if not path.exists() or path.read_text() != change.uid:
            return Outcome(change, "gone", START)
        path.unlink()
        return Outcome(change, "done", START)


class Wishes:
    """A mind that wants exactly `ids` (placement id -> member); records the snapshots that it saw."""

    def __init__(self, ids: dict[str, str]) -> None:
        self.ids = ids
        self.seen: list[Snapshot] = []
        self.form: Form = "startd-job"

    def mind(self, requests_per_s: float = 10_000.0) -> Mind:
        names = sorted({*self.ids.values(), "m1"})
        terms = tuple(MemberTerms(name, budgets=Budgets(requests_per_s=requests_per_s)) for name in names)
        return Mind(self.negotiate, self.changes, Policy(), terms)

    def negotiate(self, snapshot: Snapshot, _policy: Policy) -> Plan:
        self.seen = [*self.seen[-20:], snapshot]
        there = {thing.placement_id for thing in snapshot.observation.objects}
        held = tuple(
            Held(
                msgspec.structs.replace(placement(name, member), form=self.form),
                phase="starting" if name in there else "intended",
                since=snapshot.at,
                written_at=snapshot.at if name in there else None,
            )
            for name, member in sorted(self.ids.items())
        )
        cycle = snapshot.memory.cycle + 1
        memory = Memory(cycle=cycle, serial=snapshot.memory.serial + 1, at=snapshot.at, held=held)
        return Plan(cycle, snapshot.at, held, (), memory)

    def changes(self, observation: Observation, plan: Plan) -> tuple[Change, ...]:
        there = {thing.placement_id: thing for thing in observation.objects}
        wanted = {held.placement.id: held.placement for held in plan.held}
        create = [CreateObject(p.member, p) for name, p in wanted.items() if name not in there]
        delete = [
            DeleteObject(thing.member, name, thing.name, thing.kind, thing.uid)
            for name, thing in there.items()
            if name not in wanted
        ]
        return (*create, *delete)


def lines(text: str) -> list[dict[str, object]]:
    """JSON lines."""
    return [json.loads(line) for line in text.splitlines()]
