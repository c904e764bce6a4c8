"""Resources over several lanes and restarts: counted once, whoever has the lane."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..running import Dev, end
from ..whole.conftest import Whole
from .conftest import WORKERS, developing
from .test_admission import at_once, output

SHARED = """
workflow: adm-lanes
input: {type: object, properties: {items: {type: array, items: {type: integer}}}}
steps:
  work:
    for_each: ${{ input.items }}
    task: admission.hold
    queue: admission
    with: {seconds: 0.3, n: "${{ item }}"}
    resources: {gpu: 1}
  free:
    for_each: ${{ input.items }}
    task: admission.hold
    queue: admission
    with: {seconds: 0.01, n: "${{ item }}"}
output: ${{ steps.work.output }}
"""


@pytest.fixture(scope="module")
def lanes() -> Iterator[Dev]:
    with developing({"STRETTO_RESOURCES": '{"gpu": 3}', "STRETTO_LANES": "2"}) as dev:
        process = dev.begin("worker", str(WORKERS))
        try:
            yield dev
        finally:
            end(process)


def test_runs_of_all_partitions_share_what_there_is_over_a_restart(
    lanes: Dev, tmp_path: Path
) -> None:
    whole = Whole(lanes, tmp_path)
    runs = [whole.start(SHARED, items=list(range(5))) for _ in range(6)]
    ready = json.loads((lanes.data.parent / "ready.json").read_text())
    for pid in ready["pids"]["execution"]:
        os.kill(pid, signal.SIGKILL)
    spans = [span for run in runs for span in output(whole.ended(run))]

    assert len(spans) == 30
    assert at_once(spans) == 3
