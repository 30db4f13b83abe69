"""`python -m fedsched.answers.proving JOURNAL CYCLE KEY`: a class's counterfactuals as JSON lines; a daemon's child."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing

import msgspec

from fedsched.answers.proving.beside import LONGEST_S, NICE
from fedsched.answers.proving.trying import proven
from fedsched.journal import JournalError, open_journal


def main(words: list[str]) -> int:
    """The exit code: 0, or 1 when the cycle cannot be read; why is on standard error."""
    # The kernel ends the process then, whatever it does.
    signal.alarm(LONGEST_S)
    os.nice(NICE)
    url, number, key = words
    try:
        with closing(open_journal(url, reading=True)) as journal:
            recorded = journal.cycle(int(number)) or journal.last_cycle()
            policy = journal.policy(recorded.policy) if recorded is not None else None
    except JournalError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if recorded is None or policy is None:
        sys.stderr.write(f"cycle {number} or its policy is not kept any more\n")
        return 1
    for tried in proven(recorded, policy, key):
        sys.stdout.buffer.write(msgspec.json.encode(tried) + b"\n")
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
