"""What a handler may know and do besides its input: the `ctx` parameter."""

import json
import logging
from collections.abc import Callable, MutableMapping
from datetime import datetime
from typing import Any

import msgspec

from stretto.contracts.payload import MAX_DETAILS_BYTES, NULL
from stretto.contracts.public import Task
from stretto.telemetry.names import LOG_ATTEMPT, LOG_RUN_ID, LOG_STEP
from stretto.worker.errors import InvalidOutput, TooLarge
from stretto.worker.outcome import encode_output

Beat = Callable[[float | None, str | None, msgspec.Raw], None]
"""Sends a sign of life with progress (0–1), a message, and details; may be called from any
thread."""

_LOG = logging.getLogger("stretto.task")


def _no_beat(progress: float | None, message: str | None, details: msgspec.Raw) -> None:
    """Send nothing: the handler runs where there is no bus."""


class Context:
    """One attempt, seen from its handler.

    In a process pool (`cpu=True`) `heartbeat` does nothing and `cancelled` stays False: the handler
    runs in another process, and the worker sends the signs of life for it.
    """

    __slots__ = ("_beat", "_log", "_task", "cancelled")

    def __init__(self, task: Task, beat: Beat = _no_beat) -> None:
        self._task = task
        self._beat = beat
        self._log: AttemptLog | None = None
        self.cancelled = False
        """Nobody wants the result any more (withdrawn, past its deadline, the worker ends). An
        `async` handler is cancelled besides; a plain one should look here and stop."""

    @property
    def task(self) -> str:
        """The name of the task, as in `payment.charge`."""
        return self._task.task

    @property
    def run_id(self) -> str:
        """The run that the step is of: the text of a UUID."""
        return self._task.run_id

    @property
    def step(self) -> str:
        """The path of the step: `charge`, `scan[3]`."""
        return self._task.step

    @property
    def attempt(self) -> int:
        """Which try at the step this is, from 1."""
        return self._task.attempt

    @property
    def idempotency_key(self) -> str:
        """The same whenever this attempt is run again (after a crash of a worker), and no other's.

        Give it to whoever carries out an effect that must not happen twice.
        """
        return self._task.id

    @property
    def deadline(self) -> datetime | None:
        """When the attempt will be cancelled, with time zone; None for never."""
        text = self._task.deadline
        return datetime.fromisoformat(text) if text is not None else None

    @property
    def log(self) -> "AttemptLog":
        """A logger whose lines carry the run, the step and the attempt."""
        if self._log is None:
            self._log = AttemptLog(_LOG, self._task)
        return self._log

    def progress(self, share: float, message: str | None = None) -> None:
        """Say how far the work is: `share` 0–1, `message` for people. Never waits.

        It is a sign of life, too. Said often it costs little: within 50 ms the last word counts.
        """
        self._beat(min(max(share, 0.0), 1.0), message, NULL)

    def heartbeat(
        self,
        progress: float | None = None,
        message: str | None = None,
        *,
        details: Any = None,
    ) -> None:
        """Say that the work goes on: `progress` 0–1, `message` for people. Never waits.

        The worker sends signs of life by itself; this adds how far the work is, and with `details`
        (anything that is JSON, up to 16 KiB) where the next attempt may go on from when this one
        fails or its worker is lost: there it is `ctx.details`. The last word counts.

        Raises:
            ValueError: the details are larger, nested deeper than 64, or no JSON.
        """
        self._beat(progress, message, NULL if details is None else _encoded(details))

    @property
    def details(self) -> Any:
        """What an attempt before this one last gave to `heartbeat(details=…)`; None: nothing that
        was heard. A hint: work done after it may have to be done again."""
        return json.loads(bytes(self._task.details))


def _encoded(details: object) -> msgspec.Raw:
    try:
        return encode_output(details, MAX_DETAILS_BYTES)
    except (InvalidOutput, TooLarge) as error:
        raise ValueError(f"expected details that can be sent, but: {error}") from error


class AttemptLog(logging.LoggerAdapter[logging.Logger]):
    """Puts the run, the step and the attempt into every line."""

    def __init__(self, logger: logging.Logger, task: Task) -> None:
        super().__init__(
            logger,
            {LOG_RUN_ID: task.run_id, LOG_STEP: task.step, LOG_ATTEMPT: task.attempt},
        )

    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[object, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs
