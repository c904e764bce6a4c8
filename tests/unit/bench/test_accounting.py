"""CPU and memory are those of the processes of a part and of all that they made."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import psutil
import pytest

from stretto.bench import accounting
from stretto.bench.accounting import cpu_seconds, measured, memory_mb

BURNT_S = 0.2

BURN = f"""
import time
while time.process_time() < {BURNT_S}: pass
"""

# Says a line when it is there and waits until its input is closed.
IDLE = "import sys; print('up', flush=True); sys.stdin.read()"

BURN_THEN_IDLE = BURN + IDLE
CHILD_BURNS_THEN_IDLE = (
    f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {BURN!r}]);" + IDLE
)
CHILD_IDLES = (
    "import subprocess, sys;"
    f"p = subprocess.Popen([sys.executable, '-S', '-c', {BURN_THEN_IDLE!r}]); p.wait()"
)


@contextmanager
def process(code: str) -> Iterator[int]:
    """A Python process that has said its line; ended when the context is left."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        try:
            yield child.pid
        finally:
            child.communicate()


def test_cpu_of_a_process_is_counted() -> None:
    with process(BURN_THEN_IDLE) as pid:
        assert cpu_seconds({"part": [pid]})["part"] >= BURNT_S * 0.9


def test_cpu_of_children_that_live_is_counted() -> None:
    with process(CHILD_IDLES) as pid:
        assert cpu_seconds({"part": [pid]})["part"] >= BURNT_S * 0.9


def test_cpu_of_children_that_ended_is_counted() -> None:
    with process(CHILD_BURNS_THEN_IDLE) as pid:
        assert cpu_seconds({"part": [pid]})["part"] >= BURNT_S * 0.9


def test_a_process_that_is_gone_counts_nothing() -> None:
    with process(IDLE) as pid:
        pass
    assert cpu_seconds({"part": [pid]}) == {"part": 0.0}
    assert memory_mb({"part": [pid]}) == {"part": 0}


def test_this_process_is_counted_without_what_it_made() -> None:
    own = {"bench": [os.getpid()]}
    before_cpu, before_mb = cpu_seconds(own), memory_mb(own)
    with process(BURN_THEN_IDLE) as pid:
        child_mb = memory_mb({"child": [pid]})
        while_there = memory_mb(own)
    after = cpu_seconds(own)

    assert after["bench"] - before_cpu["bench"] < BURNT_S * 0.9
    assert before_mb is not None
    assert while_there is not None
    assert child_mb is not None
    assert child_mb["child"] > 1
    assert while_there["bench"] - before_mb["bench"] < child_mb["child"]


async def test_measuring_gives_time_cpu_and_peak_memory_by_part() -> None:
    with process(IDLE) as pid:
        async with measured(lambda: {"idle": [pid], "bench": [os.getpid()]}) as usage:
            began = time.process_time()
            # This burns, and gives way to the sampler.
            while time.process_time() - began < BURNT_S or not usage.peak_mb > 0:  # noqa: ASYNC110
                await asyncio.sleep(0)

    assert usage.seconds > 0  # less than was burnt, when other threads burnt some of it
    assert usage.cpu_s["bench"] >= BURNT_S * 0.8  # told in ticks of 10 ms
    assert usage.cpu_s["idle"] < BURNT_S
    assert usage.total_cpu_s == pytest.approx(sum(usage.cpu_s.values()))
    assert usage.others_cpu_s >= 0
    assert all(0 < pace < 1 for pace in usage.paces)
    assert usage.peak_mb == pytest.approx(sum(usage.peak_mb_by_part.values()))
    assert set(usage.peak_mb_by_part) == {"idle", "bench"}


async def test_a_part_that_was_restarted_does_not_count_less_than_nothing() -> None:
    with process(BURN_THEN_IDLE) as first, process(IDLE) as second:
        now = [first]
        async with measured(lambda: {"part": now}) as usage:
            now[:] = [second]
    assert usage.cpu_s["part"] >= 0


async def test_memory_is_not_there_where_the_system_does_not_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accounting, "MEMORY_FILE", "there-is-no-such-file")
    assert memory_mb({"bench": [os.getpid()]}) is None
    async with measured(lambda: {"bench": [os.getpid()]}) as usage:
        await asyncio.sleep(0)
    assert usage.peak_mb_by_part == {}


async def test_the_highest_of_the_samples_is_the_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: asyncio.Queue[None] = asyncio.Queue()
    sizes = iter([{"a": 3.0}, {"a": 5.0, "b": 1.0}, {"a": 4.0}, None])

    def look(_parts: object) -> tuple[float, dict[str, float] | None]:
        loop.call_soon_threadsafe(seen.put_nowait, None)
        return 0.001, next(sizes, {"a": 1.0})

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(accounting, "_look", look)
    monkeypatch.setattr(accounting, "SAMPLE_EVERY_S", 0.0)
    async with measured(lambda: {"a": [os.getpid()]}) as usage:
        for _ in range(6):
            await asyncio.wait_for(seen.get(), 30)
    assert (usage.peak_mb, usage.peak_mb_by_part) == (6.0, {"a": 5.0, "b": 1.0})
    assert len(usage.paces) >= 5


def test_what_may_not_be_read_is_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = {"bench": [os.getpid()]}

    def refused(_path: Path) -> str:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", refused)
        assert memory_mb(own) is None
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", lambda _path: "Rss: 5 kB\n")
        assert memory_mb(own) == {"bench": 0.0}  # it is ending


def test_a_process_that_ends_while_it_is_looked_at_counts_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Ending:
        pid = os.getpid()
        info: ClassVar = {"ppid": 1}

        def cpu_times(self) -> None:
            raise psutil.NoSuchProcess(self.pid)

    monkeypatch.setattr(psutil, "process_iter", lambda _attributes: [Ending()])
    assert cpu_seconds({"bench": [os.getpid()]}) == {"bench": 0.0}
