"""The parts of the laboratory and their cache, keyed by content.

Which there are, what each needs, built once per machine; not how each is built.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.laboratory import places
from tests.laboratory.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Part:
    """Something that is built once.

    `recipe` is all that its content depends on, `missing` says in one line why this machine cannot build it.
    """

    name: str
    recipe: bytes
    build: Callable[[Path], None]
    missing: Callable[[], str | None]
    hint: str = ""
    parents: tuple[Part, ...] = ()

    def key(self) -> str:
        """Sixteen hexadecimal digits that change whenever the recipe does."""
        parents = "".join(parent.key() for parent in self.parents)
        return hashlib.sha256(self.recipe + parents.encode()).hexdigest()[:16]

    def folder(self) -> Path:
        """Where it is once built."""
        return places.cache() / "parts" / f"{self.name}-{self.key()}"

    def built(self) -> bool:
        """Whether it is there."""
        return self.folder().is_dir()


def reason(part: Part) -> str | None:
    """Why a part cannot be had on this machine, in one line; None when it is there or can be built."""
    if part.built():
        return None
    if os.environ.get("FEDSCHED_LABORATORY") == "off":
        return f"{part.name}: not built, and FEDSCHED_LABORATORY=off"
    for parent in part.parents:
        if why := reason(parent):
            return why
    why = part.missing()
    return f"{part.name}: {why}" if why else None


def ensure(part: Part) -> Path:
    """Builds a part unless it is in the cache and gives its folder.

    LeftOutError with the reason when that cannot be done.
    """
    for parent in part.parents:
        ensure(parent)
    folder = part.folder()
    if folder.is_dir():
        return folder
    if why := reason(part):
        raise places.LeftOutError(why)
    with places.locked(f"part-{part.name}"):
        if not folder.is_dir():  # another session may have built it while this one waited
            make(part, folder)
    return folder


def make(part: Part, folder: Path) -> None:
    """Builds beside the cache and moves the result in, so that half a part is never seen."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f"{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    begin = time.monotonic()
    try:
        with progress(f"building {part.name}", part.hint):
            part.build(draft)
    except (OSError, places.LaboratoryError) as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise places.LeftOutError(
            f"{part.name}: the build failed after {time.monotonic() - begin:.0f} s: {error}"
        ) from error
    draft.rename(folder)
