"""The cases: each measures, makes one thing large, and measures again."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import msgspec

from stretto.bench.accounting import measured
from stretto.bench.definitions import FAN_OUT, THREE
from stretto.bench.ending import ended
from stretto.bench.figures import cost
from stretto.bench.growing.filling import devices, fill_closed, fill_open
from stretto.bench.rig import Rig
from stretto.bench.sizes import FULL, Sizes
from stretto.bench.workloads.throughput import throughput

TOLERATED = 1.2
"""Work may become this much dearer; more has a reason and a remedy in docs/performance.md."""

GIVE_UP_S = 300.0

THE_SAME = ("worker", "bench")
"""Parts that do the same for a step of B whatever the log holds: what they take is the pace of the
machine meanwhile, closer than any piece of work beside them."""


@dataclass(frozen=True)
class Growth:
    """How large things are made, and how long B is measured before and after.

    Attributes:
        history_runs, history_events: closed runs, and events of each.
        warm_up_s: B, before it is measured.
        turns: how often both sides are measured; those at the likest pace are compared.
        closed_runs: closed runs of two events.
        items: parallel items of one run, against `few_items`.
        payload_bytes: of one payload, against that of the benchmark.
    """

    seconds: float = 8.0
    warm_up_s: float = 3.0
    turns: int = 3
    in_flight: int = 500
    history_runs: int = 100_000
    history_events: int = 33
    closed_runs: int = 1_000_000
    open_runs: int = 100_000
    devices: int = 10_000
    items: int = 10_000
    few_items: int = 100
    payload_bytes: int = 1_000_000

    @property
    def sizes(self) -> Sizes:
        return replace(
            FULL, seconds=self.seconds, in_flight=self.in_flight, warm_up_s=self.warm_up_s
        )


SMALL = Growth(
    seconds=1.0,
    warm_up_s=0.5,
    turns=1,
    in_flight=5,
    history_runs=200,
    closed_runs=2_000,
    open_runs=200,
    devices=100,
    items=200,
    few_items=20,
    payload_bytes=100_000,
)
"""Says whether it works."""


class Grown(msgspec.Struct, frozen=True, kw_only=True):
    """What one case found.

    `small`, `large`: the figure before and after, in `unit`; `dearer`: how much more the work costs
    (throughput: how much less is done): 1 is no difference. It is a ratio at the same pace: where a
    neighbour made the machine slower meanwhile, that is taken out, and `note` says both paces.
    """

    case: str
    what: str
    unit: str
    small: float
    large: float
    dearer: float
    note: str = ""

    @property
    def tolerated(self) -> bool:
        return self.dearer <= TOLERATED


Case = Callable[[Rig, Growth], Awaitable[Grown]]


class Found(NamedTuple):
    """A figure, and the pace of the machine when it was found: what work that stays the same took
    (ms; 0: not known)."""

    figure: float
    pace_ms: float


async def _b(rig: Rig, growth: Growth) -> list[Found]:
    found = []
    for _ in range(growth.turns):
        await rig.settled(growth.sizes.settle_s)
        figures = await throughput(rig, growth.sizes)
        by_part = figures.cost.cpu_ms_per_step_by_part
        pace_ms = sum(by_part.get(part, 0.0) for part in THE_SAME)
        found.append(Found(figures.steps_per_s, pace_ms))
    return found


async def _held_against_b(
    rig: Rig, growth: Growth, case: str, what: str, fill: Callable[[], Awaitable[None]]
) -> Grown:
    small = await _b(rig, growth)
    await fill()
    return less_done(case, what, small, await _b(rig, growth))


def less_done(case: str, what: str, smalls: Sequence[Found], larges: Sequence[Found]) -> Grown:
    """Throughputs: the less is done at a pace, the dearer it is."""
    small, large = _alike(smalls, larges)
    dearer = small.figure / large.figure / _slower(small, large)
    return Grown(
        case=case,
        what=what,
        unit="steps/s",
        small=small.figure,
        large=large.figure,
        dearer=round(dearer, 3),
        note=_paces(small, large),
    )


def costs_more(
    case: str, what: str, unit: str, smalls: Sequence[Found], larges: Sequence[Found]
) -> Grown:
    """Costs in CPU."""
    small, large = _alike(smalls, larges)
    dearer = large.figure / small.figure / _slower(small, large)
    return Grown(
        case=case,
        what=what,
        unit=unit,
        small=small.figure,
        large=large.figure,
        dearer=round(dearer, 3),
        note=_paces(small, large),
    )


def _alike(smalls: Sequence[Found], larges: Sequence[Found]) -> tuple[Found, Found]:
    """The two that were found at the likest pace: a neighbour comes and goes within a minute, and
    not all work becomes slower by it as much as the piece that the pace is taken from."""
    return min(product(smalls, larges), key=lambda pair: abs(math.log(_slower(*pair))))


def _slower(small: Found, large: Found) -> float:
    """How much longer the same work took the machine the second time."""
    return large.pace_ms / small.pace_ms if small.pace_ms and large.pace_ms else 1.0


def _paces(small: Found, large: Found) -> str:
    return f"pace {small.pace_ms:.3g}, {large.pace_ms:.3g} ms"


async def history(rig: Rig, growth: Growth) -> Grown:
    """A log with many events."""
    events = growth.history_runs * growth.history_events
    return await _held_against_b(
        rig,
        growth,
        "history",
        f"{events:,} events in the log",
        lambda: fill_closed(rig, growth.history_runs, growth.history_events),
    )


async def closed(rig: Rig, growth: Growth) -> Grown:
    """A log with many closed runs."""
    return await _held_against_b(
        rig,
        growth,
        "closed",
        f"{growth.closed_runs:,} closed runs",
        lambda: fill_closed(rig, growth.closed_runs, 2),
    )


async def open_runs(rig: Rig, growth: Growth) -> Grown:
    """Many runs that wait."""
    return await _held_against_b(
        rig,
        growth,
        "open",
        f"{growth.open_runs:,} open runs",
        lambda: fill_open(rig, growth.open_runs),
    )


async def many_devices(rig: Rig, growth: Growth) -> Grown:
    """Many devices that tell of themselves."""
    small = await _b(rig, growth)
    async with devices(rig, growth.devices):
        large = await _b(rig, growth)
    return less_done("devices", f"{growth.devices:,} devices", small, large)


async def items(rig: Rig, growth: Growth) -> Grown:
    """A run with many parallel items, against as many items in small runs."""
    few, many = growth.few_items, growth.items
    await _fan(rig, few)  # warm
    smalls, larges = [], []
    for _ in range(growth.turns):
        smalls.append(await _cpu_ms(rig, many, lambda: _fans(rig, few, many // few)))
        larges.append(await _cpu_ms(rig, many, lambda: _fan(rig, many)))
    return costs_more("items", f"{many:,} items in one run", "ms CPU/item", smalls, larges)


async def payload(rig: Rig, growth: Growth) -> Grown:
    """Steps that take a large value along."""
    runs = 20
    large_input = {"n": 1, "data": "x" * growth.payload_bytes}
    smalls, larges = [], []
    for _ in range(growth.turns):
        smalls.append(await _cpu_ms(rig, 3 * runs, lambda: _runs(rig, runs, {"n": 1, "data": ""})))
        larges.append(await _cpu_ms(rig, 3 * runs, lambda: _runs(rig, runs, large_input)))
    megabytes = growth.payload_bytes / 1e6
    found = costs_more("payload", f"an input of {megabytes:g} MB", "ms CPU/step", smalls, larges)
    more_ms = found.large - found.small
    if more_ms <= 0:
        return found
    note = f"{megabytes * 1000 / more_ms:.0f} MB a second of CPU; {found.note}"
    return msgspec.structs.replace(found, note=note)


async def _fan(rig: Rig, count: int) -> None:
    run = await rig.client.start(FAN_OUT, {"items": [n % 10 for n in range(count)]})
    await ended(run, GIVE_UP_S)


async def _fans(rig: Rig, count: int, runs: int) -> None:
    for _ in range(runs):
        await _fan(rig, count)


async def _runs(rig: Rig, count: int, value: dict[str, Any]) -> None:
    for _ in range(count):
        await ended(await rig.client.start(THREE, value), GIVE_UP_S)


async def _cpu_ms(rig: Rig, pieces: int, work: Callable[[], Awaitable[None]]) -> Found:
    """Return the CPU of all processes for a piece of some work, in ms."""
    await rig.settled(FULL.settle_s)
    async with measured(rig.parts) as usage:
        await work()
    found = cost(usage, pieces)
    return Found(found.cpu_ms_per_step, found.pace_ms)


CASES: dict[str, Case] = {
    "history": history,
    "closed": closed,
    "open": open_runs,
    "devices": many_devices,
    "items": items,
    "payload": payload,
}
