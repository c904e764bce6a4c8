"""What lies in `proto/` (and is made from the code elsewhere) is what the code says."""

from pathlib import Path

import pytest

from scripts.generate import ROOT, files


@pytest.mark.parametrize("path", sorted(files()), ids=str)
def test_a_generated_file_is_as_the_code_says(path: Path) -> None:
    written = ROOT / path
    assert written.is_file(), f"expected {path} to be there: run `make proto`"
    assert written.read_text(encoding="utf-8") == files()[path], (
        f"expected {path} to be as the code says, but it is not: run `make proto`"
    )


def test_nothing_lies_in_proto_that_nobody_makes() -> None:
    lying = {path.relative_to(ROOT) for path in (ROOT / "proto").rglob("*") if path.is_file()}
    assert lying == {path for path in files() if path.parts[0] == "proto"}
