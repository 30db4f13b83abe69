"""Who is in a cycle, and which words are nobody's name; what becomes of the names is decided elsewhere."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cache
from typing import Any

import msgspec

from fedsched.answers import View
from fedsched.client import documents
from fedsched.client.documents import Document
from fedsched.matchmaker.model import Principal
from fedsched.matchmaker.resources import FIXED
from fedsched.replay.redaction import WORDS


class People:
    """Those of one cycle. users: "alice@b" or "alice". groups: paths, the longest first.

    public: words and names, in small letters, that stay as they are where they stand alone. jobs: Kubernetes Jobs of
    queues, "namespace/name", and whose they are.
    """

    def __init__(self, view: View) -> None:
        lines = view.plan.shares
        # "physics.hep/alice@b" is a principal, "physics.hep" a group.
        self.users = {line.path.rpartition("/")[2] for line in lines if "/" in line.path}
        principals = set(_principals(view))
        self.users |= {one.user for one in principals}
        # Whom a schedd knows by the name that he is charged to, in another domain, is still one person.
        charged = {_bare(user) for user in self.users}
        self.users |= {user for user in _own_users(view) if _bare(user) not in charged}
        groups = {line.path for line in lines if "/" not in line.path} | {one.group for one in principals}
        self.groups = sorted((group.lower() for group in groups if group), key=len, reverse=True)
        self.users |= {order.by for order in (*view.orders, *view.recorded.snapshot.orders) if order.by}
        self.schedds = {schedd.name.lower() for schedd in view.observation.schedds}
        named = {terms.name for terms in view.terms} | {pool.name for pool in view.observation.pools}
        named |= {group.name for member in view.observation.members for group in member.node_groups}
        parts = {part for name in (*self.groups, *named) for part in (name, *re.split(r"[.\-_]", name))}
        self.jobs = {job.id: job.principal.user for schedd in view.observation.schedds for job in schedd.jobs}
        own = {one.lower() for one in _of_themselves(principals)}
        self.public = {word.lower() for word in parts if word.lower() not in own} | self.schedds | vocabulary()


def _of_themselves(principals: Iterable[Principal]) -> Iterator[str]:
    """Groups that are called after the one person in them ("guest.alice"), and that name: it is not public by that."""
    for one in principals:
        bare = one.user.partition("@")[0]
        if bare and one.group.lower().rpartition(".")[2] == bare.lower():
            yield from (bare, one.group)


def _bare(user: str) -> str:
    return user.partition("@")[0].lower()


def _own_users(view: View) -> Iterator[str]:
    """Users that are charged under another name."""
    for schedd in view.observation.schedds:
        yield from (demand.user for demand in schedd.classes if demand.user)


def _principals(view: View) -> Iterator[Principal]:
    for schedd in view.observation.schedds:
        yield from (demand.principal for demand in schedd.classes)
        yield from (job.principal for job in schedd.jobs)
    yield from (held.placement.principal for held in view.plan.held)
    for pool in view.observation.pools:
        yield from (claim.principal for slot in pool.slots for claim in slot.claims)


@cache
def vocabulary() -> frozenset[str]:
    """Words that documents say by themselves: those that their types list, and common ones."""
    found = {word.lower() for word in (*WORDS, *FIXED)}
    seen: set[Any] = set()
    kinds = [getattr(documents, name) for name in documents.__all__]
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found |= {word.lower() for word in _listed(kind, seen)}
    found |= {
        str(kind.__struct_config__.tag) for kind in kinds if isinstance(kind, type) and issubclass(kind, Document)
    }
    return frozenset(found)


def _listed(kind: Any, seen: set[Any]) -> Iterator[str]:
    """The words of all literals and enumerations within a type."""
    if typing.get_origin(kind) is typing.Literal:
        yield from map(str, typing.get_args(kind))
    elif typing.get_args(kind):
        for one in typing.get_args(kind):
            yield from _listed(one, seen)
    elif isinstance(kind, type) and kind not in seen:
        seen.add(kind)
        if issubclass(kind, Enum):
            yield from (str(one.value) for one in kind)
        elif issubclass(kind, msgspec.Struct):
            for hint in typing.get_type_hints(kind).values():
                yield from _listed(hint, seen)
