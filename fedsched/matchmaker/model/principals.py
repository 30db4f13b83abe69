"""Who is charged. How a principal is established lives with the queues and schedds that it comes from."""

from __future__ import annotations

import msgspec


class Principal(msgspec.Struct, frozen=True, gc=False, order=True):
    """Who is charged: an accounting group path ("physics.hep", "" for none) and user@domain.

    Established by the map from the authenticated schedd, never by free text of a job.
    """

    group: str
    user: str

    def __str__(self) -> str:
        return f"{self.group}.{self.user}" if self.group else self.user
