"""Every rule number that the code cites stands in docs/rules.md, and links of documents lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
NUMBER = re.compile(r"\b(?:MA|FS|OW|PR|SU|FA|RE|[DSQPXELN])\d{1,2}\b")
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def _cited(folder: str, kind: str) -> dict[str, str]:
    """Rule numbers in docstrings, comments and prose with a file that has them."""
    return {
        number: str(path.relative_to(TREE))
        for path in sorted((TREE / folder).rglob(f"*.{kind}"))
        for number in NUMBER.findall(path.read_text(encoding="utf-8"))
        if path.name != "rules.md"
    }


def test_every_rule_that_code_and_documents_cite_can_be_looked_up() -> None:
    known = set(NUMBER.findall((TREE / "docs/rules.md").read_text(encoding="utf-8")))
    cited = _cited("fedsched", "py") | _cited("docs", "md")
    percentiles = {"P50", "P95"}
    assert {number: file for number, file in cited.items() if number not in known | percentiles} == {}
    assert len(known) > 45


@pytest.mark.parametrize("page", [*sorted((TREE / "docs").rglob("*.md")), TREE / "README.md"], ids=lambda p: p.stem)
def test_every_relative_link_leads_to_a_file_or_a_heading(page: Path) -> None:
    for target, anchor in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor and file.suffix == ".md":
            heads = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor[1:] in slugs, f"{page.name}: {target}{anchor}"
