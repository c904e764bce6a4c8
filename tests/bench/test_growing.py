"""Each case runs on one small stack: what is made large is there, and both sides are measured."""

from dataclasses import replace
from pathlib import Path

import pytest

from stretto.bench.growing.cases import CASES, SMALL
from stretto.bench.rig import RigOptions, rig
from stretto.bench.sizes import SHORT
from stretto.bench.workloads.steady import steady

pytestmark = pytest.mark.slow

GROWTH = replace(SMALL, history_events=3, payload_bytes=20_000)


async def test_all_cases_are_measured_before_and_after(tmp_path: Path) -> None:
    async with rig(RigOptions(logs=tmp_path)) as running:
        even = await steady(
            running, replace(SHORT, in_flight=5, warm_up_s=0.5, seconds=1.0, steady_s=1.0)
        )
        found = {name: await case(running, GROWTH) for name, case in CASES.items()}
        stats = await running.client.stats()
        devices = await running.client.devices()

    assert even.lost == 0
    assert even.started_per_s == pytest.approx(even.highest_per_s / 2, abs=0.1)
    assert 0 < even.p50_ms <= even.p99_ms
    assert list(found) == list(CASES)
    for name, grown in found.items():
        assert grown.case == name
        assert grown.small > 0 and grown.large > 0 and grown.dearer > 0
    assert stats.workflows["bench-waiting"] == {"running": GROWTH.open_runs}
    # They were there while their case was measured; since then some may have been forgotten.
    assert len(devices) > GROWTH.devices // 2
