"""Choices of routes, written as CSV and as Parquet."""

import builtins
import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from stretto.cli.commands import decisions
from stretto.cli.commands.decisions import COLUMNS, decisions_command, write_csv, write_parquet
from stretto.client.choices import Choice

ONE = Choice(
    run_id="r", workflow="w", version=1, step="a", attempt=1, task="t", at="2026-01-01T00:00:00Z",
    strategy="learned", device='d"1', place=0, score=0.5, explored=True, present=3, knowing=2,
    fitting=1, load=0.25, slots=4.0, time_ms=None, cost_ms=None, waited_ms=1.5,
    outcome="completed", took_ms=20.0,
)  # fmt: skip


async def three() -> AsyncIterator[Choice]:
    for number in range(3):
        yield msgspec.structs.replace(ONE, attempt=number)


async def test_csv_has_a_line_of_names_and_nothing_for_what_is_not_known() -> None:
    out = io.StringIO()
    assert await write_csv(three(), out) == 3
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert tuple(rows[0]) == COLUMNS
    assert [row["attempt"] for row in rows] == ["0", "1", "2"]
    assert (rows[0]["device"], rows[0]["time_ms"], rows[0]["took_ms"]) == ('d"1', "", "20.0")


async def test_parquet_has_the_types_of_the_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "BATCH", 2)
    file = tmp_path / "choices.parquet"
    assert await write_parquet(three(), file) == 3
    table = parquet.read_table(file)
    assert tuple(table.column_names) == COLUMNS
    kinds = {name: str(table.schema.field(name).type) for name in COLUMNS}
    assert (kinds["device"], kinds["attempt"], kinds["load"], kinds["explored"]) == (
        "string", "int64", "double", "bool",
    )  # fmt: skip
    rows = table.to_pylist()
    assert rows[2] == msgspec.structs.asdict(msgspec.structs.replace(ONE, attempt=2))


async def test_without_the_extra_parquet_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name == "pyarrow":
            raise ImportError("No module named 'pyarrow'")
        return plain(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(click.UsageError, match="extra `ml`"):
        await write_parquet(three(), tmp_path / "choices.parquet")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--format", "parquet"], "expected --out FILE"),
        (["--since", "yesterday"], "--since: "),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_asked(given: list[str], said: str) -> None:
    done = CliRunner().invoke(decisions_command, ["export", *given])
    assert done.exit_code == 2
    assert said in done.output
