"""Every snapshot file under cycles/ is decided again and must come to its plan, byte for byte.

A new case is one copied file. `FEDSCHED_GOLDEN=write` decides all of them anew, for a diff to be read.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
import pytest

from fedsched.replay import class_names, encode, read, replay, tell, write
from fedsched.replay.deciding import again

CYCLES = Path(__file__).with_name("cycles")
FILES = sorted(CYCLES.iterdir())
LARGEST = 60_000


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_golden_cycle_is_decided_as_it_was(file: Path) -> None:
    saved = read(file)
    if os.environ.get("FEDSCHED_GOLDEN") == "write":
        plan, wanted = again(saved.recorded, saved.policy)
        issued = tuple(change for change in saved.recorded.issued if change in wanted)
        write(
            msgspec.structs.replace(saved, recorded=msgspec.structs.replace(saved.recorded, plan=plan, issued=issued)),
            file,
        )
        return
    made = replay(saved.recorded, saved.policy)
    assert made.exact, "\n".join([*tell(made.found, class_names(saved.recorded.observation)), *map(str, made.unasked)])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_golden_cycle_is_small_and_written_as_we_write(file: Path) -> None:
    assert file.stat().st_size <= LARGEST
    if file.suffix == ".json":
        assert file.read_bytes() == encode(read(file))


def test_a_cycle_recorded_before_classes_and_placements_told_a_user_is_decided_as_it_was(tmp_path: Path) -> None:
    text, left_out = re.subn(r'\n *"user": "",', "", FILES[0].read_text(encoding="utf-8"))
    older = tmp_path / FILES[0].name
    older.write_text(text, encoding="utf-8")
    assert left_out
    saved = read(older)
    assert replay(saved.recorded, saved.policy).exact
    assert encode(saved) == FILES[0].read_bytes()


def test_there_is_a_spike_an_eviction_a_freeze_and_a_lost_member() -> None:
    assert {file.name.split(".")[0] for file in FILES} >= {
        "a-spike-begins",
        "a-borrower-is-evicted",
        "a-member-is-lost",
        "the-federation-freezes",
    }
