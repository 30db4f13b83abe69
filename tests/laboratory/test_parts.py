"""Parts are built once, keyed by their recipe, and a machine that cannot build one says why in one line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.laboratory import part_condor, part_kubernetes, parts, podspec
from tests.laboratory.parts import Part
from tests.laboratory.places import LaboratoryError, LeftOutError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDSCHED_LABORATORY_CACHE", str(tmp_path))
    monkeypatch.delenv("FEDSCHED_LABORATORY", raising=False)


def counted(recipe: bytes, log: list[bytes]) -> Part:
    def build(folder: Path) -> None:
        log.append(recipe)
        (folder / "thing").write_bytes(recipe)

    return Part("thing", recipe, build, lambda: None)


def test_a_part_is_built_once_and_again_only_when_its_recipe_changes() -> None:
    log: list[bytes] = []
    for recipe in (b"one", b"one", b"two", b"one"):
        folder = parts.ensure(counted(recipe, log))
        assert (folder / "thing").read_bytes() == recipe
    assert log == [b"one", b"two"]


def test_half_a_part_is_never_seen() -> None:
    def build(folder: Path) -> None:
        (folder / "half").touch()
        raise LaboratoryError("the mirror went away")

    part = Part("broken", b"", build, lambda: None)
    with pytest.raises(LeftOutError, match=r"^broken: the build failed after \d+ s: the mirror went away$"):
        parts.ensure(part)
    assert not part.built()


def test_without_go_or_root_the_reason_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_kubernetes, "go_command", lambda: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert parts.reason(part_kubernetes.KUBEONE_PART) == (
        "kubeone: no Go compiler (go) on the PATH or in /usr/local/go/bin"
    )
    assert parts.reason(part_condor.CHROOT_PART) == "condor: a chroot needs root"


def test_with_the_laboratory_off_nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDSCHED_LABORATORY", "off")
    with pytest.raises(LeftOutError, match="FEDSCHED_LABORATORY=off"):
        parts.ensure(counted(b"", []))


@pytest.mark.parametrize(
    ("text", "value"), [("100m", Fraction(1, 10)), ("2", 2), ("1.5", Fraction(3, 2)), ("512Mi", 2**29), ("1e3", 1000)]
)
def test_quantities_are_exact(text: str, value: Fraction) -> None:
    assert podspec.quantity(text) == value
