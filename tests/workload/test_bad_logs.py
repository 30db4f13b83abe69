"""A log that cannot be what it says is refused with its file and line; nothing is guessed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from fedsched.config import ConfigError
from fedsched.matchmaker.resources import Resources
from fedsched.sim.nodes_list import listed_members
from fedsched.sim.workload import logged
from fedsched.sim.workload.terms import Trace
from fedsched.sim.workload.trace import format_of, replay
from tests.workload import writers
from tests.workload.test_readers import LINE, USUAL

ROOM = Resources(8000, 65_536, 10**6, 8, 110)
GOOD = LINE.format(**USUAL)
HEADER = "name,cpu_milli,memory_mib,creation_time,deletion_time"
POD = f"{HEADER}\np1,1000,1024,5,65\n"


def swf_line(**said: object) -> str:
    return LINE.format(**USUAL | said)


def refused(file: Path, **said: object) -> str:
    trace = Trace(file=file, format=format_of(file), **said)  # type: ignore[arg-type]  # words of Trace
    with pytest.raises(ConfigError) as caught:
        replay(file, trace, (ROOM,))
    return str(caught.value).replace(str(file), "LOG")


SWF = {
    "too few columns": ("1 0 -1 60 1", "LOG:3: expected 18 columns, not 5"),
    "words for numbers": (swf_line(runs="long"), "LOG:3: run: expected a number, not 'long'"),
    "a length below zero": (swf_line(runs=-5), "LOG:3: run: expected seconds from 0 to 1e+10, not '-5'"),
    "a time below zero": (swf_line(at=-2), "LOG:3: submit: expected seconds from 0 to 1e+10, not '-2'"),
    "no number": (swf_line(runs="nan"), "LOG:3: run: expected a finite number, not 'nan'"),
    "no end": (swf_line(at="inf"), "LOG:3: submit: expected a finite number, not 'inf'"),
    "processors below zero": (swf_line(cores=-7), "LOG:3: processors: expected an amount from 0 to 2^50, not '-7'"),
    "absurdly many processors": (
        swf_line(cores=10**9),
        "LOG:3: processors: 1000000000 processors: more than any machine",
    ),
    "absurdly much memory": (swf_line(memory=10**18), "LOG:3: requested_memory: expected an amount from 0 to 2^50"),
    "an absurd length": (swf_line(runs=10**12), "LOG:3: run: expected seconds from 0 to 1e+10"),
}


@pytest.mark.parametrize("case", SWF)
def test_a_line_that_cannot_be_is_named_by_number_and_column(case: str, tmp_path: Path) -> None:
    line, expected = SWF[case]
    (tmp_path / "a.swf").write_text(f"; a comment\n{GOOD}\n{line}\n")
    assert refused(tmp_path / "a.swf").startswith(expected)


def test_damaged_lines_are_left_out_and_counted_where_the_scenario_says_so(tmp_path: Path) -> None:
    file = tmp_path / "a.swf"
    file.write_text("".join(f"{line}\n" for line, _ in SWF.values()) + GOOD)
    replayed = replay(file, Trace(file=file, format="swf", damaged="leave-out"), (ROOM,))
    assert (len(replayed.jobs), replayed.tally.left_out) == (1, {"damaged": len(SWF)})


def test_a_log_without_a_job_is_refused_and_says_why(tmp_path: Path) -> None:
    file = tmp_path / "a.swf"
    file.write_text("")
    assert refused(file) == "LOG: holds no job that ran (0 entries)"
    file.write_text(swf_line(runs=-1) + "\n" + swf_line(at=-1))
    assert refused(file) == "LOG: holds no job that ran (2 entries; 1 never ran, 1 no submit time)"
    for name in ("p.csv", "h.json", "h.history"):
        (tmp_path / name).write_text("\n")
        assert "holds no job that ran (0 entries)" in refused(tmp_path / name) or "no column" in refused(
            tmp_path / name
        )


def test_a_window_beyond_the_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.swf").write_text(GOOD)
    assert refused(tmp_path / "a.swf", from_s=3600.0) == (
        "LOG: no job in the window from 3600 s on; the log's last is submitted 0 s after its first"
    )


def test_a_log_of_jobs_that_no_member_can_hold_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.swf").write_text(swf_line(memory=10**9))
    assert refused(tmp_path / "a.swf") == "LOG: no member has a node for any of its 1 jobs"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.swf") == "LOG: cannot be read: No such file or directory"


def test_a_truncated_gzip_file_is_named_with_the_line_that_could_be_read(tmp_path: Path) -> None:
    file = writers.swf(tmp_path / "a.swf.gz", writers.drawn())
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    assert "the gzip file ends in the middle: it is truncated" in refused(file)
    file.write_bytes(b"plain text")
    assert refused(file).startswith("LOG:1: not gzip, or damaged")
    file.write_bytes(content[:-8] + bytes(8))
    assert "not gzip, or damaged" in refused(file)


def test_a_line_or_a_log_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.swf.gz"
    file.write_bytes(gzip.compress(b"1 " * 10**6))
    assert refused(file) == "LOG:1: a line of more than 1 MiB; is this the format that was named?"
    monkeypatch.setattr(logged, "MOST_BYTES", 1000)
    file.write_bytes(gzip.compress(f"{GOOD}\n".encode() * 100))
    assert refused(file).endswith("more than 4 GiB of text; cut the log to what is to be replayed")


def test_a_truncated_history_says_where_its_last_ad_begins(tmp_path: Path) -> None:
    file = writers.history_json(tmp_path / "h.json", writers.drawn(20))
    lines = file.read_text().splitlines(keepends=True)
    begins = [n for n, line in enumerate(lines, start=1) if line == "{\n"][9]
    file.write_text("".join(lines[: begins + 5]))
    assert refused(file).startswith(f"LOG:{begins + 5}: not JSON")
    assert f"the ad begins on line {begins}; is the file truncated?" in refused(file)
    file.write_text("".join(lines[: begins - 2]))
    assert refused(file) == f"LOG:{begins - 2}: the array of ads does not end; is the file truncated?"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[\n{"QDate": 1,\n "RemoteWallClockTime": 5,,\n}\n]', "LOG:3: not JSON: Expecting property name"),
        ("[1, 2]", "LOG:1: expected a job's ad as a JSON object"),
        ('{"QDate": -5, "RemoteWallClockTime": 5}', "LOG:1: QDate: expected seconds from 0 to 1e+10, not -5"),
        ('{"QDate": 5, "RemoteWallClockTime": -5}', "LOG:1: RemoteWallClockTime: expected seconds from 0"),
        ('{"QDate": 5, "RemoteWallClockTime": NaN}', "LOG: holds no job that ran (1 entries; 1 never ran)"),
        ("[" * 5000, "LOG:1: the array of ads does not end"),
        ('{"a":' * 5000 + "}", "LOG:1: not"),
        ("QDate = 5\nRemoteWall", "LOG:2: expected `Name = expression`, as condor_history -long prints it"),
        ("\nQDate = 5\n9x = 1\n", "LOG:2: in the ad that begins here: a line that is no `Name = expression`"),
    ],
)
def test_an_ad_that_is_none_is_named_with_its_line(text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "h.json").write_text(text)
    assert refused(tmp_path / "h.json").startswith(expected)


def test_an_ad_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "h.json").write_text('{"a":\n' + ('"' + "x" * 1000 + '",\n') * 5000)
    assert refused(tmp_path / "h.json").startswith("LOG:1: an ad of more than 4 MiB begins here")
    (tmp_path / "h.json").write_text('{"a":\n' + "}\n" * 5000)
    assert refused(tmp_path / "h.json").startswith("LOG:2: not JSON")
    (tmp_path / "h.long").write_text(f"A = {'1' * 1000}\n" * 5000)
    assert refused(tmp_path / "h.long").startswith("LOG:1: an ad of more than 4 MiB begins here")


def test_one_odd_ad_among_good_ones_is_refused_with_its_own_line(tmp_path: Path) -> None:
    good = {"QDate": 5, "RemoteWallClockTime": 9}
    (tmp_path / "h.jsonl").write_text("\n".join(json.dumps(ad) for ad in (good, good | {"QDate": 1e11}, good)))
    assert refused(tmp_path / "h.jsonl").startswith("LOG:2: QDate: expected seconds")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "name,cpu\np,1\n",
            "LOG:1: the first line names no column cpu_milli, memory_mib, creation_time, deletion_time",
        ),
        (POD + "p2,1000,1024,5\n", "LOG:3: expected 5 columns, not 4"),
        (POD + "p2,1000,1024,65,5\n", "LOG:3: deletion_time: is before creation_time (65)"),
        (POD + "p2,-1,1024,5,65\n", "LOG:3: cpu_milli: expected an amount from 0 to 2^50, not '-1'"),
        (POD + "p2,1000,1024,nan,65\n", "LOG:3: creation_time: expected a finite number, not 'nan'"),
        (f"{HEADER},num_gpu\np,1,1,1,9,5000\n", "LOG:2: num_gpu: 5000 GPUs: more than any node has"),
    ],
)
def test_a_pod_that_cannot_be_is_named_with_its_line(text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(text)
    assert refused(tmp_path / "p.csv").startswith(expected)


def test_a_list_of_nodes_is_dealt_evenly_and_refused_where_it_cannot_be(tmp_path: Path) -> None:
    csv = tmp_path / "nodes.csv"
    rows = [f"n{n},64000,262144,0,\nh{n},96000,786432,8,G2" for n in range(5)]
    csv.write_text("\n".join(["sn,cpu_milli,memory_mib,gpu,model", *rows]))
    members = listed_members(csv, 3)
    assert [sum(group.nodes for group in member.groups) for member in members] == [4, 3, 3]
    assert sum(group.nodes for member in members for group in member.groups if group.size.gpus) == 5
    assert members[0].groups[1].attributes == (("GPUs_DeviceName", '"G2"'),)
    machines = tmp_path / "site.machines"
    machines.write_text("0\tzewura\t20\t80\t1\t529426432\n1\tzegox\t48\t12\t1\t94035968\n")
    assert [(g.name, g.nodes, g.size.cpu_milli) for g in listed_members(machines, 2)[0].groups] == [
        ("zegox", 24, 12_000),
        ("zewura", 10, 80_000),
    ]
    for file, text, members_wanted, expected in (
        (csv, "sn,cpu_milli,memory_mib,gpu,model\nn1,0,5,0,\n", 1, ":2: a node without cores or memory"),
        (csv, "sn,cpu_milli,memory_mib,gpu,model\nn1,1000,5,0,\n", 2, ": holds 1 nodes, too few for 2 members"),
        (machines, "0 a 5\n", 1, ":1: expected 6 columns (id, name, nodes, cores, speed, KiB), not 3"),
        (machines, "0 a 999999999 5 1 5\n", 1, ": more than 100000 nodes"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError) as caught:
            listed_members(file, members_wanted)
        assert str(caught.value) == f"{file}{expected}"
