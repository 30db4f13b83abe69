"""Why tests failed, in a few lines each: the whole of a stage is long, and a log is read from its first failure on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

LINES, HEAD, WIDTH = 18, 12, 180
DIFFERENCE = ("+", "-", "?")


def digest(report: Path) -> list[str]:
    """Of pytest's JUnit file: each test that failed, where, and with what message; nothing where it was not written."""
    try:
        root = ET.parse(report).getroot()  # noqa: S314 - our own pytest wrote it
    except (OSError, ET.ParseError):
        return []
    return [line for case in root.iter("testcase") for line in _of(case)]


def _of(case: ET.Element) -> Iterator[str]:
    for found in (*case.findall("failure"), *case.findall("error")):
        where = (found.text or "").strip().splitlines()[-1:]
        yield f"    {case.get('classname')}::{case.get('name')} after {float(case.get('time') or 0):.0f} s"
        yield from (f"        {line[:WIDTH]}" for line in [*where, *_told(found.get("message") or "")])


def _told(message: str) -> list[str]:
    """Its first lines, then those by which two texts differ."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    head, rest = lines[:HEAD], lines[HEAD:]
    return [*head, *(line for line in rest if line.startswith(DIFFERENCE))][:LINES]
