"""Every error is a sentence, a remedy and a code."""

import asyncio

import click
import pytest

from stretto.cli.exits import DEBUG_VARIABLE, end_with, exit_code_of, usage_error
from stretto.client import Rejected, RunCancelled, RunFailed
from stretto.dev import NotStarted
from stretto.runtime.errors import NotReachable, PermanentError, StrettoError, TransientError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RunFailed("id", "failed", None), 1),
        (RunCancelled("id", "cancelled", None), 1),
        (NotStarted("dev.not_started", "expected x"), 1),
        (PermanentError("testkit.not_installed", "expected x"), 1),
        (Rejected("workflow_unknown", "expected x"), 2),
        (PermanentError("bus.bad_url", "expected x"), 2),
        (NotReachable("bus.not_reachable", "expected x"), 3),
        (NotReachable("dev.postgres_not_reachable", "expected x"), 3),
        (TransientError("bus.full", "expected x"), 3),
    ],
)
def test_each_kind_of_error_has_its_code(error: StrettoError, code: int) -> None:
    assert exit_code_of(error) == code


def ended(error: BaseException) -> object:
    with pytest.raises(SystemExit) as exited:
        end_with(error)
    return exited.value.code


def test_an_error_is_said_with_its_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(NotReachable("bus.not_reachable", "expected NATS, but nobody")) == 3
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "stretto: expected NATS, but nobody"
    assert "stretto dev" in said[1]


def test_a_mistake_of_ours_is_no_traceback_but_can_be(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ended(KeyError("x")) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "KeyError: 'x'" in said
    assert DEBUG_VARIABLE in said
    monkeypatch.setenv(DEBUG_VARIABLE, "1")
    ended(KeyError("x"))
    assert "KeyError" in capsys.readouterr().err


def test_groups_interruptions_and_timeouts_end_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(BaseExceptionGroup("g", [Rejected("c", "expected a")])) == 2
    assert ended(KeyboardInterrupt()) == 130
    assert ended(asyncio.CancelledError()) == 130
    assert ended(click.Abort()) == 130
    assert ended(click.UsageError("expected that")) == 2
    assert ended(TimeoutError("expected sooner")) == 1
    assert "expected sooner" in capsys.readouterr().err


def test_a_usage_error_is_said_and_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        usage_error("expected a", ["Do b."])
    assert exited.value.code == 2
    assert capsys.readouterr().err == "stretto: expected a\n  Do b.\n"
