"""Colours by name, and what a drawn plot needs to stand inside a page: no fixed colours, no outside references."""

from __future__ import annotations

import re

SERIES = ("c1", "c3", "c6", "c5", "c7", "c4", "c2", "c8")
"""Names of colours that everybody can tell apart, in the order in which they are given out."""
INKS = {name: f"#0b0c{number:02x}" for number, name in enumerate(("ink", "faint", "line", *SERIES), start=16)}
"""What a plot is drawn with; the page's style sheet says what each looks like by day and by night."""

_LONG_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_PATHS = re.compile(r' d="[^"]*"')
_FONT = re.compile(r"font: (?:(\w+) )?([\d.]+)px [^;\"]*")
_HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_NAMESPACES = re.compile(r' xmlns(?::\w+)?="[^"]*"')


def series(number: int) -> str:
    """The colour of the so-manieth of several, from 0; they begin again after eight."""
    return SERIES[number % len(SERIES)]


def inline(svg: str, name: str, told: str) -> str:
    """A plot as it stands in a page. name: makes its ids its own. told: what it shows, for whoever cannot see it."""
    svg = _METADATA.sub("", _HEAD.sub("", svg, count=1))
    svg = _NAMESPACES.sub("", svg)
    svg = _PATHS.sub(lambda path: _LONG_NUMBER.sub(_short, path.group()), svg)
    svg = _FONT.sub(lambda font: f"font-size: {font[2]}px" + ("; font-weight: 600" if font[1] else ""), svg)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    for ink, code in INKS.items():
        svg = svg.replace(code, f"var(--{ink})")
    svg = re.sub(r"(<svg[^>]*?) (?:width|height)=\"[^\"]*\"", r"\1", svg, count=1)
    svg = re.sub(r"(<svg[^>]*?) (?:width|height)=\"[^\"]*\"", r"\1", svg, count=1)
    return svg.replace("<svg", f'<svg role="img" aria-label="{told}"', 1).strip()


def _short(number: re.Match[str]) -> str:
    return f"{float(number.group()):.1f}".removesuffix(".0")
