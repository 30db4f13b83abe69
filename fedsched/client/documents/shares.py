"""Who has a right to how much, holds how much, and who is just ahead (Q11)."""

from __future__ import annotations

import msgspec

from fedsched.client.documents.document import Document


class Share(msgspec.Struct, frozen=True):
    """One node of the tree; amounts are core-equivalents, not thousandths.

    path: "" for the root, "physics.hep" for a group, "physics.hep/alice@b" for a principal (`is_group` tells).
    entitled: what it has a right to now. floor: the part that nobody may take. counted: held, intended and starting
    included. charged: claimed. wasted: unclaimed for too long. demand: held and wanted. usage: decayed mean of what was
    charged. effective: usage times factor, which orders principals of one group. level: counted by entitled, None where
    nothing is entitled. rank: 1 for the next startd, 0 without demand. ahead: the principal just before it in line.
    shortfall_s: integral of what it lacked of its right while it had demand, in core-equivalent seconds, decayed (N4).
    sentence: how it stands, in words. ledger_at: when usage was last brought up to date.
    """

    path: str
    parent: str
    is_group: bool
    entitled: float
    counted: float
    charged: float
    wasted: float
    demand: float
    floor: float = 0.0
    usage: float = 0.0
    effective: float = 0.0
    factor: float = 1.0
    weight: float = 1.0
    level: float | None = None
    rank: int = 0
    ahead: str = ""
    shortfall_s: float = 0.0
    core_s: float = 0.0
    sentence: str = ""
    ledger_at: float | None = None


class Shares(Document, frozen=True, kw_only=True, tag="shares"):
    """Lines that were asked for, all groups above them and all below, as a tree; lent: core-equivalents lent in all.

    named: paths that fit what was asked for, () where nobody was named.
    """

    shares: tuple[Share, ...] = ()
    lent: float = 0.0
    principals: int = 0
    """How many principals stand in line in all."""
    named: tuple[str, ...] = ()
