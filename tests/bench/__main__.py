"""`python -m tests.bench [--quick] [NAME…]`: run benchmarks and write their sections of docs/performance.md.

`--quick` runs small sizes, prints, and writes nothing.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

import tests.bench

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
HEAD = "# Performance\n\nMeasured by `make bench`; each section is rewritten by its benchmark in `tests/bench/`.\n"


def section(name: str, title: str, text: str, source: str) -> str:
    """One section with the marks by which it is found again. source: which sources were measured."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    where = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {day}, {source}"
    command = f"`python -m tests.bench {name}`"
    return f"<!-- bench: {name} -->\n## {title}\n\n_{where}; {command}_\n\n{text.strip()}\n<!-- end: {name} -->\n"


def commit() -> str:
    """Which sources stand here now."""
    here = Path(__file__).parents[2]
    said = ["describe", "--always", "--dirty=, with changes", "--exclude=*"]
    done = subprocess.run(["git", "-C", str(here), *said], capture_output=True, text=True, check=False)
    return f"commit {done.stdout.strip()}" if done.returncode == 0 else "no commit"


def put(page: str, name: str, made: str) -> str:
    """The page with this section in its place, or at the end."""
    pattern = re.compile(rf"<!-- bench: {name} -->.*?<!-- end: {name} -->\n", re.DOTALL)
    return pattern.sub(lambda _: made, page) if pattern.search(page) else page.rstrip() + "\n\n" + made


def main(arguments: list[str]) -> None:
    """Run what is named, or all."""
    quick = "--quick" in arguments
    wanted = [a for a in arguments if not a.startswith("-")]
    names = [m.name for m in pkgutil.iter_modules(tests.bench.__path__) if not m.name.startswith("_")]
    for name in [n for n in names if not wanted or n in wanted]:
        module = importlib.import_module(f"tests.bench.{name}")
        if not hasattr(module, "run"):
            continue
        source = commit()
        made = section(name, module.TITLE, module.run(quick=quick), source)
        print(made, flush=True)
        if not quick:
            page = PAGE.read_text() if PAGE.exists() else HEAD
            PAGE.write_text(put(page, name, made))


if __name__ == "__main__":
    main(sys.argv[1:])
