"""One line a log record: for machines an object, for people a sentence with pairs."""

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest

from stretto.telemetry import logging as stretto_logging
from stretto.telemetry import names
from stretto.telemetry.logging import MAX_VALUE_CHARS, LogFormat, configure_logging


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in stretto_logging._QUIET}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def logs(form: LogFormat, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    configure_logging(level, form, service="decision", instance="d-1", stream=stream)
    return stream


def test_json_has_who_what_and_the_fields() -> None:
    stream = logs("json")
    logging.getLogger("stretto.x").info(
        "partition taken", extra={names.LOG_PARTITION: 3, names.LOG_DETAIL: {"a": [1]}}
    )
    line = json.loads(stream.getvalue())
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "info",
        "message": "partition taken",
        "logger": "stretto.x",
        "service": "decision",
        "instance": "d-1",
        "partition": 3,
        "detail": {"a": [1]},
    }


def test_a_field_cannot_replace_what_every_line_has() -> None:
    stream = logs("json")
    logging.getLogger("x").info("hello", extra={names.LOG_SERVICE: "another", "level": "none"})
    line = json.loads(stream.getvalue())
    assert (line["service"], line["level"]) == ("decision", "info")


def test_what_json_does_not_know_is_written_as_text_and_long_text_is_cut() -> None:
    stream = logs("json")
    logging.getLogger("x").info(
        "odd", extra={names.LOG_ERROR: ValueError("no"), names.LOG_REASON: "x" * 5_000}
    )
    line = json.loads(stream.getvalue())
    assert line["error"] == "no"
    assert line["reason"] == "x" * MAX_VALUE_CHARS + "… (5000 characters)"


def test_an_exception_comes_with_its_traceback() -> None:
    streams = {form: logs(form) for form in ("json",)}
    try:
        raise ValueError("what happened")
    except ValueError:
        logging.getLogger("x").exception("failed")
    line = json.loads(streams["json"].getvalue())
    assert line["level"] == "error"
    assert line["error"].startswith("Traceback") and "what happened" in line["error"]

    stream = logs("console")
    try:
        raise ValueError("what happened")
    except ValueError:
        logging.getLogger("x").exception("failed")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("decision   failed")
    assert rest[0].startswith("Traceback") and rest[-1] == "ValueError: what happened"


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_a_library_tries_again_has_its_reason_and_no_traceback(form: LogFormat) -> None:
    stream = logs(form)
    try:
        raise ConnectionRefusedError(111, "Connection refused")
    except ConnectionRefusedError:
        logging.getLogger("asyncpg.pool").warning("retrying", exc_info=True)

    assert "ConnectionRefusedError: [Errno 111] Connection refused" in stream.getvalue()
    assert "Traceback" not in stream.getvalue()


def test_the_console_shows_pairs_and_quotes_what_needs_it() -> None:
    stream = logs("console")
    logging.getLogger("x").warning(
        "waiting", extra={names.LOG_WAITS_FOR: "NATS", names.LOG_REASON: "not yet", "empty": ""}
    )
    text = stream.getvalue()
    assert text[12:] == " WARNING decision   waiting waits_for=NATS reason='not yet' empty=''\n"


def test_levels_are_obeyed_and_chatty_libraries_are_quiet() -> None:
    stream = logs("console", "info")
    logging.getLogger("stretto").debug("hidden")
    logging.getLogger("nats").info("hidden")
    logging.getLogger("nats").warning("shown")
    assert len(stream.getvalue().splitlines()) == 1

    logs("console", "error")
    assert logging.getLogger("nats").level == logging.ERROR


def test_warnings_of_python_become_log_lines() -> None:
    stream = logs("json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        # As the machinery does: pytest has replaced what `warnings.warn` calls.
        logging.captureWarnings(True)
        warnings.warn_explicit("careful", UserWarning, "file.py", 1)
    logging.captureWarnings(False)
    assert "careful" in stream.getvalue()


def test_configuring_twice_does_not_write_twice() -> None:
    logs("json")
    stream = logs("json")
    logging.getLogger("x").info("once")
    assert len(stream.getvalue().splitlines()) == 1
