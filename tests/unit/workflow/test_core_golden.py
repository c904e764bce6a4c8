"""Histories that were recorded once, and are never edited, fold to the same runs for ever."""

import gc
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.workflow.core import Run, apply
from stretto.contracts.codec import decode_event, decode_graph, json_encode
from stretto.contracts.ids import parse_run_id

HISTORIES = sorted((Path(__file__).parents[2] / "golden" / "histories").glob("*.json"))


def told(run: Run) -> dict[str, object]:
    """What a history has to fold to, as JSON."""
    return {
        "phase": run.phase.word,
        "seq": run.seq,
        "output": run.output.decode(),
        "failure": json.loads(msgspec.json.encode(run.failure)),
        "undo": run.undo,
        "uncompensated": run.uncompensated,
        "nodes": {
            path: [
                node.status.word,
                node.attempt,
                None if node.output is None else node.output.decode(),
            ]
            for path, node in sorted(run.nodes.items())
        },
    }


def folded(recorded: dict[str, Any]) -> Run:
    run = Run(parse_run_id(recorded["run_id"]), decode_graph(json_encode(recorded["graph"])))
    if "graphs" in recorded:  # of a run that has followed several versions
        graphs = recorded["graphs"].items()
        run.graphs = {int(version): decode_graph(json_encode(graph)) for version, graph in graphs}
    for seq, at_us, type_, data in recorded["events"]:
        apply(run, decode_event(type_, json_encode(data)), seq, at_us)
    return run


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_recorded_history_folds_to_the_run_that_it_was(path: Path) -> None:
    recorded = json.loads(path.read_bytes())
    assert told(folded(recorded)) == recorded["folds_to"]


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_run_that_is_let_go_leaves_nothing_to_the_collector(path: Path) -> None:
    run = folded(json.loads(path.read_bytes()))
    gc.collect()
    gc.disable()
    try:
        run.let_go()
        del run
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_the_histories_hold_most_kinds_of_events() -> None:
    types = {e[2] for path in HISTORIES for e in json.loads(path.read_bytes())["events"]}
    assert len(HISTORIES) >= 6
    assert len(types) >= 20, sorted(types)
