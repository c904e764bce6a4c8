"""Each case runs on one small stack: what is made large is there, and both sides are measured."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from stretto.bench.growing import cases
from stretto.bench.growing.cases import CASES, SMALL
from stretto.bench.growing.filling import devices
from stretto.bench.rig import Rig, RigOptions, rig
from stretto.bench.sizes import SHORT
from stretto.bench.workloads.steady import steady

pytestmark = pytest.mark.slow

GROWTH = replace(SMALL, history_events=3, payload_bytes=20_000)
PATIENCE_S = 60.0
POLL_S = 0.05


@asynccontextmanager
async def devices_that_are_known(rig: Rig, count: int) -> AsyncIterator[None]:
    """Tell of devices, and wait until all are listed."""
    async with devices(rig, count):
        async with asyncio.timeout(PATIENCE_S):
            known = await rig.client.devices()
            while len(known) < count:
                await asyncio.sleep(POLL_S)
                known = await rig.client.devices()
        yield


async def test_all_cases_are_measured_before_and_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "devices", devices_that_are_known)
    async with rig(RigOptions(logs=tmp_path)) as running:
        even = await steady(
            running, replace(SHORT, in_flight=5, warm_up_s=0.5, seconds=1.0, steady_s=1.0)
        )
        found = {name: await case(running, GROWTH) for name, case in CASES.items()}
        stats = await running.client.stats()

    assert even.lost == 0
    assert even.started_per_s == pytest.approx(even.highest_per_s / 2, abs=0.1)
    assert 0 < even.p50_ms <= even.p99_ms
    assert list(found) == list(CASES)
    for name, grown in found.items():
        assert grown.case == name
        assert grown.small > 0 and grown.large > 0 and grown.dearer > 0
    assert stats.workflows["bench-waiting"] == {"running": GROWTH.open_runs}
