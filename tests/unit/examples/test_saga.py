"""The saga ends the same wherever its workflow service is cut off, and nothing is left behind."""

from pathlib import Path

import pytest

from stretto.contracts import events as ev
from stretto.definition import load
from stretto.worker import Worker, load_workers
from tests.unit.examples.saga_shell import Cut, Logged, Shell, graph_of

SAGA = Path(__file__).resolve().parents[3] / "docs" / "examples" / "saga"
UNDOES = {"book~compensate", "credit~compensate", "reserve~compensate"}


@pytest.fixture(scope="module")
def worker() -> Worker:
    [found] = load_workers(str(SAGA / "shop.py"))
    return found


def books(shop: Path) -> list[str]:
    """What is written in the books of the shop."""
    return sorted(str(path.relative_to(shop)) for path in shop.rglob("*.json"))


async def ordered(worker: Worker, shop: Path, **more: object) -> Shell:
    shell = Shell(graph_of(SAGA / "workflow.yaml"), worker, [])
    await shell.begin({"shop": str(shop), "order": "7", **more})
    return shell


async def cut_off(worker: Worker, shop: Path, cut: int, **more: object) -> Shell:
    """An order whose process ends after event `cut`, and that another one goes on with."""
    graph = graph_of(SAGA / "workflow.yaml")
    first = Shell(graph, worker, [], cut)
    with pytest.raises(Cut):
        await first.begin({"shop": str(shop), "order": "7", **more})
    assert len(first.log) == cut
    second = Shell(graph, worker, first.log)
    await second.go_on()
    return second


def undone(log: list[Logged]) -> list[str]:
    """The compensations that have completed, in order."""
    return [
        event.step
        for _, event in log
        if isinstance(event, ev.StepCompleted) and event.step.endswith("~compensate")
    ]


def test_the_definition_has_no_mistakes() -> None:
    loaded = load((SAGA / "workflow.yaml").read_text(), "saga")
    assert [str(m) for m in [*loaded.mistakes, *loaded.warnings]] == []


async def test_an_order_that_is_paid_is_in_all_books(worker: Worker, tmp_path: Path) -> None:
    shell = await ordered(worker, tmp_path)
    assert shell.run.phase.word == "completed"
    assert books(tmp_path) == [
        "booked/7.json", "charged/7.json", "credited/7.json", "reserved/7.json",
    ]  # fmt: skip


async def test_when_the_payment_fails_everything_is_taken_back(
    worker: Worker, tmp_path: Path
) -> None:
    shell = await ordered(worker, tmp_path, card="declined")
    assert shell.run.phase.word == "failed"
    assert shell.run.failure is not None and shell.run.failure.type == "CardDeclined"
    assert books(tmp_path) == []
    assert undone(shell.log)[-1] == "reserve~compensate"
    assert set(undone(shell.log)) == UNDOES


async def test_every_cut_ends_the_same(worker: Worker, tmp_path: Path) -> None:
    whole = await ordered(worker, tmp_path / "whole", card="declined")
    assert len(whole.log) > 20
    for cut in range(1, len(whole.log)):
        shop = tmp_path / f"cut-{cut}"
        shell = await cut_off(worker, shop, cut, card="declined")
        told = f"cut after event {cut}: {whole.log[cut - 1][1]}"
        assert shell.run.phase is whole.run.phase, told
        assert shell.run.failure == whole.run.failure, told
        assert shell.run.uncompensated == [], told
        assert set(undone(shell.log)) == UNDOES, told
        assert len(undone(shell.log)) == len(UNDOES), told
        assert undone(shell.log)[-1] == "reserve~compensate", told
        assert books(shop) == [], told


async def test_every_cut_of_a_paid_order_ends_the_same(worker: Worker, tmp_path: Path) -> None:
    whole = await ordered(worker, tmp_path / "whole")
    for cut in range(1, len(whole.log)):
        shop = tmp_path / f"cut-{cut}"
        shell = await cut_off(worker, shop, cut)
        assert (shell.run.phase, shell.run.output) == (whole.run.phase, whole.run.output), cut
        assert books(shop) == books(tmp_path / "whole"), cut
