"""Structured logs on top of the standard library: a constant lowercase message, data in fields.

::

    logger = logging.getLogger(__name__)
    logger.info("partition taken", extra={names.LOG_PARTITION: 3})

    console   13:02:00.123 INFO  partition taken  partition=3          (stretto.workflow.owner)
    json      {"at":"2026-…Z","level":"info","message":"partition taken","partition":3,…}

Whatever came with `extra` is a field. Keys are those of `stretto.telemetry.names`.
"""

import logging
import sys
import traceback
from typing import Literal, TextIO

import msgspec

from stretto.runtime.clock import rfc3339
from stretto.telemetry.names import LOG_ERROR, LOG_INSTANCE, LOG_SERVICE

LogFormat = Literal["console", "json"]

MAX_VALUE_CHARS = 2_000
"""A text in a field is cut here: a payload must not fill the disk by being logged."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_QUIET = ("asyncio", "nats", "opentelemetry", "urllib3", "httpx", "httpcore", "uvicorn.access")
"""Loggers of libraries that speak of every request: from warnings upward only."""


def configure_logging(
    level: str,
    form: LogFormat,
    *,
    service: str,
    instance: str,
    stream: TextIO | None = None,
) -> None:
    """Send all logs of this process to `stream` (stderr), in place of what was set up before."""
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(
        JsonFormatter(service, instance) if form == "json" else ConsoleFormatter(service)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, service: str, instance: str) -> None:
        super().__init__()
        self._who = {LOG_SERVICE: service, LOG_INSTANCE: instance}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": rfc3339(int(record.created * 1_000_000)),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "logger": record.name,
            **self._who,
        }
        for key, value in fields_of(record).items():
            line.setdefault(key, _cut(value))
        if record.exc_info:
            line[LOG_ERROR] = _error_of(self, record)
        return msgspec.json.encode(line, enc_hook=str).decode()


class ConsoleFormatter(logging.Formatter):
    """One line for a person, then the exception where there is one."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        at = rfc3339(int(record.created * 1_000_000))[11:23]
        pairs = "".join(f" {key}={_shown(value)}" for key, value in fields_of(record).items())
        text = f"{at} {record.levelname:<7} {self._service:<10} {record.getMessage()}{pairs}"
        if record.exc_info:
            text += "\n" + _error_of(self, record)
        return text


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Return what came with `extra`, in its order."""
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _error_of(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """Write the exception of a record: with its traceback from errors upward. A library that warns
    of what it tries again (a server that is away) needs one sentence."""
    assert record.exc_info is not None
    if record.levelno >= logging.ERROR:
        return formatter.formatException(record.exc_info)
    return "".join(traceback.format_exception_only(record.exc_info[1])).rstrip()


def _cut(value: object) -> object:
    if isinstance(value, str) and len(value) > MAX_VALUE_CHARS:
        return f"{value[:MAX_VALUE_CHARS]}… ({len(value)} characters)"
    return value


def _shown(value: object) -> str:
    text = str(_cut(value))
    plain = text.isprintable() and " " not in text and text != ""
    return text if plain else repr(text)
