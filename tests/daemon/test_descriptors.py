"""A daemon may open as many connections as its members need, whatever its shell's soft limit was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import resource, sys
from fedsched.daemon.descriptors import allow
from fedsched.log import configure
configure("json", "info")
soft, hard, members = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
said = allow(members)
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (said, hard), said
print(said)
"""


def allowed(soft: int, hard: int, members: int) -> tuple[int, str]:
    """The limit in a process of its own, and what it logged."""
    words = [sys.executable, "-c", PROGRAM, str(soft), str(hard), str(members)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout), done.stderr


def test_a_low_soft_limit_is_raised_to_what_the_system_allows() -> None:
    assert allowed(1024, 4096, 100) == (4096, "")


def test_a_limit_that_is_high_enough_stays() -> None:
    assert allowed(4096, 4096, 1) == (4096, "")


def test_where_the_system_allows_too_little_for_the_members_it_is_said() -> None:
    limit, said = allowed(512, 1024, 100)
    assert limit == 1024
    assert '"few-open-files"' in said
    assert '"needed": 1856' in said
    assert allowed(512, 1024, 40) == (1024, "")
