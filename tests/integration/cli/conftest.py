"""Runs that go one way or the other, by their input."""

from pathlib import Path

import pytest

from ..running import Dev

SIZES = """
workflow: sizes
input: {type: object, required: [total], properties: {total: {type: integer}}}
steps:
  work: {task: std.echo, with: {n: "${{ input.total }}"}}
  size:
    needs: [work]
    switch:
      - {if: "${{ steps.work.output.n > 100 }}", then: large}
      - {else: small}
  large: {task: std.echo, with: {size: large}}
  small: {set: {size: small}}
output: {n: "${{ steps.work.output.n }}"}
"""


@pytest.fixture
def sizes_file(tmp_path: Path) -> Path:
    """The definition of `sizes`, as a file to change."""
    file = tmp_path / "sizes.yaml"
    file.write_text(SIZES)
    return file


@pytest.fixture
def sizes(dev: Dev, sizes_file: Path) -> list[str]:
    """Three runs of `sizes`: two that go the same way, and one that does not."""
    runs = dev.runs(sizes_file, "sizes", *({"total": total} for total in (5, 5, 500)))
    return [str(run["run_id"]) for run in runs]
