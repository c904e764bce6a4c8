"""The benchmark as a whole: a rig, the chosen workloads in order, a report."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from stretto.bench.figures import Figures, Report
from stretto.bench.handlers import PAYLOAD_BYTES, worker
from stretto.bench.machine import machine, versions
from stretto.bench.rig import Rig, RigOptions, rig
from stretto.bench.sizes import FULL, SHORT, Sizes
from stretto.bench.targets import ratios
from stretto.bench.workloads import WORKLOADS, describe
from stretto.dev.environment import OTLP_ENDPOINT
from stretto.runtime.settings import ServiceSettings, read_settings

_SECRET = ("PASSWORD", "DSN", "CREDS", "URL", "TOKEN")

Around = Callable[[str, Rig], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class BenchOptions:
    """What is run, and how. `both`: once more with computed expressions."""

    letters: Sequence[str] = tuple(WORKLOADS)
    sizes: Sizes = FULL
    both: bool = False
    rig: RigOptions = field(default_factory=RigOptions)


async def bench(
    options: BenchOptions,
    tell: Callable[[str], None] = lambda _line: None,
    around: Around | None = None,
) -> Report:
    """Run each workload on a stack of its own and return what was found: none pays for what the one
    before has left behind (autovacuum, checkpoints, full streams).

    Args:
        options: which workloads, at which sizes, on what.
        tell: is called with a line for a person as it goes.
        around: what is open around each workload, e.g. a profiler.

    Raises:
        StrettoError: the stack did not come up, or a run was refused, failed or did not end.
        TimeoutError: in B no run ended while it was measured.
    """
    where = machine()
    found = await _figures(options, options.rig, tell, around)
    computed: dict[str, Figures] = {}
    if options.both:
        tell("the same with computed expressions")
        computed = await _figures(options, replace(options.rig, computed=True), tell, around)
    return Report(
        workloads=found,
        computed=computed,
        ratios=ratios(found),
        settings={**settings(options), "profiled": around is not None},
        machine=where,
        versions=versions(),
    )


async def _figures(
    options: BenchOptions,
    rig_options: RigOptions,
    tell: Callable[[str], None],
    around: Around | None,
) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    highest: float | None = None
    for letter in options.letters:
        tell(f"{letter}  {describe(letter, options.sizes)}")
        async with rig(rig_options) as running:
            await running.settled(options.sizes.settle_s)
            running.highest_runs_per_s = highest
            if around is None:
                found[letter] = await WORKLOADS[letter](running, options.sizes)
            else:
                async with around(letter, running):
                    found[letter] = await WORKLOADS[letter](running, options.sizes)
            highest = running.highest_runs_per_s
    return found


def settings(options: BenchOptions) -> dict[str, Any]:
    """Return what was set, and what the person's environment changes of the defaults."""
    product = read_settings(ServiceSettings)
    return {
        "trace_ratio": product.trace_ratio,
        "spans_exported": bool(os.environ.get(OTLP_ENDPOINT)),
        "partitions": product.partitions,
        "workers": options.rig.workers,
        "slots_per_worker": worker.slots,
        "scale": dict(options.rig.scale),
        "payload_bytes": PAYLOAD_BYTES,
        "computed": options.rig.computed,
        "sizes": {FULL: "full", SHORT: "short"}.get(options.sizes, "changed"),
        "sizes_used": asdict(options.sizes),
        "memory": "PSS over all processes",
        "environment": {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith("STRETTO_") and not any(word in name for word in _SECRET)
        },
    }
