"""Every link of every page leads to a file, and to a heading where it names one; every page is in the index."""

import re
from pathlib import Path

import pytest

from tests.docs.test_architecture import files_of

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "deploy/README.md",
    *DOCS.glob("*.md"),
]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
GUIDES = ("A new source", "A new policy", "A new setting", "A new event type")


def anchors(page: Path) -> set[str]:
    """What a forge makes of the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text("utf-8")
    linked = {Path(link).name for link in re.findall(r"\]\((\w+\.md)\)", index)}
    assert linked == {page.name for page in DOCS.glob("*.md")} - {"README.md"}


def test_names_in_the_glossary_are_those_of_the_code() -> None:
    names = set(re.findall(r"`([A-Z]\w+)`", (DOCS / "glossary.md").read_text("utf-8"))) - {"EXHAUSTED"}
    assert len(names) > 15
    assert not [name for name in sorted(names) if not files_of(name)]


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_has_eight_steps(guide: str) -> None:
    section = CONTRIBUTING.split(f"## {guide}\n")[1].split("\n## ")[0]
    assert re.findall(r"^(\d+)\. ", section, re.MULTILINE) == [str(n) for n in range(1, 9)]


def test_files_named_in_the_contributors_guide_exist() -> None:
    named = set(re.findall(r"`?\b((?:stream|learners|bandits|tests)/[\w/]+\.py)\b", CONTRIBUTING))
    assert len(named) > 20
    assert not [name for name in sorted(named) if not (ROOT / name).exists()]


def test_style_is_said_in_ten_lines() -> None:
    lines = CONTRIBUTING.split("## Style\n")[1].strip().splitlines()
    assert [line.split(".")[0] for line in lines] == [str(n) for n in range(1, 11)]


@pytest.mark.parametrize("thing", ["an event type", "a source", "a metric", "a command"])
def test_two_clicks_from_the_readme(thing: str) -> None:
    """README links to the table of CONTRIBUTING, whose row links to the file."""
    assert "(CONTRIBUTING.md#where-to-change-what)" in (ROOT / "README.md").read_text("utf-8")
    assert re.search(rf"^\| {thing} \| \[[\w/.]+\]\(([\w/.]+)\)", CONTRIBUTING, re.MULTILINE)
