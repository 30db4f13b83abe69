"""Logs of the three kinds give back the jobs that were written; what a log leaves open is filled in and counted."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from fedsched.config import ConfigError
from fedsched.config.settings import PrincipalRule
from fedsched.matchmaker.model import Principal
from fedsched.matchmaker.resources import Resources
from fedsched.sim.workload.logged import Tally, lines
from fedsched.sim.workload.swf import swf as read_swf
from fedsched.sim.workload.terms import Trace
from fedsched.sim.workload.trace import NOBODYS, Replayed, format_of, replay
from tests.workload import writers

if TYPE_CHECKING:
    from fedsched.sim.scenario import TraceJob

NODE = Resources(64_000, 256 * 1024, 2 * 1024 * 1024, 8, 110)
RULES = msgspec.structs.replace(NOBODYS, principals=(PrincipalRule("ap.example", groups=("hep", "bio", "ml")),))


def told(file: Path, **said: object) -> Replayed:
    return replay(file, Trace(file=file, format=format_of(file), **said), (NODE,), RULES)  # type: ignore[arg-type]  # words of Trace


def what(jobs: tuple[TraceJob, ...]) -> list[tuple[float, float, int, int]]:
    """When (from the first on), how long, cores, GPUs."""
    return sorted(
        (round(one.at - jobs[0].at), round(one.runs_s), one.request.cpu_milli // 1000, one.request.gpus) for one in jobs
    )


@pytest.mark.parametrize("name", ["a.swf", "a.swf.gz"])
def test_a_standard_log_gives_the_jobs_that_it_holds(name: str, tmp_path: Path) -> None:
    jobs = writers.drawn()
    replayed = told(writers.swf(tmp_path / name, jobs))
    assert what(replayed.jobs) == what(jobs)
    assert {one.request.memory_mib for one in replayed.jobs} == {2048, 12 * 1024}
    assert {one.length_s for one in replayed.jobs} == {0, 3600}
    assert len({one.principal for one in replayed.jobs}) == 5
    assert replayed.tally.plain() == {"read": len(jobs), "used": len(jobs), "split": 0, "pieces": 0}


@pytest.mark.parametrize("name", ["h.json", "h.json.gz"])
def test_a_history_in_json_gives_the_jobs_that_it_holds(name: str, tmp_path: Path) -> None:
    jobs = writers.drawn()
    replayed = told(writers.history_json(tmp_path / name, jobs))
    assert what(replayed.jobs) == what(jobs)
    assert Counter(one.principal for one in replayed.jobs) == Counter(one.principal for one in jobs)
    assert {one.id for one in replayed.jobs} == {one.id for one in jobs}
    assert {one.schedd for one in replayed.jobs} == {"ap.example"}


def test_both_forms_of_a_history_say_the_same(tmp_path: Path) -> None:
    jobs = (*writers.drawn(40), *writers.training())
    short, long = (tmp_path / name for name in ("h.json", "h.history"))
    assert told(writers.history_json(short, jobs)).jobs == told(writers.history_long(long, jobs)).jobs


def test_ads_on_one_line_each_and_arrays_one_after_another_are_read(tmp_path: Path) -> None:
    jobs = writers.drawn(20)
    whole = told(writers.history_json(tmp_path / "h.json", jobs)).jobs
    texts = [json.dumps(writers.ad(one)) for one in jobs]
    (tmp_path / "l.jsonl").write_text("\n".join(texts))
    (tmp_path / "two.json").write_text(f"[{','.join(texts[:5])}]\n[\n{','.join(texts[5:])}\n]")
    assert told(tmp_path / "l.jsonl").jobs == told(tmp_path / "two.json").jobs == whole


def test_what_a_history_asks_for_by_an_expression_is_evaluated_and_its_requirements_kept(tmp_path: Path) -> None:
    file = writers.history_json(tmp_path / "h.json", writers.drawn(20))
    one = told(file).jobs[0]
    assert one.request.memory_mib in {2048, 12 * 1024}
    assert one.requirements == "(TARGET.Memory >= RequestMemory) && TARGET.OpSys == WantOs"
    assert one.attributes == (("wantos", '"LINUX"'),)
    easy = told(file, ignore_requirements=True).jobs[0]
    assert ("WantOs" in easy.requirements, easy.attributes) == (False, ())


def test_a_group_that_the_schedd_may_not_name_is_not_charged(tmp_path: Path) -> None:
    file = writers.history_json(tmp_path / "h.json", writers.drawn(20))
    replayed = replay(file, Trace(file=file, format="history"), (NODE,), NOBODYS)
    assert {one.principal.group for one in replayed.jobs} == {"guest.ap.example"}


def test_a_pod_trace_gives_the_pods_that_it_holds(tmp_path: Path) -> None:
    jobs = writers.training()
    replayed = told(writers.pods(tmp_path / "p.csv.gz", jobs))
    assert [(s, c, g) for _, s, c, g in what(replayed.jobs)] == [(s, c, g) for _, s, c, g in what(jobs)]
    parts = sum(one.request.gpus == 1 and place % 3 == 0 for place, one in enumerate(jobs))
    assert replayed.tally.assumed == {"a part of a GPU taken as a whole one": parts}
    several = next(one for one in replayed.jobs if one.request.gpus > 1)
    assert 'TARGET.GPUs_DeviceName =?= "V100M16" || TARGET.GPUs_DeviceName =?= "V100M32"' in several.requirements


LINE = "{n} {at} -1 {runs} {cores} -1 -1 {asked} {said} {memory} 1 {user} 1 -1 -1 -1 -1 -1"
USUAL = {"n": 1, "at": 0, "runs": 60, "cores": 1, "asked": 1, "said": -1, "memory": -1, "user": 1}


def log(path: Path, *rows: dict[str, int]) -> Path:
    path.write_text("".join(LINE.format(**USUAL | {"n": n} | row) + "\n" for n, row in enumerate(rows, start=1)))
    return path


def test_jobs_out_of_order_come_by_time_and_begin_with_the_first(tmp_path: Path) -> None:
    file = log(tmp_path / "a.swf", {"at": 500}, {"at": 100}, {"at": 300})
    assert [(one.id, one.at) for one in told(file, at_s=60).jobs] == [("2.0", 60), ("3.0", 260), ("1.0", 460)]


def test_unknown_is_left_out_where_nothing_can_stand_for_it_and_assumed_where_something_can(tmp_path: Path) -> None:
    file = log(tmp_path / "a.swf", {"at": -1}, {"runs": -1}, {"runs": 0}, {"cores": -1, "asked": 4}, {"user": -1})
    replayed = told(file, missing=Resources(memory_mib=1024, disk_mib=1024))
    assert replayed.tally.left_out == {"no submit time": 1, "never ran": 2}
    assert replayed.tally.assumed == {"memory": 2}
    assert [one.request for one in replayed.jobs] == [
        Resources(4000, 4096, 4096, 0, 1),
        Resources(1000, 1024, 1024, 0, 1),
    ]
    assert [one.principal.user for one in replayed.jobs] == ["u1@trace.example", "unknown@trace.example"]


def test_columns_beyond_the_standard_are_not_read(tmp_path: Path) -> None:
    file = log(tmp_path / "a.swf", {"asked": 16, "memory": 53_687_091_200})
    file.write_text(file.read_text().rstrip() + " {1244,1244,1244} q_2d 1:ppn=16:brno\n")
    assert told(file, memory="bytes-per-job").jobs[0].request.memory_mib == 50 * 1024


def test_memory_is_kib_of_each_processor_unless_the_scenario_says_bytes(tmp_path: Path) -> None:
    file = log(tmp_path / "a.swf", {"asked": 4, "memory": 1024 * 1024})
    assert told(file).jobs[0].request.memory_mib == 4096
    assert told(file, memory="bytes-per-job").jobs[0].request.memory_mib == 256


def test_memory_that_would_be_tebibytes_is_taken_for_bytes_and_that_is_said(tmp_path: Path) -> None:
    file = log(
        tmp_path / "a.swf", *({"asked": 4, "memory": gib << 30} for gib in (1, 4, 64, 4)), {"memory": 419_430_400}
    )
    replayed = told(file)
    assert [one.request.memory_mib for one in replayed.jobs] == [1024, 4096, 65_536, 4096, 512]
    assert replayed.tally.assumed == {"memory is in bytes for each job": 5}
    with pytest.raises(ConfigError, match="no member has a node for any of its 5 jobs"):
        told(file, memory="kib-per-processor")


def test_a_job_that_no_node_holds_becomes_the_fewest_that_do(tmp_path: Path) -> None:
    file = log(tmp_path / "a.swf", {"asked": 64}, {"asked": 130, "memory": 1024 * 1024}, {"asked": 1})
    replayed = told(file)
    assert Counter(one.request.cpu_milli // 1000 for one in replayed.jobs) == {64: 1, 44: 1, 43: 2, 1: 1}
    assert (replayed.tally.split, replayed.tally.pieces, replayed.tally.used) == (1, 3, 5)
    assert len({one.id for one in replayed.jobs}) == 5


def test_pieces_are_as_small_as_their_memory_needs(tmp_path: Path) -> None:
    file = log(tmp_path / "a.swf", {"asked": 16, "memory": 64 * 1024 * 1024})
    assert [one.request.cpu_milli for one in told(file).jobs] == [4000] * 4


def test_what_fits_no_node_even_in_pieces_is_left_out_and_counted(tmp_path: Path) -> None:
    file = log(tmp_path / "a.swf", {"memory": 512 * 1024 * 1024}, {})
    replayed = told(file)
    assert (len(replayed.jobs), replayed.tally.left_out) == (1, {"larger than any node": 1})


def test_devices_are_never_parted(tmp_path: Path) -> None:
    file = writers.pods(tmp_path / "p.csv", writers.training())
    replayed = replay(file, Trace(file=file, format="pods"), (Resources(8000, 65_536, 10**6, 2, 110),))
    assert {one.request.gpus for one in replayed.jobs} == {1, 2}
    assert replayed.tally.split == 0
    assert replayed.tally.left_out["larger than any node"] == sum(one.request.gpus == 4 for one in writers.training())


def test_a_window_and_a_load_factor_change_when_jobs_come_and_nothing_else(tmp_path: Path) -> None:
    file = log(tmp_path / "a.swf", *({"at": 1000 + 100 * n, "runs": 77} for n in range(10)))
    replayed = told(file, from_s=300, until_s=700, load=2.0, at_s=10)
    assert [(one.at, one.runs_s) for one in replayed.jobs] == [(10, 77), (60, 77), (110, 77), (160, 77)]
    assert replayed.tally.left_out == {"outside the window": 6}


def test_jobs_that_take_too_long_are_cut_and_counted(tmp_path: Path) -> None:
    rows = [{"runs": 90_000, "said": -1}, {"runs": 600, "said": 86_400}, {"runs": 700, "said": 3600}]
    replayed = told(log(tmp_path / "a.swf", *rows), longest_s=7200)
    assert [(one.runs_s, one.length_s) for one in replayed.jobs] == [(7200, 0), (600, 7200), (700, 3600)]
    assert replayed.tally.assumed["cut to longest_s"] == 2
    assert max(one.length_s for one in told(tmp_path / "a.swf", longest_s=36_000).jobs) == 36_000
    assert [one.runs_s for one in told(tmp_path / "a.swf").jobs] == [90_000, 600, 700]


def test_users_are_dealt_to_communities_by_their_work(tmp_path: Path) -> None:
    rows = [{"user": n, "runs": 100 * n, "at": n} for n in range(1, 41)]
    replayed = told(log(tmp_path / "a.swf", *rows), groups=(("big", 3.0), ("small", 1.0)), users=(("u40", "small"),))
    work: Counter[str] = Counter()
    for one in replayed.jobs:
        work[one.principal.group] += int(one.runs_s)
    assert work["big"] / work.total() == pytest.approx(0.75, abs=0.02)
    assert Principal("small", "u40@trace.example") in {one.principal for one in replayed.jobs}
    assert {one.schedd for one in replayed.jobs} == {"ap1.big.example", "ap1.small.example"}


def test_alike_jobs_of_a_log_are_one_class(tmp_path: Path) -> None:
    rows = [{"at": n, "said": 3000 + n, "memory": 2_000_000 + n, "runs": 60 + n} for n in range(50)]
    replayed = told(log(tmp_path / "a.swf", *rows))
    assert len({(one.principal, one.request, one.length_s, one.requirements) for one in replayed.jobs}) == 1


def test_a_log_is_read_as_a_stream(tmp_path: Path) -> None:
    file = log(tmp_path / "a.swf", *({"at": n} for n in range(2000)))
    with file.open("a") as opened:
        opened.write("this is no job\n")
    reading = read_swf(lines(file), Trace(file=file, format="swf"), Tally())
    assert [next(reading).at for _ in range(3)] == [0, 1, 2]
