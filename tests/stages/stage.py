"""One stage: some folders of tests in a pytest process with its own cache and its own output.

Which stages there are and which run beside each other is not known here.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

OK, FAILED, NOTHING_CHOSEN = 0, 1, 5
"""pytest's exit codes; every other one means that it did not get through."""
LEFT_OUT = " left out "
REASON = re.compile(r"\d+ tests?: ")
JUNIT = ("-o", "junit_logging=system-out", "-o", "junit_log_passing_tests=false")
LAST_FAILED = ("--last-failed", "--last-failed-no-failures=none")


def narrowed(paths: Sequence[str], chosen: Sequence[str]) -> list[str]:
    """What of the chosen files, folders and test ids lies in these paths; all paths where nothing is chosen."""
    if not chosen:
        return list(paths)
    found = []
    for path in map(PurePosixPath, paths):
        for choice in chosen:
            of = PurePosixPath(choice.split("::")[0])
            if of.is_relative_to(path):
                found.append(choice)
            elif path.is_relative_to(of):
                found.append(str(path))
    return found


@dataclass
class Stage:
    """Runs once.

    to_file: its pytest writes to `output` instead of where we write.
    yields: it computes, and gives way to stages whose real parts have deadlines.
    """

    name: str
    paths: Sequence[str]
    options: Sequence[str] = ()
    folder: Path = Path(".pytest_cache")
    cache: str = ""
    to_file: bool = True
    yields: bool = False
    code: int | None = None
    seconds: float = 0.0
    _begin: float = 0.0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def output(self) -> Path:
        """What its pytest wrote."""
        return self.folder / f"{self.name.replace(' ', '-')}.txt"

    @property
    def report(self) -> Path:
        """What became of its tests, as JUnit writes it."""
        return self.output.with_suffix(".xml")

    @property
    def cache_folder(self) -> Path:
        """Where its pytest remembers what failed; a second run of a stage has the first one's."""
        return self.folder / (self.cache or self.name)

    def start(self) -> None:
        """Starts its pytest. With a file it has a process group of its own: `end` interrupts it, once, not Ctrl-C."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._begin = time.monotonic()
        command = ["nice", "-n", "10"] if self.yields else []
        command += [sys.executable, "-u", "-m", "pytest", *self.paths, "-o", f"cache_dir={self.cache_folder.resolve()}"]
        command += ["--durations=10", "--durations-min=5", f"--junitxml={self.report}", *JUNIT, *self.options]
        self.report.unlink(missing_ok=True)
        if not self.to_file:
            self._process = subprocess.Popen(command)
            return
        with self.output.open("wb") as out:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, process_group=0)

    def ended(self) -> bool:
        """Whether it is through; from then on `code` and `seconds` are known."""
        if self._process is None or self._process.poll() is None:
            return False
        if self.code is None:
            self.code, self.seconds = self._process.returncode, time.monotonic() - self._begin
        return True

    def end(self, limit_s: float = 60) -> None:
        """Interrupts it (without a file Ctrl-C has), waits until it has cleared up, and kills it after the limit."""
        if self._process is None:
            return
        if self.to_file and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.ended()

    def running_s(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self._begin

    def outcome(self) -> str:
        """In words."""
        words = {OK: "ok", FAILED: "FAILED", NOTHING_CHOSEN: "nothing chosen"}
        return words.get(-1 if self.code is None else self.code, f"FAILED (pytest ended with {self.code})")

    def text(self) -> str:
        """All that it wrote so far."""
        return self.output.read_text(errors="replace") if self.to_file and self.output.exists() else ""

    def last_line(self) -> str:
        """The last line that it wrote, cut to a line's length."""
        lines = [line for line in self.text()[-2000:].splitlines() if line.strip()]
        return lines[-1].strip()[:100] if lines else ""

    def left_out(self) -> list[str]:
        """The lines of its last section: how many tests were left out and why."""
        _, found, rest = self.text().rpartition(f"={LEFT_OUT}=")
        return [line for line in rest.splitlines() if REASON.match(line)] if found else []

    def failed_tests(self) -> list[str]:
        """Ids of the tests that failed when they last ran."""
        file = self.cache_folder / "v/cache/lastfailed"
        return sorted(json.loads(file.read_text())) if self.code == FAILED and file.exists() else []

    def again(self) -> Stage:
        """A stage of those alone."""
        return Stage(
            f"{self.name} again",
            self.paths,
            (*self.options, *LAST_FAILED),
            self.folder,
            self.cache or self.name,
            self.to_file,
        )
