"""A seeded fault: a text of one module, what replaces it, and the tests that must fail then; nothing is run here."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import msgspec

import fedsched

LIST = Path(__file__).with_name("mutants.toml")
PACKAGE = Path(fedsched.__file__).parent


class StaleError(Exception):
    """The text to replace is not there exactly once: the module was changed and the list was not."""


class Mutant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the list. file: under the package. tests: ids that must all fail. wrong: what goes wrong then."""

    name: str
    rules: tuple[str, ...]
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    wrong: str

    def applied(self, source: str) -> str:
        """The module's source with the fault in it; StaleError where that is not one place."""
        found = source.count(self.old)
        if found != 1 or self.old == self.new:
            raise StaleError(f"{self.name}: its text is {found} times in {self.file}, not once; change {LIST.name}")
        return source.replace(self.old, self.new)

    def seed(self, package: Path) -> None:
        """Put the fault into a copy of the package."""
        module = package / self.file
        module.write_text(self.applied(module.read_text()))
        for compiled in (module.parent / "__pycache__").glob(f"{module.stem}.*.pyc"):
            compiled.unlink()


def mutants(names: list[str] | None = None) -> list[Mutant]:
    """The whole list, or those that are named; KeyError for a name that is not in it."""
    entries = msgspec.convert(tomllib.loads(LIST.read_text())["mutant"], list[Mutant])
    found = {mutant.name: mutant for mutant in entries}
    if len(found) < len(entries):
        raise ValueError(f"{LIST.name}: two mutants have one name")
    return [found[name] for name in names] if names else list(found.values())


def copied(into: Path) -> Path:
    """A copy of the package in that folder, compiled modules included: it is imported as fast."""
    return Path(shutil.copytree(PACKAGE, into / PACKAGE.name))
