"""What a schedule does: which instants fire, which are missed, and what overlaps. Pure.

`advance` moves the clock of a schedule; `Book` decides about the firings of one, one by one:

============ ===============================================================================
skip         left out while a run of the schedule is open, or waits
queue_one    waits for what is open; left out when one waits already
queue_all    waits for what is open, in the order of the instants
cancel       what is open is cancelled, what waits is left out; then it starts
terminate    the same, at once and without compensation
allow        starts
============ ===============================================================================
"""

import msgspec

from services.workflow.schedules.records import (
    ASKED_FOR,
    OPEN,
    Cause,
    Firing,
    FiringStatus,
    Schedule,
    firing_id,
    run_of_firing,
)
from stretto.contracts.codec import json_encode
from stretto.contracts.ids import run_id_text
from stretto.contracts.public import StartRequest
from stretto.contracts.schedules import LABEL_SCHEDULE, LABEL_TIME
from stretto.runtime.clock import US_PER_S, rfc3339
from stretto.schedule.timing import Timing, jitter_key

ON_TIME_US = 10 * US_PER_S
"""A firing that is no later than this is on time: a service that is restarted misses nothing."""

MAX_ON_TIME = 16
"""Instants that can be on time at once: one a second at most, and a few for good measure."""

MAX_WAITING = 1_000
"""Firings of a schedule that wait; further ones are left out, and say why."""

MAX_COUNTED = 10_000
"""Missed instants are counted up to here; there may be more."""

MISSED = "#missed"
"""Ends the id of a firing that stands for instants that were missed."""


class Book:
    """The firings of one schedule that wait or are open, and what is decided about them.

    Args:
        held: every firing that waits, starts or has started, in any order.
    """

    def __init__(self, schedule: Schedule, held: list[Firing], now_us: int) -> None:
        self._schedule = schedule
        self._now_us = now_us
        self._held = {f.id for f in held}
        self._open = [f for f in held if f.status in OPEN]
        waiting = [f for f in held if f.status == FiringStatus.WAITING]
        self._waiting = sorted(waiting, key=_order)
        self.added: list[Firing] = []
        self.changed: list[Firing] = []

    def fire(
        self,
        instant_us: int,
        cause: Cause,
        overlap: str | None = None,
        *,
        suffix: str = "",
        over: Firing | None = None,
    ) -> Firing:
        """Decide about one instant; `over`: the firing without a run that it takes the place
        of."""
        overlap = overlap or self._schedule.spec.overlap
        firing = self._new(instant_us, cause, overlap, suffix)
        if over is None:
            self.added.append(firing)
        else:
            firing.was = over.status
            self.changed.append(firing)
        if overlap == "allow" or not (self._open or self._waiting):
            self._start(firing)
        elif overlap == "skip":
            self._skip(firing, "another run of the schedule was open")
        elif overlap == "queue_one" and self._waiting:
            self._skip(firing, "another run of the schedule was waiting")
        elif overlap in ("cancel", "terminate"):
            self._make_room(overlap)
            self._wait(firing)
        elif len(self._waiting) >= MAX_WAITING:
            self._skip(firing, f"{MAX_WAITING} runs of the schedule were waiting")
        else:
            self._wait(firing)
        return firing

    def miss(self, first_us: int, last_us: int, count: int) -> None:
        """Note that instants were missed, from the first to the last."""
        firing = self._new(first_us, Cause.TIME, self._schedule.spec.overlap, MISSED)
        firing.status, firing.count, firing.until_us = FiringStatus.MISSED, count, last_us
        firing.reason = "nobody was there in time"
        self.added.append(firing)

    def release(self) -> None:
        """Start what waits, when nothing is open any more: the first of it. While the schedule is
        paused, only what a person asked for."""
        paused = self._schedule.paused_us is not None
        free = [f for f in self._waiting if not paused or f.cause in ASKED_FOR]
        if free and not self._open:
            firing = free[0]
            self._waiting.remove(firing)
            self._change(firing)
            self._start(firing)

    def drop(self, reason: str) -> None:
        """Let nothing wait any more."""
        for firing in self._waiting:
            self._change(firing)
            self._skip(firing, reason)
        self._waiting.clear()

    def _new(self, instant_us: int, cause: Cause, overlap: str, suffix: str) -> Firing:
        schedule = self._schedule
        name = firing_id(schedule.name, instant_us, suffix)
        return Firing(
            namespace=schedule.namespace,
            name=schedule.name,
            id=name,
            shard=schedule.shard,
            instant_us=instant_us,
            cause=cause,
            overlap=overlap,
            status=FiringStatus.WAITING,
            decided_us=self._now_us,
            run_id=run_of_firing(schedule.namespace, name, self._now_us),
            workflow=schedule.spec.workflow,
        )

    def _start(self, firing: Firing) -> None:
        spec = self._schedule.spec
        firing.status = FiringStatus.STARTING
        firing.workflow = spec.workflow
        firing.run_id = run_of_firing(firing.namespace, firing.id, self._now_us)
        firing.request = start_request(self._schedule, firing)
        firing.sent_us = self._now_us
        self._open.append(firing)

    def _skip(self, firing: Firing, reason: str) -> None:
        firing.status = FiringStatus.SKIPPED
        firing.reason = reason

    def _wait(self, firing: Firing) -> None:
        firing.status = FiringStatus.WAITING
        self._waiting.append(firing)
        self._waiting.sort(key=_order)

    def _make_room(self, ending: str) -> None:
        for firing in self._open:
            if firing.ending is None or (ending == "terminate" and firing.ending == "cancel"):
                self._change(firing)
                firing.ending, firing.told, firing.sent_us = ending, False, self._now_us
        self.drop("a later run of the schedule took its place")

    def _change(self, firing: Firing) -> None:
        """Note that a firing is to be written; what is new is written anyway."""
        if firing.was is None and firing.id in self._held:
            firing.was = firing.status
            self.changed.append(firing)


def _order(firing: Firing) -> tuple[int, str]:
    return firing.instant_us, firing.id


def start_request(schedule: Schedule, firing: Firing) -> bytes:
    """Write the start of a firing's run."""
    spec = schedule.spec
    instant = rfc3339(firing.instant_us)
    value = spec.input
    if spec.time_as is not None:
        fields = msgspec.json.decode(bytes(value)) or {}
        value = msgspec.Raw(json_encode(fields | {spec.time_as: instant}))
    request = StartRequest(
        input=value,
        id=firing.id,
        run_id=run_id_text(firing.run_id),
        version=spec.version,
        labels=spec.labels | {LABEL_SCHEDULE: schedule.name, LABEL_TIME: instant},
    )
    return json_encode(request)


def aimed(schedule: Schedule, timing: Timing, covered_us: int) -> Schedule:
    """Set the clock of a schedule: all up to an instant is decided about."""
    next_us = timing.next(covered_us)
    due_us = None
    if next_us is not None and schedule.paused_us is None and schedule.removed_us is None:
        due_us = timing.starts_at(jitter_key(*schedule.key), next_us)
    return msgspec.structs.replace(schedule, covered_us=covered_us, next_us=next_us, due_us=due_us)


def advance(schedule: Schedule, timing: Timing, book: Book, now_us: int) -> Schedule:
    """Let the clock come to `now_us`: what is due fires, what waits starts when it can."""
    if schedule.removed_us is not None:
        return schedule
    book.release()
    if schedule.paused_us is not None or now_us <= schedule.covered_us:
        return schedule
    spec, key = schedule.spec, jitter_key(*schedule.key)
    covered_us = now_us
    latest = timing.latest(schedule.covered_us, now_us, spec.catch_up + MAX_ON_TIME)
    if latest and timing.starts_at(key, latest[-1]) > now_us:
        covered_us = latest.pop() - 1  # its jitter has it start later
    on_time = [i for i in latest if now_us - timing.starts_at(key, i) <= ON_TIME_US]
    late = latest[: len(latest) - len(on_time)]
    window_us = now_us - round(spec.window_s * US_PER_S)
    made_up = [i for i in late if i >= window_us]
    made_up = made_up[max(0, len(made_up) - spec.catch_up) :]
    kept = [*made_up, *on_time]
    _miss(schedule, timing, book, kept[0] - 1 if kept else covered_us)
    for instant in made_up:
        book.fire(instant, Cause.CATCH_UP)
    for instant in on_time:
        book.fire(instant, Cause.TIME)
    return aimed(schedule, timing, covered_us)


def _miss(schedule: Schedule, timing: Timing, book: Book, until_us: int) -> None:
    """Note what was not decided about up to an instant."""
    after_us = schedule.covered_us
    count = timing.count(after_us, until_us, MAX_COUNTED)
    if count:
        first = next(timing.between(after_us, until_us))
        [last] = timing.latest(after_us, until_us, 1)
        book.miss(first, last, count)
