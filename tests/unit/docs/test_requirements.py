"""docs/requirements.md names every row of the commission, with links that lead somewhere."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "requirements.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if re.match(r"\| [A-Z]\d+ \|", line)]
COUNTS = {"S": 7, "W": 11, "D": 12, "E": 10, "M": 7, "I": 8, "G": 4}
LINK = re.compile(r"\[[^\]]+\]\(([^)#]+)\)")


def test_every_row_of_the_commission_is_there_once() -> None:
    wanted = [f"{part}{n}" for part, count in COUNTS.items() for n in range(1, count + 1)]
    assert [row.split("|")[1].strip() for row in ROWS] == wanted


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_a_row_has_a_state_and_links_to_code_and_tests_that_exist(row: str) -> None:
    _, _, state, what, code, tests, _ = row.split("|")
    assert state.strip() in {"done", "part", "open"}
    assert what.strip()
    for cell in (code, tests):
        links = LINK.findall(cell)
        assert links, cell
        for link in links:
            assert (DOCS / link).exists(), link
