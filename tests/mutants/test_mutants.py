"""The list of seeded faults is in step with the sources, and a fault that nobody finds is told as one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.mutants.__main__ import main
from tests.mutants.mutant import PACKAGE, Mutant, StaleError, mutants
from tests.mutants.trial import judge

ROOT = Path(__file__).parents[2]
QUICK = "tests/known/test_user_priority.py::test_nobody_is_better_than_one_half"
HARMLESS = Mutant(
    "harmless",
    ("FS3",),
    "matchmaker/share/ledger.py",
    "LEAST_USAGE = 0.5\n",
    "LEAST_USAGE = 1 / 2\n",
    (QUICK,),
    "nothing",
)


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_every_fault_can_be_seeded_and_names_tests_that_are_there(mutant: Mutant) -> None:
    mutant.applied((PACKAGE / mutant.file).read_text())
    assert mutant.tests
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / file).read_text()


def test_there_are_at_least_twenty_faults_over_all_rules_of_the_matchmaker() -> None:
    rules = {rule for mutant in mutants() for rule in mutant.rules}
    assert len(mutants()) >= 20
    assert rules >= {f"PR{n}" for n in (1, 2, 3, 4, 5, 7)} | {"FS1", "FS3", "FS6", "FS7", "OW2", "OW3", "RE1", "RE2"}
    assert rules >= {"SU2", "SU3", "SU4", "SU7", "MA2", "MA4", "P10"}


@pytest.mark.parametrize("old", ["no such text", "def "])
def test_a_text_that_is_not_there_exactly_once_is_stale(old: str) -> None:
    with pytest.raises(StaleError):
        msgspec.structs.replace(HARMLESS, old=old).applied((PACKAGE / HARMLESS.file).read_text())


def test_a_fault_that_is_found_is_killed_and_one_that_changes_nothing_survives() -> None:
    assert judge(HARMLESS).verdict == "survived"
    assert judge(msgspec.structs.replace(HARMLESS, new="LEAST_USAGE = 0.4\n")).verdict == "killed"


def test_a_fault_that_breaks_the_import_is_not_counted_as_found() -> None:
    outcome = judge(msgspec.structs.replace(HARMLESS, new="LEAST_USAGE = (\n"))
    assert (outcome.verdict, "not run" in outcome.why) == ("survived", True)


def test_a_name_that_is_not_in_the_list_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["no-such-fault"])
    assert "no-such-fault" in capsys.readouterr().err
