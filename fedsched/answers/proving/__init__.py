"""What would help a class of a recorded cycle, proven one by one: in this process, or in a child beside a daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from fedsched.answers.proving.beside import Beside
from fedsched.answers.view import View
from fedsched.client import NoAnswer
from fedsched.client.documents import Tried
from fedsched.matchmaker.model import Policy


class Run(Protocol):
    """One proving under way; iterating it may take minutes and raises NoAnswer where it fails."""

    def __iter__(self) -> Iterator[Tried]: ...

    def stop(self) -> None:
        """End it, from any thread; nobody reads on."""
        ...


Prove = Callable[[View, str], Run]
"""Begins to prove for a class of the view, by its key. NoAnswer (busy) where another is being proven."""


class _Here:
    """Proves in this process while it is iterated."""

    def __init__(self, view: View, policy: Policy, key: str) -> None:
        # All that decides comes with it, and most who ask only want to know what is so.
        from fedsched.answers.proving.trying import proven  # noqa: PLC0415

        self._tried = proven(view.recorded, policy, key)

    def __iter__(self) -> Iterator[Tried]:
        return self._tried

    def stop(self) -> None:
        """It ends by itself where nobody reads on."""


def here(policy_of: Callable[[str], Policy | None]) -> Prove:
    """Prove in this process. policy_of: the policy that a cycle names by its digest, None where it is not kept."""

    def begin(view: View, key: str) -> Run:
        policy = policy_of(view.recorded.policy)
        if policy is None:
            raise NoAnswer("refused", f"the policy of cycle {view.plan.cycle} is not kept", "wait for the next cycle")
        return _Here(view, policy, key)

    return begin


__all__ = ["Beside", "Prove", "Run", "here"]
