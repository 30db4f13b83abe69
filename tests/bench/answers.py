"""Read verbs as a person waits for them: whole processes, against a daemon and against a journal without one.

`python -m tests.bench.answers FOLDER` is that daemon's window: it serves the folder's last cycle until its input ends.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec

from fedsched.config import load_federation
from fedsched.daemon.health import Health
from fedsched.daemon.window import Window
from fedsched.journal import Commit, Holder, Recorded, digest, open_journal
from fedsched.log import configure
from fedsched.matchmaker.model import Policy
from fedsched.matchmaker.negotiate import negotiate
from tests.bench.match import GROUPS, round_of
from tests.bench.standing import at_work

TITLE = "Answers on the command line"
WANTED_S = {"--help": 0.2}
MOST_S = 0.3
FEDERATION = """id = "bench"
listen = "127.0.0.1:0"

[[pool]]
name = "a"
collector = "127.0.0.1:9618"
"""
BARE = ("--no-counterfactuals", "--no-estimate")
NOTE = (
    "Whole processes, from the start of Python to its end, output into a pipe; medians of {times} after one that is "
    "not counted. {jobs:,} idle jobs in {classes:,} classes on {members} members, {startds:,} startds. Daemon: its "
    "window in another process, asked over its unix socket. Journal: nobody answers, and the last cycle is read. "
    "`explain` is sentence, chain and members of a class. A scrape of "
    "/metrics takes {first:.0f} ms after a cycle, {again:.0f} ms again. "
    "Ratio: wall time to that of {opponent} in the same run. Load "
    "average {load:.1f} at the end, on {cores} cores: where others work beside, wall time is theirs, too."
)


class Took(NamedTuple):
    """Seconds of one command, start to end."""

    wall: float
    cpu: float


def run(*, quick: bool) -> str:
    """The section's text."""
    configure(level="error")
    sizes, startds, times = ((60, 5, 60), 100, 3) if quick else ((1000, 100, 1000), 5000, 9)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        recorded = _recorded(sizes, startds)
        _write(folder, recorded)
        key = next(one.key for one in recorded.plan.classes if one.unmet)
        verbs = [["--help"], ["q"], ["share"], ["clusters"], ["explain", key, *BARE]]
        with _served(folder):
            live = [_seconds(verb, folder, times) for verb in verbs]
            first_ms, again_ms = _scrape_ms(folder, times)
        dead = [_seconds(verb, folder, times) for verb in verbs]
    name, opponent = _opponent(times)
    rows = [_row(verb, one, other, opponent) for verb, one, other in zip(verbs, live, dead, strict=True)]
    head = f"| | daemon: wall s | CPU s | journal: wall s | CPU s | wanted | daemon / {name} |"
    demand = [one for view in recorded.observation.schedds for one in view.classes]
    note = NOTE.format(
        times=times,
        jobs=sum(one.idle for one in demand),
        classes=len(demand),
        members=sizes[1],
        startds=startds,
        opponent=f"`{name}` ({opponent.wall:.3f} s)",
        load=os.getloadavg()[0],
        cores=os.cpu_count(),
        first=first_ms,
        again=again_ms,
    )
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows, "", note])


def _row(verb: Sequence[str], live: Took, dead: Took, opponent: Took) -> str:
    what = "explain CLASS" if verb[0] == "explain" else verb[0]
    wanted = WANTED_S.get(verb[0], MOST_S)
    numbers = f"{live.wall:.3f} | {live.cpu:.3f} | {dead.wall:.3f} | {dead.cpu:.3f}"
    return f"| `fedsched {what}` | {numbers} | < {wanted} | {live.wall / opponent.wall:.1f}x |"


def _recorded(sizes: tuple[int, int, int], startds: int) -> Recorded:
    snapshot, policy = at_work(round_of(*sizes), startds, full=True), Policy(groups=GROUPS)
    return Recorded(snapshot, negotiate(snapshot, policy), policy=digest(policy))


def _write(folder: Path, recorded: Recorded) -> None:
    (folder / "fedsched.toml").write_text(FEDERATION, encoding="utf-8")
    journal = open_journal(load_federation(folder / "fedsched.toml").journal)
    journal.acquire_lease(Holder.mine(), 3600.0, time.time())
    journal.commit_cycle(Commit(recorded, Policy(groups=GROUPS)))
    journal.close()


def _opponent(times: int) -> tuple[str, Took]:
    """Something that people type every day and that asks nobody."""
    if shutil.which("kubectl"):
        return "kubectl version --client", _timed(["kubectl", "version", "--client"], times)
    return "python -c pass", _timed([sys.executable, "-c", "pass"], times)


def _seconds(verb: Sequence[str], folder: Path, times: int) -> Took:
    program = Path(sys.executable).parent / "fedsched"
    where = ["--config", str(folder / "fedsched.toml")] if verb != ["--help"] else []
    return _timed([str(program), *verb, *where], times)


def _scrape_ms(folder: Path, times: int) -> tuple[float, float]:
    """Milliseconds until all of /metrics is there: the first time, and the median of later ones."""
    took = []
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(folder / "fedsched.sock")), timeout=30) as client:
        for _ in range(times):
            began = time.perf_counter()
            answer = client.get("http://localhost/metrics")
            took.append(time.perf_counter() - began)
            assert answer.status_code == 200
            assert answer.text.count("\n") > 100
    return 1000 * took[0], 1000 * statistics.median(took[1:])


def _timed(command: Sequence[str], times: int) -> Took:
    took = []
    for _ in range(times + 1):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=False)
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append((wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
        # The cycle is of a day that never was: stale, but answered.
        assert done.returncode in {0, 4}, done.stderr.decode()
        assert done.stdout, done.stderr.decode()
    walls, cpus = zip(*took[1:], strict=True)
    return Took(statistics.median(walls), statistics.median(cpus))


@contextmanager
def _served(folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.bench.answers", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as daemon:
        assert daemon.stdin is not None
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == b"ready\n"
        yield
        daemon.stdin.close()
        daemon.wait(30)


def serve(folder: Path) -> None:
    """A daemon's window over the last cycle of the folder's journal, until standard input ends."""
    configure(level="error")
    settings = load_federation(folder / "fedsched.toml")
    journal = open_journal(settings.journal)
    recorded = journal.last_cycle()
    journal.close()
    assert recorded is not None
    at = recorded.plan.at
    window = Window(settings, Health(settings.cadence.cycle_s), tuple, lambda: at + 3.0)
    window.see(msgspec.structs.replace(recorded, seconds=1.0))
    print("ready", flush=True)
    sys.stdin.read()
    window.close()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
