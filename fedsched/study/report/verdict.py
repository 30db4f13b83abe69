"""What expect.toml says of a run, as a report shows it; the ranges are judged elsewhere."""

from __future__ import annotations

import msgspec


class Verdict(msgspec.Struct, frozen=True):
    """ranges: how many expect.toml has, 0 where it was not asked. missed: what missed one, as sentences."""

    ranges: int = 0
    missed: tuple[str, ...] = ()
