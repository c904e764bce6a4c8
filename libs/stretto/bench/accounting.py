"""CPU and memory of the processes of a stack, by part (`workflow`, `postgres`, `worker`, …).

A part is a few processes and everything they made. Its CPU time includes that of children that have
ended and were waited for, as the kernel adds it to the parent: backends of Postgres come and go.
Memory is the proportional set size (PSS): shared pages are counted once over all processes.

The pace is the CPU time of a piece of work that is always the same. A second of CPU does less when
a neighbour on the same core or the same host is busy: figures compare only at the same pace.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

Parts = Mapping[str, Sequence[int]]
"""The processes of each part, by pid; what they made is found."""

OWN = os.getpid()
"""This process made all the others: what it made is not counted with it."""

SAMPLE_EVERY_S = 1.0
MB = 1_000_000

PACE_ROUNDS = 10_000
"""About two milliseconds: long enough to be measured, short enough not to be felt."""

MEMORY_FILE = "smaps_rollup"
"""Below `/proc/<pid>`; where there is none (macOS) memory is not measured."""


@dataclass
class Usage:
    """What a piece of work took.

    Attributes:
        seconds: how long it lasted.
        cpu_s: CPU time by part, user and system together.
        others_cpu_s: CPU time of all that runs beside it on this machine.
        peak_mb: the largest sum of memory over all parts; NaN where the system does not tell.
        peak_mb_by_part: what each part had at that moment.
        paces: CPU time of the same piece of work, once a second, in seconds.
    """

    seconds: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)
    others_cpu_s: float = 0.0
    peak_mb: float = math.nan
    peak_mb_by_part: dict[str, float] = field(default_factory=dict)
    paces: list[float] = field(default_factory=list)

    @property
    def total_cpu_s(self) -> float:
        return sum(self.cpu_s.values())


def cpu_seconds(parts: Parts) -> dict[str, float]:
    """Return the CPU time that each part has used so far, in seconds."""
    return {part: sum(map(_cpu_of, family)) for part, family in _families(parts).items()}


def memory_mb(parts: Parts) -> dict[str, float] | None:
    """Return the memory (PSS) of each part in MB; None where the system does not tell."""
    found: dict[str, float] = {}
    for part, family in _families(parts).items():
        sizes = [_pss_bytes(process.pid) for process in family]
        if any(size is None for size in sizes):
            return None
        found[part] = sum(size for size in sizes if size is not None) / MB
    return found


@asynccontextmanager
async def measured(parts: Callable[[], Parts]) -> AsyncIterator[Usage]:
    """Measure what is used while the context is open; the value is complete when it is left.

    `parts` is asked again for every look: a process may have been restarted.
    """
    usage = Usage()
    before, machine, began = cpu_seconds(parts()), _busy_seconds(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        sampling = group.create_task(_sample(parts, usage))
        try:
            yield usage
        finally:
            sampling.cancel()
    usage.seconds = time.perf_counter() - began
    after = cpu_seconds(parts())
    # A part that was restarted has lost what its first process used: never less than nothing.
    usage.cpu_s = {part: max(0.0, after[part] - before.get(part, 0.0)) for part in after}
    usage.others_cpu_s = max(0.0, _busy_seconds() - machine - usage.total_cpu_s)


async def _sample(parts: Callable[[], Parts], usage: Usage) -> None:
    while True:
        # In a thread: reading the maps of Postgres takes the kernel some milliseconds.
        pace, found = await asyncio.to_thread(_look, parts())
        usage.paces.append(pace)
        if found is not None:
            total = sum(found.values())
            if math.isnan(usage.peak_mb) or total > usage.peak_mb:
                usage.peak_mb, usage.peak_mb_by_part = total, found
        await asyncio.sleep(SAMPLE_EVERY_S)


def _look(parts: Parts) -> tuple[float, dict[str, float] | None]:
    return pace_s(), memory_mb(parts)


def pace_s() -> float:
    """Return the CPU time of a piece of work that is always the same, in seconds."""
    began = time.thread_time()
    kept: dict[int, str] = {}
    for number in range(PACE_ROUNDS):
        kept[number & 0xFF] = str(number)
    return time.thread_time() - began


def _busy_seconds() -> float:
    """Return the CPU time that this machine was not idle, over all cores."""
    times = psutil.cpu_times()
    return float(times.user + times.system + getattr(times, "nice", 0.0))


def _families(parts: Parts) -> dict[str, list[psutil.Process]]:
    """Return the processes of each part with all that they made; those that are gone left out."""
    known: dict[int, psutil.Process] = {}
    made: dict[int, list[int]] = {}
    # Once over all processes: asking each for its children would read all of them each time.
    for process in psutil.process_iter(["ppid"]):
        known[process.pid] = process
        made.setdefault(process.info["ppid"], []).append(process.pid)

    def family(pid: int) -> Iterator[psutil.Process]:
        if pid in known:
            yield known[pid]
        if pid != OWN:
            for child in made.get(pid, ()):
                yield from family(child)

    return {part: [one for pid in pids for one in family(pid)] for part, pids in parts.items()}


def _cpu_of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    used = times.user + times.system
    if process.pid != OWN and hasattr(times, "children_user"):
        used += times.children_user + times.children_system
    return float(used)


def _pss_bytes(pid: int) -> int | None:
    """Return the PSS of a process; 0 when it is gone, None when the system does not tell."""
    try:
        text = Path(f"/proc/{pid}/{MEMORY_FILE}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0 if Path(f"/proc/self/{MEMORY_FILE}").exists() else None
    except PermissionError:
        return None
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0  # it is ending: it has no memory any more
