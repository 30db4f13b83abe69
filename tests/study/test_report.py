"""The page: every plot, nothing from outside, nothing that somebody else wrote obeyed; comparisons; tables."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec
import pytest

from fedsched.study.jobs import Waits
from fedsched.study.report.page import page
from fedsched.study.report.plots import PLOTS
from fedsched.study.report.tables import change, compared, run_names, sheets
from fedsched.study.report.verdict import Verdict
from fedsched.study.result import Result
from tests.study.small import played

VOID = {"meta", "link", "br", "img", "input", "hr"}
MOST_BYTES = 1_500_000


class Read(HTMLParser):
    """Reads a page as a browser would: which tags are open, which ids there are, what it points at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in {"href", "xlink:href", "src", "action", "data"}:
                self.targets.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def text() -> str:
    return page([played("fair-share")], Verdict(3))


@pytest.fixture(scope="module")
def comparison() -> str:
    return page([played("fair-share"), played("frugal")])


@pytest.fixture(scope="module")
def both() -> tuple[Result, Result]:
    return played("fair-share"), played("frugal")


def renamed(result: Result, **about: str) -> Result:
    return msgspec.structs.replace(result, about=msgspec.structs.replace(result.about, **about))


def test_the_stage_is_contended_and_its_policies_differ(both: tuple[Result, Result]) -> None:
    for one in both:
        assert one.numbers["contended_cycles"] > 0.2
    assert both[0].numbers["cost"] > both[1].numbers["cost"]


def test_a_page_has_every_plot_in_both_widths(text: str) -> None:
    seen = Read(text)
    assert not seen.open
    for plot in PLOTS:
        assert plot.name in seen.ids
        assert plot.title in text
    drawn = [plot for plot in PLOTS if plot.name != "losses"]
    assert seen.tags.count("svg") == 2 * len(drawn)
    assert "Nothing to draw." in text  # nobody was evicted here


def test_a_page_points_at_nothing_outside_and_runs_nothing(text: str) -> None:
    seen = Read(text)
    assert all(target.startswith("#") for target in seen.targets)
    assert {target[1:] for target in seen.targets} <= set(seen.ids)
    assert not {"script", "link", "iframe", "object", "img"} & set(seen.tags)
    assert not re.search(r"https?://|@import|url\((?!#)", text)
    assert re.search(r"Content-Security-Policy[^>]*default-src 'none'", text)


def test_no_two_things_of_a_page_have_one_name(text: str, comparison: str) -> None:
    for one in (text, comparison):
        ids = Read(one).ids
        assert len(ids) == len(set(ids))


def test_a_page_is_small_enough_to_be_sent(text: str, comparison: str) -> None:
    assert len(text.encode()) < MOST_BYTES
    assert len(comparison.encode()) < MOST_BYTES


def test_colours_are_left_to_the_style_sheet_which_knows_day_and_night(text: str) -> None:
    """A fixed colour would not be seen by night."""
    plots = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert not re.search(r"#[0-9a-f]{6}\b", plots)
    used = set(re.findall(r"var\(--(\w+)\)", plots))
    day, night = (set(re.findall(r"--(\w+):", part)) for part in re.findall(r":root \{(.*?)\}", text, re.DOTALL))
    assert used <= day == night


def test_names_that_others_gave_are_shown_and_not_obeyed(both: tuple[Result, Result]) -> None:
    """Groups come from jobs and policies from files: neither writes into the page, nor is it taken for a formula."""
    evil = "<script>alert(1)</script>$\\frac{1}{0}$"
    first = renamed(both[0], title=evil, policy=evil, command=evil)
    values = {
        name.replace("physics", evil) if "/" in name else name: value for name, value in first.series.values.items()
    }
    numbers = {name.replace("physics", evil): value for name, value in first.numbers.items()}
    waits = tuple(Waits(evil, *one[1:]) for one in first.waits)
    series = msgspec.structs.replace(first.series, values=values)
    first = msgspec.structs.replace(first, series=series, numbers=numbers, waits=waits)
    text = page([first, both[1]])
    seen = Read(text)
    assert "script" not in seen.tags
    assert "&lt;script&gt;" in text
    assert len(seen.ids) == len(set(seen.ids))


def test_what_was_missed_and_that_it_was_stopped_stands_at_the_top(text: str, both: tuple[Result, Result]) -> None:
    missed = "expect.toml: results.cost: expected at most 1, came to 2"
    why = "Stopped by hand after 0.5 simulated hours of 2."
    seen = page([renamed(both[0], stopped=why)], Verdict(4, (missed,)))
    top = seen[: seen.index("<nav")]
    assert missed in top
    assert why in top
    assert "all 3 ranges" in text[: text.index("<nav")]


def test_a_comparison_shows_where_two_policies_differ(comparison: str, both: tuple[Result, Result]) -> None:
    sheet = compared(both, run_names(both))
    assert [heading.title for heading in sheet.headings] == ["NUMBER", "fair-share", "frugal", "CHANGE"]
    rows = {row[0]: row[1:] for row in sheet.rows}
    costs = [f"{one.numbers['cost']:,.2f}" for one in both]
    assert rows["cost"][:2] == tuple(costs)
    assert rows["cost"][2].startswith("-")
    assert rows["jobs done"] == ("90", "90", "same")
    assert all(cost in comparison for cost in costs)
    assert Read(comparison).tags.count("svg") == 2 * (len(PLOTS) - 1)


def test_plots_beside_each_other_have_the_same_scale(comparison: str) -> None:
    """Their axes say the same numbers, so that the eye may compare."""
    part = comparison[comparison.index('<section id="supply"') : comparison.index('<section id="shares"')]
    first, second = (re.findall(r"<text[^>]*>([^<]*)</text>", svg) for svg in part.split("<figure>")[1:])
    assert first == second


def test_two_runs_of_one_policy_are_told_apart(both: tuple[Result, Result]) -> None:
    assert run_names((both[0], both[0], both[1])) == ("fair-share (1)", "fair-share (2)", "frugal")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (2.0, 3.0, "+50 %"),
        (4.0, 1.0, "-75 %"),
        (0.0, 0.0, "same"),
        (0.0, 2.0, "from 0"),
        (1201.0, 1195.0, "-0.5 %"),
        (None, 1.0, "-"),
    ],
)
def test_a_change_is_told_in_percent_where_that_says_something(
    before: float | None, after: float | None, said: str
) -> None:
    assert change(before, after) == said


def test_every_table_has_a_cell_for_each_heading(both: tuple[Result, Result]) -> None:
    for sheet in (*sheets(both[0]), compared(both, run_names(both))):
        assert sheet.rows or sheet.empty
        assert {len(row) for row in sheet.rows} <= {len(sheet.headings)}


def test_the_bill_of_what_nobody_used_adds_up_by_member_and_cause(both: tuple[Result, Result]) -> None:
    """N3: every pod-second that spikes report as unclaimed stands in one row."""
    twice = msgspec.structs.replace(both[0], ramps=both[0].ramps * 2)
    total_h = sum(seconds for ramp in twice.ramps for _, _, seconds in ramp.spike.unclaimed_s) / 3600
    bill = next(sheet for sheet in sheets(twice) if sheet.name == "unclaimed")
    assert total_h > 0
    assert len({row[:2] for row in bill.rows}) == len(bill.rows)
    assert sum(float(row[2].replace(",", "")) for row in bill.rows) == pytest.approx(total_h, abs=0.05 * len(bill.rows))


def test_equal_results_give_equal_pages(text: str, both: tuple[Result, Result]) -> None:
    assert page([both[0]], Verdict(3)) == text
