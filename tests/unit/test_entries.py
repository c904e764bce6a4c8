"""What is run as `python -m …` says what it does and what it takes."""

import importlib
import re
import runpy
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("service", sorted((ROOT / "services").glob("*/__main__.py")), ids=str)
def test_a_service_begins_only_when_it_is_run(service: Path) -> None:
    assert callable(importlib.import_module(f"services.{service.parent.name}.__main__").main)


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
