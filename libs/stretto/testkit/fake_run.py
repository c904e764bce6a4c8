"""A run of the fake workflow service: its log, and how its steps go on."""

from __future__ import annotations

import msgspec

from stretto.contracts import codec, ids
from stretto.contracts import events as ev
from stretto.contracts.failures import Failure
from stretto.contracts.frames import LogEvent
from stretto.runtime.clock import datetime_of, now_us, rfc3339

ATTEMPTS = 3


class FakeRun:
    """The log of one run, and how it stands."""

    def __init__(self, run_id: bytes, namespace: str, workflow: str, key: str | None) -> None:
        self.run_id = run_id
        self.namespace = namespace
        self.workflow = workflow
        self.key = key
        self.version = 1
        self.status = "running"
        self.input = b"null"
        self.output = b"null"
        self.failure: Failure | None = None
        self.log: list[tuple[int, str, int, bytes, str | None]] = []
        self.left: list[tuple[str, str]] = []

    @property
    def id_text(self) -> str:
        return ids.run_id_text(self.run_id)

    def append(self, event: ev.Event, at_us: int) -> LogEvent:
        """Add an event to the log."""
        seq = len(self.log) + 1
        data = codec.json_encode(event)
        self.log.append((seq, event.type, at_us, data, getattr(event, "step", None)))
        return LogEvent(seq, event.type, at_us, data)

    def go_on(self) -> list[ev.Event]:
        """Run steps until one holds or the run is over; give the events."""
        events: list[ev.Event] = []
        while self.left:
            name, task = self.left[0]
            events.append(
                ev.StepScheduled(step=name, attempt=1, task=task, input=msgspec.Raw(self.input))
            )
            if task == "hold":
                return events
            if task == "fail":
                return events + self._fail(name, task)
            self.left.pop(0)
            self.output = self.input
            events.append(
                ev.StepCompleted(
                    step=name,
                    attempt=1,
                    output=msgspec.Raw(self.output),
                    worker="fake",
                    started_at=rfc3339(now_us()),
                    finished_at=rfc3339(now_us()),
                )
            )
        self.status = "completed"
        events.append(ev.RunCompleted(output=msgspec.Raw(self.output)))
        return events

    def _fail(self, name: str, task: str) -> list[ev.Event]:
        failure = Failure(type="Broken", message="it is meant to fail", step=name)
        events: list[ev.Event] = []
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            retry_at = None if last else datetime_of(now_us())
            events.append(
                ev.StepFailed(step=name, failure=failure, attempt=attempt, retry_at=retry_at)
            )
            if not last:
                events.append(ev.StepScheduled(step=name, attempt=attempt + 1, task=task))
        self.status, self.failure = "failed", failure
        events.append(ev.RunFailing(ending="failed", failure=failure))
        events.append(ev.RunFailed(failure=failure))
        return events
