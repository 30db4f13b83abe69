"""A state in which one class waits, and how its parts are changed; which change lifts what is said beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from fedsched.matchmaker.model import (
    DemandClass,
    MemberTerms,
    MemberView,
    NodeGroup,
)
from fedsched.matchmaker.reasons import Reason
from tests.reasons.states import State

replace = msgspec.structs.replace


class Case:
    """A state in which one class waits; each remedy makes another state."""

    def __init__(self, state: State, key: str) -> None:
        self.state = state
        self.key = key

    @property
    def demand(self) -> DemandClass:
        """The class."""
        return next(d for view in self.state.snapshot.observation.schedds for d in view.classes if d.key == self.key)

    def seen(self, **changes: Any) -> State:
        """The state with another observation."""
        snap = self.state.snapshot
        return self.snap(observation=replace(snap.observation, **changes))

    def snap(self, **changes: Any) -> State:
        """The state with other parts of the snapshot."""
        return self.state._replace(snapshot=replace(self.state.snapshot, **changes))

    def memory(self, **changes: Any) -> State:
        """The state with another memory."""
        return self.snap(memory=replace(self.state.snapshot.memory, **changes))

    def policy(self, **changes: Any) -> State:
        """The state with another policy."""
        return self.state._replace(policy=replace(self.state.policy, **changes))

    def view(self, name: str, change: Callable[[MemberView], MemberView]) -> State:
        """One member is seen otherwise."""
        views = self.state.snapshot.observation.members
        return self.seen(members=tuple(change(one) if one.name == name else one for one in views))

    def group(self, reason: Reason, change: Callable[[NodeGroup], NodeGroup]) -> State:
        """The reason's node group is otherwise."""

        def changed(view: MemberView) -> MemberView:
            groups = tuple(change(one) if one.name == reason.node_group else one for one in view.node_groups)
            return replace(view, node_groups=groups)

        return self.view(reason.member, changed)

    def file(self, name: str, change: Callable[[MemberTerms], MemberTerms]) -> State:
        """One member's file says something else."""
        return self.snap(terms=tuple(change(one) if one.name == name else one for one in self.state.snapshot.terms))

    def job(self, **changes: Any) -> State:
        """The class asks for something else."""
        views = self.state.snapshot.observation.schedds
        return self.seen(
            schedds=tuple(
                replace(view, classes=tuple(replace(d, **changes) if d.key == self.key else d for d in view.classes))
                for view in views
            )
        )
