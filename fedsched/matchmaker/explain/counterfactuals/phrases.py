"""A change as a person says it: "with at most 62 GiB of memory", "if quota compute of m1 had 8 cores more"."""

from __future__ import annotations

import re
from collections.abc import Callable

from fedsched.matchmaker.explain.sentences import age
from fedsched.matchmaker.model import Step
from fedsched.matchmaker.resources import FIXED

_OF = {"memory_mib": " of memory", "disk_mib": " of disk"}
_DEVICE = re.compile(r"availablegpus|gpus_|devicename|capability|globalmemorymb", re.IGNORECASE)
_LONGEST = 120


def exact(name: str, amount: float) -> str:
    """An amount that can be typed in again and is the same: "62.25 GiB of memory", "1.5 cores", "2 GPUs"."""
    whole = int(amount)
    if name == "cpu_milli":
        return f"{whole / 1000:.15g} core{'' if whole == 1000 else 's'}"
    if name in _OF:
        number = f"{whole / 1024:.15g} GiB" if whole >= 1024 else f"{whole} MiB"
        return number + _OF[name]
    if name == "gpus":
        return f"{whole} GPU{'' if whole == 1 else 's'}"
    return f"{whole} {name}"


def phrase(step: Step) -> str:
    """One change as a condition. KeyError for a kind that is not known."""
    return PHRASES[step.what](step)


def joined(steps: tuple[Step, ...]) -> str:
    """Several, all of which are needed: what the user can do stands first."""
    said = sorted((phrase(step) for step in steps), key=lambda text: text.startswith("if "))
    others = [text for text in said if text.startswith("if ")]
    return " and ".join([*said[: len(said) - len(others)], *others[:1], *(text[len("if ") :] for text in others[1:])])


def _number(value: float) -> str:
    return f"{value:.10g}"


def _request(step: Step) -> str:
    if not step.to and step.name not in FIXED - {"gpus"}:
        return "without a GPU" if step.name == "gpus" else f"without {step.name}"
    return f"with at most {exact(step.name, step.to)}"


def _clause(step: Step) -> str:
    if _DEVICE.search(step.text):
        return "with any GPU model"
    text = " ".join(step.text.split())
    return f"without the clause {text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'}"


def _length(step: Step) -> str:
    return (
        f"with a length of at most {int(step.to)} s ({age(step.to)})"
        if step.to >= 100
        else (f"with a length of at most {int(step.to)} s")
    )


def _order(step: Step) -> str:
    done = {"cordon": "were uncordoned", "drain": "were not drained", "pause": "were resumed"}
    if step.name == "deny":
        return f"if {step.target} were allowed again"
    return f"if {'all members' if step.target == '*' else step.target} {done[step.name]}"


def _admit(step: Step) -> str:
    return f"if {step.member} admitted {step.target} under `{step.name}`"


def _in_flight(step: Step) -> str:
    what = {"objects_in_flight": "objects in flight", "pods_pulling": "pods pulling images"}[step.name]
    return f"if {step.member} took {int(step.to)} {what} at once"


def _nodes(step: Step) -> str:
    count = int(step.to)
    return f"if {step.member}/{step.target} had {count} empty node{'' if count == 1 else 's'} more"


def _quota(step: Step) -> str:
    return f"if quota {step.target} of {step.member} had {exact(step.name, step.to)} more"


def _answers(step: Step) -> str:
    if step.member == "*":
        return "if the silent members answered again with the room they had"
    return f"if {step.member} answered again with the room it had"


PHRASES: dict[str, Callable[[Step], str]] = {
    "request": _request,
    "clause": _clause,
    "length": _length,
    "image": lambda _step: "with the member's own image",
    "priority": lambda step: f"with a job priority of {int(step.to)}",
    "parallelism": lambda step: f"with at most {int(step.to)} pods at once",
    "object": lambda step: f"if {step.target} were in our namespace at {step.member}",
    "order": _order,
    "mode": lambda step: f'if the mode of {step.member} were "on"',
    "admit": _admit,
    "tolerate": lambda step: f"if the file of {step.member} tolerated the taint {step.name} of {step.target}",
    "ceiling": lambda step: f"if the ceiling of {step.member} were {exact(step.name, step.to)}",
    "in-flight": _in_flight,
    "leave-free": lambda step: f"if {step.member}/{step.target} kept only {exact(step.name, step.to)} free",
    "lifetime": lambda step: f"if startds of {step.member} lived for {int(step.to)} s",
    "startds' life": lambda step: f"if the policy let startds live for {int(step.to)} s",
    "quota": _quota,
    "nodes": _nodes,
    "member answers": _answers,
    "schedd answers": lambda step: f"if schedd {step.target} answered again",
    "pool answers": lambda step: f"if the collector of pool {step.target} answered again",
    "group limit": lambda step: f"if the limit of group {step.target} were {exact(step.name, step.to)}",
    "group quota": lambda step: f"if the quota of group {step.target} were {exact(step.name, step.to)}",
    "surplus": lambda step: f"if group {step.target} accepted surplus",
    "borrow": lambda step: f"if group {step.target} could borrow {_number(step.to)} core-equivalents",
    "lend": lambda step: f"if group {step.target} lent all that it does not use",
    "weight": lambda step: f"if the weight of group {step.target} were {_number(step.to)}",
    "group budget": lambda step: f"if the budget of group {step.target} were {_number(step.to)}",
    "principal's ceiling": lambda step: (
        f"if the ceiling of principal {step.target} were {_number(step.to)} core-equivalents"
    ),
    "concurrency limit": lambda step: f"if concurrency limit {step.target} were {int(step.to)} units",
    "tier budget": lambda step: f"if the budget of tier {step.target} were {_number(step.to)}",
    "tier windows": lambda step: f"if tier {step.target} were open at any time",
    "tier dwell": lambda step: f"if tier {step.target} opened without waiting",
    "growth": lambda step: f"if growth began with {int(step.to)} startds",
    "leaks": lambda step: f"if {int(step.to)} of its startds might be claimed by others in a spike",
}
"""Every kind of change."""
