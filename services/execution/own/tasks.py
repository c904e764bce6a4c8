"""The handlers of the tasks `std.*`; `README.md` of the service describes each."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import msgspec

from services.execution.own.durations import seconds_of
from services.execution.own.http import HttpTask
from stretto.contracts.codec import json_encode
from stretto.contracts.payload import NULL
from stretto.runtime.errors import PermanentError
from stretto.telemetry.names import LOG_DETAIL
from stretto.worker.binding import Binding
from stretto.worker.context import Context
from stretto.worker.errors import InvalidInput, NonRetryable
from stretto.worker.handler import Handler

MAX_LOG_CHARS = 2_000

_FORBIDDEN_ROOTS = frozenset({"stretto", "_INBOX"})
_WILDCARDS = frozenset("*>")

logger = logging.getLogger(__name__)

Publish = Callable[[str, bytes, Mapping[str, str]], Awaitable[None]]
"""Publishes on core NATS; raises TransientError, PermanentError."""


class FailInput(msgspec.Struct, forbid_unknown_fields=True):
    """What `std.fail` takes."""

    type: str = "Failed"
    message: str = ""
    retryable: bool = False


class Told(Exception):
    """The failure that a workflow asked for."""

    def __init__(self, asked: FailInput) -> None:
        super().__init__(asked.message)
        self.failure_type = asked.type
        self.retryable = asked.retryable


class SubjectRefused(NonRetryable):
    """A workflow may not publish there."""


async def echo(value: msgspec.Raw) -> msgspec.Raw:
    """Return the input."""
    return value


async def log(
    message: str,
    ctx: Context,
    level: Literal["debug", "info", "warning", "error"] = "info",
    **more: Any,
) -> None:
    """Write a line to the log of the service, with the run, the step and further fields."""
    detail = json_encode(more).decode()[:MAX_LOG_CHARS] if more else None
    ctx.log.log(
        logging.getLevelNamesMapping()[level.upper()],
        "%s",
        message[:MAX_LOG_CHARS],
        extra={LOG_DETAIL: detail} if detail else {},
    )


async def sleep(seconds: float | None = None, duration: str | float | None = None) -> None:
    """Wait. A restart of the service begins it anew: `wait` steps are for what must be exact."""
    asked = seconds if duration is None else duration
    if asked is None or (seconds is not None and duration is not None):
        raise InvalidInput("expected either 'seconds' or 'duration'")
    try:
        await asyncio.sleep(seconds_of(asked))
    except ValueError as error:
        raise InvalidInput(str(error)) from error


async def fail(failure: FailInput) -> None:
    """Fail as asked."""
    raise Told(failure)


class PublishTask:
    """The handler of `std.publish`."""

    def __init__(self, publish: Publish, inbox_prefix: str) -> None:
        self._publish = publish
        self._forbidden = _FORBIDDEN_ROOTS | {inbox_prefix.partition(".")[0]}

    async def __call__(
        self,
        subject: str,
        payload: msgspec.Raw = NULL,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Publish a message; a text as it is, anything else as JSON.

        Raises:
            SubjectRefused: the subject is Stretto's, the server's, or no subject for publishing.
        """
        self._check(subject)
        data = bytes(payload)
        if data.startswith(b'"'):
            data = msgspec.json.decode(data, type=str).encode()
        try:
            await self._publish(subject, data, headers or {})
        except PermanentError as error:
            raise InvalidInput(error.message) from error

    def _check(self, subject: str) -> None:
        tokens = subject.split(".")
        if tokens[0] in self._forbidden or tokens[0].startswith("$"):
            raise SubjectRefused(
                f"expected a subject outside of {tokens[0]}.>, but got {subject[:100]!r}"
            )
        if not all(tokens) or _WILDCARDS & set(subject) or any(c.isspace() for c in subject):
            raise SubjectRefused(f"expected a subject to publish on, but got {subject[:100]!r}")


def own_handlers(
    publish: Publish, inbox_prefix: str, *, http_allow_private: bool
) -> dict[str, Handler]:
    """Make the handlers of all `std.*` tasks, by task."""
    http = HttpTask(allow_private=http_allow_private)
    functions: dict[str, Callable[..., Awaitable[Any]]] = {
        "std.log": log,
        "std.sleep": sleep,
        "std.fail": fail,
        "std.http": http.__call__,
        "std.publish": PublishTask(publish, inbox_prefix).__call__,
    }
    handlers = {task: Handler(task, function) for task, function in functions.items()}
    # The input of an echo is its output, byte by byte: it is not decoded.
    echo_handler = Handler("std.echo", echo)
    echo_handler.binding = Binding(lambda raw: {"value": raw}, None)
    handlers["std.echo"] = echo_handler
    return handlers
