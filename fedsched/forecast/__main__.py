"""`python -m fedsched.forecast CONFIG`: forecasts of the newest cycle into the journal; the daemon's child process."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from fedsched.config import ConfigError, load_federation
from fedsched.forecast.estimate import Effort
from fedsched.forecast.evidence import known_lengths
from fedsched.forecast.keeping import foretell
from fedsched.journal import JournalError, open_journal
from fedsched.log import configure, log

LONGEST_S = 60
"""The kernel ends the process after so many seconds, whatever it does."""
BUDGET_S = 20.0
NICE = 10


def made(config: Path) -> int:
    """Make forecasts of the newest cycle and keep them; how many. Raises ConfigError and JournalError."""
    settings = load_federation(config)
    journal = open_journal(settings.journal)
    try:
        recorded = journal.last_cycle()
        policy = journal.policy(recorded.policy) if recorded is not None else None
        if recorded is None or policy is None:
            return 0
        lengths = known_lengths(journal, settings.records, recorded)
        forecasts = foretell(recorded, policy, journal.forecasts(), Effort(budget_s=BUDGET_S), lengths)
        journal.keep_forecasts(forecasts)
        return len(forecasts)
    finally:
        journal.close()


def main(words: list[str]) -> int:
    """The exit code: 0, or 1 when nothing could be made."""
    signal.alarm(LONGEST_S)
    os.nice(NICE)
    configure(level="warning")
    try:
        made(Path(words[0]))
    except (ConfigError, JournalError) as error:
        log("forecast").warning("no-forecast", why=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
