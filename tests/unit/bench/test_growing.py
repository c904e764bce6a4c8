"""What closed runs look like, and what is told of a case."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from click.testing import CliRunner
from rich.console import Console

from stretto.bench.growing import __main__ as command
from stretto.bench.growing import cases
from stretto.bench.growing.cases import (
    CASES,
    SMALL,
    Found,
    Grown,
    Growth,
    costs_more,
    less_done,
)
from stretto.bench.growing.filling import COPY_RUNS, batches, closed_run
from stretto.contracts.ids import shard_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def grown(case: str, dearer: float) -> Grown:
    return Grown(case=case, what="a lot", unit="steps/s", small=100, large=90, dearer=dearer)


def test_a_slower_machine_does_not_make_work_dearer() -> None:
    """Half the throughput at twice the pace is the same work; twice the CPU alike."""
    done = less_done("open", "a lot", [Found(1000, 1.0)], [Found(500, 2.0)])
    spent = costs_more("items", "a lot", "ms", [Found(3, 1.0)], [Found(9, 2.0)])
    assert (done.dearer, done.note) == (1.0, "pace 1, 2 ms")
    assert spent.dearer == 1.5
    unknown = less_done("open", "a lot", [Found(1000, 0.0)], [Found(500, 2.0)])
    assert unknown.dearer == 2.0


def test_those_at_the_likest_pace_are_compared() -> None:
    """A neighbour came during the second and the third look."""
    smalls = [Found(1000, 1.0), Found(700, 2.0)]
    larges = [Found(300, 3.0), Found(900, 1.1)]
    done = less_done("open", "a lot", smalls, larges)
    assert (done.small, done.large, done.note) == (1000, 900, "pace 1, 1.1 ms")
    assert done.dearer == pytest.approx(1000 / 900 / 1.1, abs=1e-3)


@pytest.mark.parametrize(
    ("large_ms", "told"), [(2.0, "100 MB a second of CPU; pace 1, 1 ms"), (1.0, "pace ")]
)
async def test_a_large_payload_is_told_by_its_bytes_where_it_costs_anything(
    monkeypatch: pytest.MonkeyPatch, large_ms: float, told: str
) -> None:
    costs = [Found(1.0, 1.0), Found(large_ms, 1.0)]

    async def measured(*_: object) -> Found:
        return costs.pop(0)

    monkeypatch.setattr(cases, "_cpu_ms", measured)
    found = await cases.payload(cast(Any, None), SMALL)

    assert found.dearer == large_ms
    assert found.note.startswith(told)


def test_a_closed_run_has_its_events_in_order() -> None:
    row, events = closed_run(7, NOW, 4)
    assert [e[1:3] for e in events] == [
        (1, "run.started"), (2, "step.completed"), (3, "step.completed"), (4, "run.completed"),
    ]  # fmt: skip
    assert {e[0] for e in events} == {row[0]}
    assert row[1] == shard_of(row[0].bytes)
    assert [e[1] for e in closed_run(7, NOW, 2)[1]] == [1, 2]


def test_closed_runs_come_in_pieces_and_differ() -> None:
    pieces = list(batches(COPY_RUNS + 5, 2, NOW))
    assert [len(rows) for rows, _ in pieces] == [COPY_RUNS, 5]
    ids = {row[0] for rows, _ in pieces for row in rows}
    assert len(ids) == COPY_RUNS + 5
    assert pieces[0][0][0][-1] < pieces[1][0][-1][-1] <= NOW


def test_the_table_says_what_is_tolerated() -> None:
    console = Console(width=120)
    with console.capture() as text:
        console.print(command.table([grown("open", 1.1), grown("items", 1.4)]))
    lines = text.get().splitlines()
    assert "1.10 ×" in lines[1] and "✓" in lines[1]
    assert "✗ over 1.2" in lines[2]


def test_the_command_runs_the_cases_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Growth]] = []

    async def measure(case: str, growth: Growth) -> Grown:
        asked.append((case, growth))
        return grown(case, 1.0)

    monkeypatch.setattr(command, "_measure", measure)
    out = tmp_path / "new" / "growing.json"
    ended = CliRunner().invoke(command.main, ["open", "--small", "--out", str(out)])
    assert ended.exit_code == 0, ended.output
    assert asked == [("open", SMALL)]
    assert msgspec.json.decode(out.read_bytes())[0]["case"] == "open"
    assert CliRunner().invoke(command.main, []).exit_code == 0
    assert [case for case, _ in asked[1:]] == list(CASES)
    assert asked[1][1] == Growth()
