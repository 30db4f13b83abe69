"""Counterfactuals made in a state by code of the tests' own, and a little less of each; nothing is the product's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from fedsched.matchmaker.model import Room, Step
from tests.reasons.case import Case
from tests.reasons.remedies import answering
from tests.reasons.states import State

Tree = dict[str, Any]
UNITS = {"cpu_milli": 100, "memory_mib": 128, "disk_mib": 256}
REQUESTS = {"cpu_milli": 1000, "memory_mib": 256, "disk_mib": 1024}


def applied(given: State, key: str, steps: tuple[Step, ...]) -> State:
    """The state with all of the steps made."""
    for step in steps:
        given = _applied(Case(given, key), step)
    return given


def _applied(case: Case, step: Step) -> State:
    """Members, schedds and policies are taken as plain trees, so that each change is one line of JSON's kind."""
    snap, policy = case.state
    if step.what == "member answers":
        for view in snap.observation.members:
            silent = step.member in {"*", view.name}
            case = Case(answering(case, view.name), case.key) if silent and view.seen_at is not None else case
        return case.state
    tree: Tree = {"snap": msgspec.to_builtins(snap), "policy": msgspec.to_builtins(policy)}
    _change(tree, case, step)
    return State(msgspec.convert(tree["snap"], type(snap)), msgspec.convert(tree["policy"], type(policy)))


def _change(tree: Tree, case: Case, step: Step) -> None:  # noqa: C901, PLR0912, PLR0915 - a line for each kind
    snap, policy, amount = tree["snap"], tree["policy"], step.to
    seen = snap["observation"]
    job = next(one for view in seen["schedds"] for one in view.get("classes", ()) if one["key"] == case.key)
    file: Tree = next((one for one in snap["terms"] if one["name"] == step.member), {})
    view: Tree = next((one for one in seen.get("members", ()) if one["name"] == step.member), {})
    group: Tree = next((one for one in policy["groups"] if one["path"] == step.target), {})
    tier: Tree = next((one for one in policy["tiers"] if one["name"] == step.target), {})
    whole = int(amount)
    match step.what:
        case "request":
            job["request"] = _amount(job["request"], step.name, whole)
        case "clause":
            _without(job, step.text)
        case "length":
            job["length"]["seconds"] = whole
        case "image":
            job["image"] = ""
        case "priority":
            job["priorities"] = [[whole, job["idle"]]]
        case "order":
            snap["orders"] = [o for o in snap["orders"] if (o["kind"], o["target"]) != (step.name, step.target)]
        case "mode":
            file["mode"] = "on"
        case "admit" if step.name.startswith("jobs."):
            said = file.setdefault("jobs", {})
            name = step.name.removeprefix("jobs.")
            said[name] = [*said.get(name, []), step.target]
        case "object":
            kind, _, name = step.target.partition("/")
            view["objects"] = sorted([*map(tuple, view["objects"]), (kind, name)])
        case "parallelism":
            job["job"]["pods"] = whole
        case "admit":
            file[step.name] = [*file[step.name], step.target]
        case "ceiling":
            file["ceiling"] = _amount(file["ceiling"], step.name, whole)
        case "in-flight":
            file["budgets"][step.name] = whole
        case "leave-free":
            file["leave_free"] = [
                [name, _amount(kept, step.name, whole) if name == step.target else kept]
                for name, kept in file["leave_free"]
            ]
        case "lifetime":
            file["max_lifetime_s"] = whole
        case "quota":
            _quota(next(one for one in view["quotas"] if one["name"] == step.target), step)
        case "nodes":
            _nodes(next(one for one in view["node_groups"] if one["name"] == step.target), whole)
        case "tolerate":
            where = next(one for one in view["node_groups"] if one["name"] == step.target)
            where["barred"] = [taint for taint in where["barred"] if taint["key"] != step.name]
        case "schedd answers":
            next(one for one in seen["schedds"] if one["name"] == step.target)["seen_at"] = seen["at"]
        case "pool answers":
            next(one for one in seen["pools"] if one["name"] == step.target)["seen_at"] = seen["at"]
        case "startds' life":
            policy["startds"]["lifetime_s"] = whole
        case "group limit":
            group["limit"] = _amount(group["limit"], step.name, whole)
        case "group quota":
            group["quota"] = _amount(group["quota"], step.name, whole)
        case "surplus":
            group["accept_surplus"] = True
        case "borrow":
            group["borrow"] = amount
        case "lend":
            group["lend"] = 1.0
        case "weight":
            group["weight"] = amount
        case "group budget":
            group["budget"] = amount
        case "tier budget":
            tier["budget"] = amount
        case "tier windows":
            tier["windows"] = []
        case "tier dwell":
            for one in policy["tiers"]:
                one["dwell_s"] = 0.0 if one["order"] <= tier["order"] else one["dwell_s"]
        case "principal's ceiling":
            next(one for one in policy["principals"] if one["pattern"] == step.target)["ceiling"] = amount
        case "concurrency limit":
            next(one for one in policy["limits"] if one["name"] == step.target)["units"] = whole
        case "growth":
            policy["ramp"]["first"] = whole
            policy["ramp"]["max_starts"] = max(whole, policy["ramp"]["max_starts"])
        case "leaks":
            policy["surge"]["max_leak"] = whole
        case other:
            raise AssertionError(f"nobody here knows how to make {other!r}")


def _amount(resources: Tree, name: str, amount: int) -> Tree:
    return {**resources, name: amount}


def _without(job: Tree, clause: str) -> None:
    """States join their clauses with " && " and nothing else."""
    kept = [one for one in job["requirements"].split(" && ") if one != clause]
    assert len(kept) < len(job["requirements"].split(" && ")), clause
    job["requirements"] = " && ".join(kept)


def _quota(quota: Tree, step: Step) -> None:
    if step.name == "jobs":
        quota["jobs_left"] += int(step.to)
    else:
        quota["left"] = _amount(quota["left"], step.name, quota["left"].get(step.name, 0) + int(step.to))


def _nodes(group: Tree, count: int) -> None:
    group["nodes"] += count
    group["ready"] += count
    same = next((room for room in group["rooms"] if room["free"] == group["allocatable"]), None)
    rooms = [*group["rooms"], *([] if same else [{"free": group["allocatable"], "nodes": count}])]
    if same is not None:
        same["nodes"] += count
    group["rooms"] = [msgspec.to_builtins(room) for room in sorted(msgspec.convert(rooms, tuple[Room, ...]))]


def weaker(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """The steps with one of them taken one unit less far, where it has an amount that is told as the least."""
    for place, step in enumerate(steps):
        less = _less(step)
        if less is not None and (less.to or step.what != "nodes"):
            yield (*steps[:place], less, *steps[place + 1 :])
        elif len(steps) > 1 or less is not None:
            yield (*steps[:place], *steps[place + 1 :])


def _less(step: Step) -> Step | None:
    units = {
        "request": REQUESTS.get(step.name, 1),
        "quota": -UNITS.get(step.name, 1),
        "ceiling": -UNITS.get(step.name, 1),
        "leave-free": UNITS.get(step.name, 1),
        "group limit": -UNITS.get(step.name, 1),
        "group quota": -UNITS.get(step.name, 1),
        "in-flight": -1,
        "nodes": -1,
        "lifetime": -1,
        "startds' life": -1,
        "concurrency limit": -1,
        "principal's ceiling": -1.0,
        "borrow": -1.0,
        "leaks": -1,
        "parallelism": 1,
    }
    unit = units.get(step.what)
    return None if unit is None else msgspec.structs.replace(step, to=step.to + unit)


__all__ = ["applied", "weaker"]
