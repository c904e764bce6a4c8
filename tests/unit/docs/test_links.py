"""The pages: every link leads somewhere, every page is found, every decision is in the index."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.tree import ROOT

LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
ADR = ROOT / "docs" / "adr"
PARTS = ("Context", "Decision", "Alternatives", "Consequences")


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    found = [ROOT / name for name in listed if (ROOT / name).is_file()]
    return found or [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def links(page: Path) -> list[str]:
    text = CODE.sub("", FENCED.sub("", page.read_text()))
    return [target for target in LINK.findall(text) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual viewers of Markdown make them."""
    headings = HEADING.findall(FENCED.sub("", page.read_text()))
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (
            anchor and target.suffix == ".md" and anchor not in anchors(target)
        ):
            dead.append(link)
    assert not dead


def test_every_page_is_found_from_the_readme() -> None:
    found, left = set[Path](), [ROOT / "README.md"]
    while left:
        page = left.pop()
        if page in found:
            continue
        found.add(page)
        targets = [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]
        targets += [target / "README.md" for target in targets if target.is_dir()]
        left += [target for target in targets if target.suffix == ".md" and target.is_file()]
    assert not {page for page in pages() if page.is_relative_to(ROOT / "docs")} - found


def test_the_index_of_decisions_names_all_of_them_in_order() -> None:
    index = (ADR / "README.md").read_text()
    rows = re.findall(r"^\| \[(\d{4})\]\((\d{4}-[\w-]+\.md)\) \|", index, re.MULTILINE)
    assert [name for _, name in rows] == sorted(path.name for path in ADR.glob("0*.md"))
    assert all(name.startswith(number) for number, name in rows)


@pytest.mark.parametrize("decision", sorted(ADR.glob("0*.md")), ids=lambda p: p.stem)
def test_a_decision_says_why_what_else_and_what_follows(decision: Path) -> None:
    text = decision.read_text()
    assert text.startswith(f"# {decision.name[:4]}: ")
    places = [text.find(f"\n**{part}.**") for part in PARTS]
    assert places == sorted(places) and places[0] > 0
