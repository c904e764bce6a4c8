"""Where the Python processes spend their time: py-spy beside each while a workload runs.

py-spy looks at a running process from outside, so the services need nothing for it. It has to be
installed (`pip install py-spy`) and be allowed to look: as root, or with the kernel's setting
`kernel.yama.ptrace_scope` at 0. The time of compiled code (the event loop, drivers, codecs) is
that of the Python function that called it: `Runner.run` is uvloop with all its system calls.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from stretto.bench.accounting import Parts
from stretto.runtime.errors import PermanentError

RATE_HZ = 100
"""Samples a second of each process; more of them slow down what is looked at."""

TOP = 15
_ENDS_WITHIN_S = 20.0
_NOT_PYTHON = frozenset({"nats", "postgres"})


class NoProfiler(PermanentError):
    """py-spy is not installed, or may not look at the processes."""


@dataclass(frozen=True)
class Spent:
    """A function: the share of the samples in which it ran itself, and in which it was called."""

    function: str
    own: float
    total: float


@dataclass(frozen=True)
class Profile:
    """Of one process: how many samples found it busy, and its functions, the busiest first."""

    process: str
    samples: int
    functions: list[Spent]


def py_spy() -> str:
    """Return the path of py-spy.

    Raises:
        NoProfiler: it is not installed beside this Python.
    """
    path = Path(sys.executable).with_name("py-spy")
    if not path.exists():
        raise NoProfiler(
            "bench.no_profiler",
            f"expected py-spy at {path}, but it is not there: pip install py-spy",
        )
    return str(path)


@asynccontextmanager
async def profiled(parts: Parts, folder: Path, rate_hz: int = RATE_HZ) -> AsyncIterator[None]:
    """Sample every Python process while the context is open; writes `<folder>/<process>.raw`.

    The files hold stacks and counts as flame graphs are made of. `read_profiles` sums them up.

    Raises:
        NoProfiler: py-spy is not there, or could not look at a process.
    """
    program = py_spy()
    _emptied(folder)
    spies: list[tuple[asyncio.subprocess.Process, Path]] = []
    try:
        for name, pid in processes(parts):
            out = folder / f"{name}.raw"
            spies.append((await _spy(program, pid, out, rate_hz), out))
        yield
    finally:
        said = [await _end(spy) for spy, _ in spies]
    missing = _unwritten(said, spies)
    if missing:
        raise NoProfiler(
            "bench.not_profiled", f"expected py-spy to look at the processes, but {missing[0]}"
        )


def processes(parts: Parts) -> list[tuple[str, int]]:
    """List the Python processes with a name each: `workflow`, `workflow-2`, ..."""
    return [
        (part if number == 1 else f"{part}-{number}", pid)
        for part, pids in parts.items()
        if part not in _NOT_PYTHON
        for number, pid in enumerate(pids, 1)
    ]


def read_profiles(folder: Path) -> list[Profile]:
    """Read what `profiled` wrote, the busiest process first."""
    found = [
        Profile(path.stem, *spent(path.read_text().splitlines())) for path in folder.glob("*.raw")
    ]
    return sorted(found, key=lambda profile: -profile.samples)


def spent(lines: Sequence[str]) -> tuple[int, list[Spent]]:
    """Sum up stacks (`outer;inner;innermost count`): samples, and functions by their own share."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        own[frames[-1]] += int(count)
        for frame in set(frames):
            total[frame] += int(count)
    samples = own.total()
    return samples, [
        Spent(name, own[name] / samples, total[name] / samples)
        for name in sorted(total, key=lambda name: (-own[name], -total[name]))
    ]


def described(profiles: Sequence[Profile]) -> str:
    """Write profiles for a person: the functions with the most time of their own, by process."""
    lines: list[str] = []
    for profile in profiles:
        lines.append(f"{profile.process}: {profile.samples} samples")
        lines.append("    own  total")
        lines += [
            f"  {one.own:5.1%}  {one.total:5.1%}  {one.function}" for one in profile.functions[:TOP]
        ]
        lines.append("")
    return "\n".join(lines)


async def _spy(program: str, pid: int, out: Path, rate_hz: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(program, "record", "--pid", str(pid), "--rate", str(rate_hz)),
        *("--format", "raw", "--function", "--nonblocking"),
        *("--output", str(out)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )


async def _end(spy: asyncio.subprocess.Process) -> str:
    """End a profiler so that it writes its file; return what it said."""
    if spy.returncode is None:
        spy.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(_ENDS_WITHIN_S):
            _, said = await spy.communicate()
    except TimeoutError:
        spy.kill()
        await spy.wait()
        return f"it did not end within {_ENDS_WITHIN_S:g} s"
    return said.decode(errors="replace").strip() or f"it ended with code {spy.returncode}"


def _emptied(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.raw"):
        old.unlink()


def _unwritten(said: Sequence[str], spies: Sequence[tuple[object, Path]]) -> list[str]:
    """Return what those profilers said that did not write their file."""
    return [what for what, (_, out) in zip(said, spies, strict=True) if not out.exists()]
