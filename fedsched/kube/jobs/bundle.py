"""What the copy of a user's Job is made from, as values: the Job as its queue has it, and objects that go with it."""

from __future__ import annotations

from typing import Any

import msgspec


class JobBundle(msgspec.Struct, frozen=True):
    """A user's Job for a member. Its repr never shows what Secrets hold.

    job: "namespace/name" in the queue. manifest: the whole Job as the queue has it, not vetted yet. copies: ConfigMaps
    and Secrets of the queue's namespace that it names, as they are there, for members that take copies of their kind.
    """

    job: str
    uid: str
    manifest: dict[str, Any]
    copies: tuple[dict[str, Any], ...] = ()

    def __repr__(self) -> str:
        names = [f"{each.get('kind')}/{each.get('metadata', {}).get('name')}" for each in self.copies]
        return f"JobBundle(job={self.job!r}, uid={self.uid!r}, copies={names})"
