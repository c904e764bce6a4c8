"""What is run as `python -m …` says what it does and what it takes."""

import importlib
import os
import re
import runpy
import sys
from pathlib import Path

import pytest

from stretto import postgres
from stretto.runtime import service as running

ROOT = Path(__file__).resolve().parents[2]
SAYS_MORE = {"stretto.expression.functions.reference", "stretto.testkit.launch"}
"""Take no options: tested with what they are about."""


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "libs").with_suffix("").parts)


ENTRIES = sorted(
    module_of(path)
    for path in (ROOT / "libs" / "stretto").rglob("*.py")
    if re.search(r'^if __name__ == "__main__":', path.read_text(encoding="utf-8"), re.MULTILINE)
)


SERVICES = sorted(path.parent.name for path in (ROOT / "services").glob("*/__main__.py"))


@pytest.mark.parametrize("name", [entry for entry in ENTRIES if entry not in SAYS_MORE])
def test_a_program_says_how_it_is_used(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(name, run_name="__main__")
    assert ended.value.code == 0
    assert "Usage: " in capsys.readouterr().out


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_begins_only_when_it_is_run(name: str) -> None:
    assert callable(importlib.import_module(f"services.{name}.__main__").main)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The services that were run, which end at once with 7; or the schemas that were migrated."""
    done: list[str] = []

    def run_service(name: str, *_: object) -> int:
        done.append(name)
        return 7

    async def migrate(_dsn: str, schema: str, *_: object) -> int:
        done.append(schema)
        return 12

    monkeypatch.setattr(running, "run_service", run_service)
    monkeypatch.setattr(postgres, "migrate", migrate)
    for name in [each for each in os.environ if each.startswith("STRETTO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STRETTO_POSTGRES_DSN", "postgresql://nowhere/log")
    return done


def run_as_program(name: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    monkeypatch.delitem(sys.modules, f"services.{name}.__main__", raising=False)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"services.{name}", run_name="__main__")
    return ended.value.code


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_run_and_gives_its_exit_code(
    name: str, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_as_program(name, monkeypatch) == 7
    assert started == [name]


@pytest.mark.parametrize("name", ["monitoring", "workflow"])
def test_a_service_that_has_a_schema_brings_it_up_to_date_and_ends(
    name: str,
    started: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_as_program(name, monkeypatch, "migrate") == 0
    assert started == [name]
    assert capsys.readouterr().out == f"schema {name} is at version 12\n"


def test_the_reference_of_functions_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "stretto.expression.functions.reference"
    monkeypatch.delitem(sys.modules, name, raising=False)
    runpy.run_module(name, run_name="__main__")
    assert capsys.readouterr().out == (ROOT / "docs" / "functions.md").read_text(encoding="utf-8")


def test_a_name_that_the_package_does_not_have_is_told_with_those_that_it_has() -> None:
    with pytest.raises(ImportError, match="cannot import name 'Job' from 'stretto'"):
        from stretto import Job  # type: ignore[attr-defined]  # noqa: F401
    import stretto
    from stretto import Context, NonRetryable, Worker

    assert {Context.__module__, NonRetryable.__module__, Worker.__module__} == {
        f"stretto.worker.{home}" for home in ("context", "errors", "worker")
    }
    with pytest.raises(AttributeError, match="but stretto has no attribute 'Job'"):
        stretto.Job  # noqa: B018
