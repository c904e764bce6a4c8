"""What lies in `proto/` (and is made from the code elsewhere) is what the code says."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.generate import ROOT, files


@pytest.fixture(scope="module")
def made() -> Mapping[Path, str]:
    """Give what the code says now; all of it takes a second to make."""
    return files()


def test_generated_files_are_as_the_code_says(made: Mapping[Path, str]) -> None:
    lost = [str(path) for path in made if not (ROOT / path).is_file()]
    assert not lost, f"expected {lost} to be there: run `make proto`"
    stale = [
        str(path)
        for path, text in made.items()
        if (ROOT / path).read_text(encoding="utf-8") != text
    ]
    assert not stale, f"expected {stale} to be as the code says, but they are not: run `make proto`"


def test_nothing_lies_in_proto_that_nobody_makes(made: Mapping[Path, str]) -> None:
    lying = {path.relative_to(ROOT) for path in (ROOT / "proto").rglob("*") if path.is_file()}
    assert lying == {path for path in made if path.parts[0] == "proto"}
