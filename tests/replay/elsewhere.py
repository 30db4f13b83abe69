"""Child of test_leaks: decides snapshots in another order, ten years later; `elsewhere.py FILE SEED OUT`."""

from __future__ import annotations

import datetime as dt
import sys
import time
from pathlib import Path

YEARS_S = 10 * 365 * 86_400.0


def ten_years_later() -> None:
    """Everything in Python that tells the time tells another one; to be called before anything else is imported."""
    real, ticks = time.time, time.monotonic
    time.time = lambda: real() + YEARS_S
    time.monotonic = lambda: ticks() + YEARS_S
    time.time_ns = lambda: int(time.time() * 1e9)

    class Later(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Later:
            return cls.fromtimestamp(time.time(), tz)

    dt.datetime = Later  # type: ignore[misc]  # the point of it


def main() -> None:
    """Write one plan's bytes to OUT/NAME for each snapshot file of a folder."""
    ten_years_later()
    # Only now: whoever takes a clock by name takes ours.
    from fedsched.matchmaker.negotiate import negotiate  # noqa: PLC0415 - see above
    from fedsched.replay import read  # noqa: PLC0415 - see above
    from fedsched.replay.deciding import plan_bytes  # noqa: PLC0415 - see above
    from tests.replay.shuffled import shuffled  # noqa: PLC0415 - see above

    folder, seed, out = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    for file in sorted(folder.iterdir()):
        saved = read(file)
        plan = negotiate(shuffled(saved.recorded.snapshot, seed), saved.policy)
        (out / file.name).write_bytes(plan_bytes(plan))


if __name__ == "__main__":
    main()
