"""The group of commands."""

import json

import click
import pytest
from click.testing import CliRunner

from stretto import __version__
from stretto.cli.main import _COMMANDS, _SECTIONS, commands, main


@pytest.mark.parametrize("name", [name for name in _COMMANDS if name != "bench"])
def test_every_command_has_help_that_begins_like_that_of_the_list(name: str) -> None:
    result = CliRunner().invoke(commands, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert f"Usage: stretto {name}" in result.output.replace("commands", "stretto")


def test_the_help_lists_every_command_without_importing_it() -> None:
    result = CliRunner().invoke(commands, ["--help"])
    assert result.exit_code == 0
    assert all(f"  {name} " in result.output for name in _COMMANDS)
    assert all(f"\n{heading}:\n  {name} " in result.output for name, heading in _SECTIONS.items())
    result = CliRunner().invoke(commands, ["--version"])
    assert __version__ in result.output


def test_an_unknown_command_is_a_usage_error_with_a_suggestion() -> None:
    result = CliRunner().invoke(commands, ["lst"])
    assert result.exit_code == 2
    assert "'lst' is none. Did you mean 'list'?" in result.output
    result = CliRunner().invoke(commands, ["qqqqqq"])
    assert "See `stretto --help`" in result.output
    assert commands.get_command(click.Context(commands), "qqq") is None


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr("sys.argv", ["stretto", *arguments])
    with pytest.raises(SystemExit) as exited:
        main()
    return exited.value.code


def test_a_command_ends_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, "--version") == 0
    assert ended(monkeypatch, "validate") == 2
    assert "Missing argument 'FILES...'" in capsys.readouterr().err
    assert ended(monkeypatch, "validate", "/nowhere") == 2
    assert capsys.readouterr().err.startswith("stretto: expected to read /nowhere")
    assert ended(monkeypatch, "list", "--limit", "0", "--json") == 2
    said = json.loads(capsys.readouterr().err)
    assert said["code"] == "usage" and "--limit" in said["message"]
    assert said["remedy"].endswith("`stretto list --help` says more.")
    assert ended(monkeypatch, "schedule") == 2
    assert capsys.readouterr().err.startswith("Usage: stretto schedule")


def test_whatever_a_command_raises_becomes_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise TimeoutError("expected sooner")

    monkeypatch.setattr(commands, "main", broken)
    assert ended(monkeypatch) == 1
