"""A recorded cycle as bytes: what stands in it twice, or in the cycle before, is written once.

The memory that a plan leaves is the one that the next cycle begins with, and holds all that the plan holds: written
out each time, three quarters of a cycle would be memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import msgspec

from fedsched.journal.records import Recorded
from fedsched.matchmaker.model import Memory

T = TypeVar("T")
_ARRAY_OF_FOUR = b"\x94"
_NIL = b"\xc0"
_NOTHING = Memory()


class Chained(NamedTuple):
    """The bytes of one cycle, and of the one before it if it is a difference to that; b"" if it stands alone."""

    body: bytes
    before: bytes = b""


class _Body(msgspec.Struct, frozen=True, array_like=True):
    """rest: of the cycle. memory: that the plan leaves; its placements are the plan's, too, if `held`.

    before: memory that the cycle began with; nil for the one that the cycle before left.
    """

    rest: msgspec.Raw
    memory: msgspec.Raw
    before: msgspec.Raw
    held: bool


class Written:
    """One cycle in parts, encoded once, whichever way it is kept.

    before: the bytes of the memory that it began with, where the cycle before left it and they are known.
    """

    def __init__(self, recorded: Recorded, before: bytes | None = None) -> None:
        replace = msgspec.structs.replace
        snapshot, plan = recorded.snapshot, recorded.plan
        self._held = plan.held is plan.memory.held
        plan = replace(plan, memory=_NOTHING, held=() if self._held else plan.held)
        rest = replace(recorded, snapshot=replace(snapshot, memory=_NOTHING), plan=plan)
        self.memory = encode(recorded.plan.memory)
        self._rest = encode(rest)
        self._follows = before is not None
        self._before = encode(snapshot.memory) if before is None else before

    def body(self, *, alone: bool) -> bytes:
        """alone: to be read without the cycle before."""
        before = _NIL if self._follows and not alone else self._before
        return encode(_Body(msgspec.Raw(self._rest), msgspec.Raw(self.memory), msgspec.Raw(before), self._held))


def read(bytes_: Chained) -> Recorded:
    """The cycle. Raises msgspec.DecodeError and UnicodeDecodeError for bytes that are none."""
    body = _parts(bytes_.body)
    if body is None:
        return decode(bytes_.body, Recorded)
    replace = msgspec.structs.replace
    rest, memory = decode(body.rest, Recorded), decode(body.memory, Memory)
    before = memory_of(bytes_.before) if bytes(body.before) == _NIL else decode(body.before, Memory)
    plan = replace(rest.plan, memory=memory, held=memory.held if body.held else rest.plan.held)
    return replace(rest, snapshot=replace(rest.snapshot, memory=before), plan=plan)


def memory_of(body: bytes) -> Memory:
    """What its plan left. Raises as `read`."""
    parts = _parts(body)
    return decode(body, Recorded).plan.memory if parts is None else decode(parts.memory, Memory)


def _parts(body: bytes) -> _Body | None:
    """None for a cycle of an older fedsched, which wrote everything out, as a map."""
    return decode(body, _Body) if body[:1] == _ARRAY_OF_FOUR else None


def encode(value: Any) -> bytes:
    """Sorted, so that equal values have equal bytes."""
    return msgspec.msgpack.encode(value, order="deterministic")


def decode(body: bytes | msgspec.Raw, kind: type[T]) -> T:
    """Raises msgspec.DecodeError and UnicodeDecodeError."""
    return msgspec.msgpack.decode(body, type=kind)
