"""Every error is a sentence, a remedy and a code."""

import asyncio
import errno
import json

import click
import pytest

from stretto.cli.exits import DEBUG_VARIABLE, end_with, exit_code_of
from stretto.client import DefinitionMistakes, Rejected, RunCancelled, RunFailed
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


@pytest.mark.parametrize("value", ["2", "-1.5e3", "true", "null"])
def test_who_gave_a_number_for_a_text_hears_how_texts_are_given(
    capsys: pytest.CaptureFixture[str], value: str
) -> None:
    message = f"expected the input to fit, but input.version: expected a string, but got {value}"
    assert ended(Rejected("input_invalid", message)) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[1] == f"  -i version={value} is no text; -i 'version=\"{value}\"' is one."
    ended(Rejected("input_invalid", f"input.tags[0]: expected a string, but got {value}"))
    assert f"-i NAME={value} is no text" in capsys.readouterr().err
    ended(Rejected("input_invalid", 'input.total: expected a number, but got "x"'))
    assert len(capsys.readouterr().err.splitlines()) == 1


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
    assert ended(click.FileError("f", "gone")) == 1
    assert ended(TimeoutError("expected sooner")) == 1
    assert "expected sooner" in capsys.readouterr().err


def said_by(capsys: pytest.CaptureFixture[str], error: BaseException) -> dict[str, object]:
    with pytest.raises(SystemExit) as exited:
        end_with(error, as_json=True)
    said: dict[str, object] = json.loads(capsys.readouterr().err)
    assert said["exit_code"] == exited.value.code
    return said


def test_the_mistakes_of_a_definition_are_sentences_each_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mistakes = [
        {"line": 3, "path": "steps", "reason": "expected a step"},
        {"line": 4, "path": "output", "reason": "expected an end", "suggestion": "write it"},
        {"message": "expected more"},
    ]
    said = "expected a definition, but found 3: 3:1: steps: expected a step (and 2 more)"
    assert ended(DefinitionMistakes("definition_invalid", said, mistakes)) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"stretto: {said}",
        "  line 4: output: expected an end; write it",
        "  line ?: expected more",
    ]


def test_with_json_an_error_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    said = said_by(capsys, NotReachable("bus.not_reachable", "expected NATS, but nobody"))
    assert said["code"] == "bus.not_reachable"
    assert said["message"] == "expected NATS, but nobody"
    assert "stretto dev" in str(said["remedy"])

    mistakes = DefinitionMistakes("definition_invalid", "expected a workflow", [{"line": 3}])
    said = said_by(capsys, mistakes)
    assert said["details"] == [{"line": 3}]

    said = said_by(capsys, Rejected("a_code", "expected a"))
    assert said == {"code": "a_code", "message": "expected a", "exit_code": 2}

    said = said_by(capsys, click.UsageError("expected that"))
    assert said == {"code": "usage", "message": "expected that", "exit_code": 2}

    assert said_by(capsys, TimeoutError())["code"] == "timed_out"
    assert said_by(capsys, KeyError("x"))["code"] == "internal_error"


def test_what_was_noted_on_an_error_is_said_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    error = Rejected("run_closed", "expected it to be open")
    error.add_note("It takes nothing any more.")
    ended(error)
    assert capsys.readouterr().err.endswith("  It takes nothing any more.\n")


def test_disks_that_are_full_and_folders_that_are_closed_are_no_mistakes_of_ours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/data/log")
    assert said_by(capsys, full) == {
        "code": "disk_full",
        "message": "expected to write /data/log, but No space left on device",
        "remedy": "Make room on that disk.",
        "exit_code": 1,
    }
    closed = said_by(capsys, PermissionError(errno.EACCES, "Permission denied"))
    assert closed["message"] == "expected to use a file or folder, but Permission denied"
    assert closed["exit_code"] == 2


def test_who_reads_no_further_hears_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[int] = []
    monkeypatch.setattr("os.dup2", lambda _new, old: moved.append(old))
    monkeypatch.setattr("sys.stdout.fileno", lambda: 1)
    assert ended(BrokenPipeError()) == 1
    assert moved == [1] and capsys.readouterr().err == ""
