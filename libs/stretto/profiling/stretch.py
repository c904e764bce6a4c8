"""The steps of a run as stretches of time, read from its events."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from stretto.profiling.report import Part

RUN = ""
"""The path of the run itself."""

_WORK_ENDS = frozenset({"step.completed", "step.failed"})
_OTHER_ENDS = frozenset(
    {"step.chosen", "step.skipped", "step.cancelled", "step.approved", "step.reused"}
)
_ASKS = frozenset({"step.finishing", "step.seeking"})
_CONTAINS = frozenset({"step.expanded", "step.opened", "step.repeated"})
_GOES_ON = frozenset({"rollout.advanced", "rollout.aborted"})
_WAITS = frozenset({"step.waiting", "step.queued", "rollout.paused"})
_RUN_ENDS = frozenset({"run.completed", "run.failed", "run.cancelled", "run.terminated"})


class Happened(Protocol):
    """What is read of an event: as the client gives them, and as documents of runs hold them."""

    @property
    def type(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def step(self) -> str | None: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Stay:
    """So long a step was at one thing; seconds of the engine's clock since the epoch. `part` None:
    the steps inside are."""

    part: Part | None
    begin: float
    end: float


@dataclass(slots=True, eq=False)
class Stretch:
    """One passage through a step: from when it may run to its end. Its stays touch."""

    path: str
    begin: float
    end: float | None = None
    task: str | None = None
    queue: str | None = None
    worker: str | None = None
    attempts: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    stays: list[Stay] = field(default_factory=list)
    at: float = 0.0
    """Up to here its time is told."""
    doing: Part | None = "decide"
    """What it does since."""
    bound: float | None = None
    accepted: float | None = None

    def __post_init__(self) -> None:
        self.at = self.begin

    def until(self, now: float, then: Part | None) -> None:
        """What it did lasted until now; then it does another thing."""
        self._stay(self.doing, now)
        self.doing = then

    def _stay(self, part: Part | None, until: float) -> None:
        until = max(until, self.at)
        if until > self.at:
            self.stays.append(Stay(part, self.at, until))
        self.at = until

    def scheduled(self, now: float, data: Mapping[str, Any]) -> None:
        """An attempt is out."""
        self.until(now, "queue")
        self.task, self.queue = data.get("task"), data.get("queue")
        self.attempts += 1
        self.bound = self.accepted = None

    def attempt_ended(self, now: float, data: Mapping[str, Any]) -> None:
        """An attempt came back: what it was at in between is told by its worker."""
        began, ended = _instant(data.get("started_at")), _instant(data.get("finished_at"))
        self.worker = data.get("worker") or self.worker
        if began is None or ended is None:
            began, ended = self.accepted, now
        else:
            began, ended = _moved(began, ended, self.at, now)
        if began is not None:
            if self.bound is not None:
                self._stay("queue", self.bound)
                self._stay("dispatch", began)
            else:
                self._stay("queue", began)
            self._stay("run", ended)
            self._stay("commit", now)
        else:
            self._stay("run", now)  # nobody said when it began


def _moved(began: float, ended: float, low: float, high: float) -> tuple[float, float]:
    """The worker's two instants, moved by as little as it takes to lie between the engine's."""
    length = min(max(0.0, ended - began), high - low)
    began = min(max(began, low), high - length)
    return began, began + length


def _instant(text: object) -> float | None:
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None  # a worker's own words: not all of them write instants


class Story:
    """A run as stretches.

    Attributes:
        stretches: all passages through steps, in the order in which they began.
        head: of the run itself: what it waited for before its first step, its last decision.
    """

    def __init__(self, events: Iterable[Happened]) -> None:
        self.stretches: list[Stretch] = []
        self.workflow, self.version, self.status = "", 0, "running"
        self.started = self.ended = 0.0
        self.finishing: float | None = None
        self.admitted: float | None = None
        self._open: dict[str, Stretch] = {}
        for number, event in enumerate(events):
            now = event.at.timestamp()
            if number == 0:
                self.started = now
            self.ended = max(self.ended, now)
            self._take(event, now)
        for stretch in self._open.values():
            stretch.until(self.ended, None)
        self._tell_dispatch()

    def _take(self, event: Happened, now: float) -> None:
        if event.type.startswith("run."):
            self._take_run(event, now)
        elif event.step is not None:
            self._take_step(event.type, event.step, event.data, now)

    def _take_run(self, event: Happened, now: float) -> None:
        if event.type == "run.started":
            self.workflow, self.version = event.data["workflow"], event.data["version"]
        elif event.type == "run.migrated":
            self.version = event.data["to_version"]
        elif event.type == "run.admitted":
            self.admitted = now
        elif event.type == "run.finishing":
            self.finishing = now
        elif event.type in _RUN_ENDS:
            self.status = event.type.removeprefix("run.")
        elif event.type in ("run.rewound", "run.rolled_back"):
            self.finishing = None
            for path in event.data["steps"]:
                self._end(path, now)

    def _take_step(self, kind: str, path: str, data: Mapping[str, Any], now: float) -> None:
        stretch = self._open.get(path)
        if stretch is None:
            stretch = self._open[path] = Stretch(path, now)
            self.stretches.append(stretch)
        if kind == "step.scheduled":
            stretch.scheduled(now, data)
        elif kind == "step.bound":
            stretch.bound = now
        elif kind == "step.started":
            stretch.accepted, stretch.worker = now, data.get("worker")
        elif kind in _WAITS:
            stretch.until(now, "wait")
        elif kind in _CONTAINS:
            stretch.until(now, None)
        elif kind in _GOES_ON:
            if (
                stretch.doing is not None
            ):  # it was paused; else its items are under way, and stay so
                stretch.until(now, None)
        elif kind in _ASKS or (kind == "step.signalled" and data.get("asked")):
            stretch.until(now, "decide")
        elif kind in _WORK_ENDS:
            self._worked(stretch, kind, data, now)
        elif kind in _OTHER_ENDS or kind == "step.signalled":
            self._end(path, now)

    def _worked(self, stretch: Stretch, kind: str, data: Mapping[str, Any], now: float) -> None:
        if stretch.doing == "queue":
            stretch.attempt_ended(now, data)
        if kind == "step.failed":
            name = (data.get("failure") or {}).get("type", "")
            if stretch.attempts:  # a group or list that failed has had none of its own
                stretch.failures[name] = stretch.failures.get(name, 0) + 1
            if data.get("retry_at"):
                stretch.until(now, "backoff")
                return
            if data.get("handler", -1) >= 0:
                stretch.until(now, None)
                return
        self._end(stretch.path, now)

    def _end(self, path: str, now: float) -> None:
        stretch = self._open.pop(path, None)
        if stretch is not None:
            stretch.until(now, None)
            stretch.end = now

    def _tell_dispatch(self) -> None:
        """Part what attempts waited into queue and way.

        Where the log does not say when an attempt was bound, the shortest wait of all attempts of
        its queue is taken for the way: what it takes when nothing is in the way.
        """
        shortest: dict[str | None, float] = {}
        for stretch in self.stretches:
            for stay in _waits(stretch):
                took = stay.end - stay.begin
                shortest[stretch.queue] = min(took, shortest.get(stretch.queue, took))
        for stretch in self.stretches:
            if stretch.queue not in shortest:
                continue
            way = shortest[stretch.queue]
            parted: list[Stay] = []
            waits = set(_waits(stretch))
            for stay in stretch.stays:
                if stay not in waits:
                    parted.append(stay)
                    continue
                at = stay.end - way
                if at > stay.begin:
                    parted.append(Stay("queue", stay.begin, at))
                parted.append(Stay("dispatch", max(at, stay.begin), stay.end))
            stretch.stays = parted


def _waits(stretch: Stretch) -> list[Stay]:
    """The waits of a stretch that end in a run, with nothing said of its way in between."""
    return [
        stay
        for stay, after in zip(stretch.stays, stretch.stays[1:], strict=False)
        if stay.part == "queue" and after.part in ("run", "commit")
    ]
