"""What a profile says. Durations are milliseconds, instants RFC 3339 in UTC."""

from typing import Literal

import msgspec

Part = Literal["decide", "queue", "dispatch", "run", "commit", "backoff", "wait", "held"]
"""What a step does with its time.

========  ====================================================================================
decide    its condition and input are worked out, until its attempt is in the log
queue     the attempt waits for a free slot or device
dispatch  the attempt is on its way to its worker
run       the handler runs, by the worker's clock
commit    the result is on its way back, until it is in the log
backoff   between a failed attempt and the next one
wait      it waits for an instant, a signal, a person or another run
held      nothing was under way: the run was paused, or queued; a loop between two rounds
========  ====================================================================================
"""

PARTS: tuple[Part, ...] = (
    "decide", "queue", "dispatch", "run", "commit", "backoff", "wait", "held",
)  # fmt: skip


class Times(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A distribution of durations."""

    count: int
    total_ms: float
    mean_ms: float
    p50_ms: float
    p95_ms: float
    max_ms: float


class Piece(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step on the critical path. `step` is its path; empty: the run itself."""

    step: str
    at_ms: float
    """When it begins, after the run's start."""
    took_ms: float
    parts: dict[str, float]
    """Its time by `Part`."""
    task: str | None = None
    worker: str | None = None
    queue: str | None = None
    attempts: int = 0


class StepTimes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All passages through a step of the definition: its items and rounds are counted together."""

    step: str
    took: Times
    parts: dict[str, Times]
    """By `Part`, where it took any time."""
    critical_ms: float = 0.0
    """Its time on the critical path; of many runs, the mean."""
    task: str | None = None
    attempts: int = 0


class Advice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that would make it faster. `share` of the run's time that it is about, 0 to 1."""

    sentence: str
    share: float
    part: str
    step: str = ""


class RunProfile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the time of a run went."""

    run_id: str
    workflow: str
    version: int
    status: str
    started_at: str
    took_ms: float
    """From its start to its end, or to its last event."""
    work_ms: float
    """What all handlers ran, together."""
    parallelism: float
    """`work_ms` by `took_ms`: how many handlers ran at a time, on average."""
    critical_path: list[Piece]
    """What the end of the run waited for, from its start on; its pieces touch."""
    parts: dict[str, float]
    """The time of the critical path by `Part`: together, `took_ms`."""
    steps: list[StepTimes]
    tasks: dict[str, Times]
    """How long handlers ran, by task."""
    workers: dict[str, Times]
    """The same by worker or device."""
    advice: list[Advice]
    """What would make it faster, the largest first."""


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the time of many runs of a workflow went. Parts are means of a run."""

    workflow: str
    runs: int
    took: Times
    work_ms: float
    parallelism: float
    parts: dict[str, float]
    steps: list[StepTimes]
    tasks: dict[str, Times]
    workers: dict[str, Times]
    advice: list[Advice]
    slowest: list[str] = []
    """The ids of the runs that took longest."""
    more: bool = False
    """There are more such runs than were looked at: these are the latest."""
