"""Names of the tree's nodes: "" the root, "physics.hep" a group, "physics.hep/alice@b" a principal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fedsched.matchmaker.model import Principal


def path_of(principal: Principal) -> str:
    """The path of a principal: a child of its group, of the root when it has none."""
    return f"{principal.group}/{principal.user}"


def group_of(path: str) -> str:
    """The group in which a principal's path lies; a group's own path for a group."""
    return path.partition("/")[0]


def parent_of(group: str) -> str:
    """The group above; the root for a top group."""
    return group.rpartition(".")[0]


def upwards(group: str) -> Iterator[str]:
    """The group itself and all above it, the root last."""
    while group:
        yield group
        group = parent_of(group)
    yield ""


def nearest(group: str, groups: Mapping[str, str]) -> str:
    """The group of that name that the tree has, else the nearest above it; `groups`: lower case to path.

    Case does not matter, as in HTCondor.
    """
    return next((groups[name] for name in upwards(group.lower()) if name in groups), "")
