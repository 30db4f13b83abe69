"""Why tests failed, in a few lines each: the whole of a stage is long, and a log is read from its first failure on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

LINES, HEAD, WIDTH = 18, 12, 180
WORDS = 24
"""So many of the last lines that it, or a daemon beside it, wrote."""
DIFFERENCE = ("+", "-", "?")


def digest(report: Path) -> list[str]:
    """Of pytest's JUnit file: each test that failed, where, with what message, and what was written last."""
    try:
        root = ET.parse(report).getroot()  # noqa: S314 - our own pytest wrote it
    except (OSError, ET.ParseError):
        return []
    return [line for case in root.iter("testcase") for line in _of(case)]


def _of(case: ET.Element) -> Iterator[str]:
    for found in (*case.findall("failure"), *case.findall("error")):
        where = (found.text or "").strip().splitlines()[-1:]
        yield f"    {case.get('classname')}::{case.get('name')} after {float(case.get('time') or 0):.0f} s"
        words = (case.findtext("system-out") or "").strip().splitlines()[-WORDS:]
        yield from (f"        {line[:WIDTH]}" for line in [*where, *_told(found.get("message") or ""), *words])


def _told(message: str) -> list[str]:
    """Its first lines, then those by which two texts differ."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    head, rest = lines[:HEAD], lines[HEAD:]
    return [*head, *(line for line in rest if line.startswith(DIFFERENCE))][:LINES]
