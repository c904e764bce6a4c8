"""The science example: what its folder holds fits together."""

import runpy
from pathlib import Path

import pytest

from stretto import Worker
from stretto.definition import load
from tests.unit.examples.saga_shell import graph_of

SCIENCE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "science"


def test_the_workflow_is_the_one_that_is_made_and_has_no_mistakes() -> None:
    text = (SCIENCE / "workflow.yaml").read_text()
    assert runpy.run_path(str(SCIENCE / "make.py"))["workflow"]() == text
    loaded = load(text, "science")
    assert [str(m) for m in [*loaded.mistakes, *loaded.warnings]] == []


async def test_the_worker_does_every_task_of_it_and_takes_the_time_that_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOSAIC_SCALE", "0.01")
    worker = runpy.run_path(str(SCIENCE / "worker.py"))["worker"]
    assert isinstance(worker, Worker)
    graph = graph_of(SCIENCE / "workflow.yaml")
    tasks = {step.task.name for step in graph.root.steps if step.task is not None}
    for task in tasks:
        assert await worker.run_local(task, {"ms": 100.0}) == {"took_ms": 1.0}
