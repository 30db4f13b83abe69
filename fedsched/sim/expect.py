"""expect.toml: what a run must come to, as ranges over named results, and the judgement; nothing runs here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from fedsched.config.problems import did_you_mean


class Range(msgspec.Struct, frozen=True, omit_defaults=True):
    """From `least` to `most`, both included; None for open."""

    least: float | None = None
    most: float | None = None

    def holds(self, value: float) -> bool:
        """Whether it lies in it; what is no number (NaN) lies nowhere."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        ends = [f"at least {self.least:g}"] if self.least is not None else []
        return " and ".join(ends + ([f"at most {self.most:g}"] if self.most is not None else []))


class Expected(msgspec.Struct, frozen=True):
    """Ranges by name of result. contended: those that show that there was a fight for room at all; never empty."""

    contended: dict[str, Range]
    results: dict[str, Range] = {}


class Missed(msgspec.Struct, frozen=True):
    """One result outside its range. key: as in the file. value: None where there is no such result."""

    key: str
    value: float | None
    text: str

    def __str__(self) -> str:
        return f"{self.key}: {self.text}"


def judge(expected: Expected, results: Mapping[str, float]) -> tuple[Missed, ...]:
    """What a run missed, contention first; () when all is as expected."""
    return (*_missed("contended", expected.contended, results), *_missed("results", expected.results, results))


def _missed(table: str, ranges: Mapping[str, Range], results: Mapping[str, float]) -> Iterator[Missed]:
    for name, wanted in sorted(ranges.items()):
        key = f'{table}."{name}"' if "." in name else f"{table}.{name}"
        value = results.get(name)
        if value is None:
            yield Missed(key, None, f"there is no such result{did_you_mean(name, sorted(results))}")
        elif not wanted.holds(value):
            fate = "; nobody had to wait for room, so the run shows nothing" if table == "contended" else ""
            yield Missed(key, value, f"expected {wanted}, came to {value:g}{fate}")
