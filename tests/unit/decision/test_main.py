"""The process: wrong settings are said in one sentence, before anything is opened."""

import runpy
import sys

import pytest


@pytest.fixture(autouse=True)
def not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is run as a program, whatever other tests have imported."""
    monkeypatch.delitem(sys.modules, "services.decision.__main__", raising=False)


def test_wrong_settings_end_it_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRETTO_DECISION_BATCH", "0")
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("services.decision", run_name="__main__", alter_sys=True)
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        "expected STRETTO_DECISION_BATCH to be greater than or equal to 1, but got '0'\n"
    )


@pytest.mark.parametrize("variable", ["STRETTO_DECISION_SCORER", "STRETTO_DECISION_SCORERS"])
def test_a_scorer_that_is_not_installed_ends_it_with_2(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, "nobodys")
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("services.decision", run_name="__main__", alter_sys=True)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith(
        f"{variable}: expected `nobodys` among the scorers that are installed, but there are: "
    )


def test_importing_it_starts_nothing() -> None:
    assert callable(runpy.run_module("services.decision", run_name="not main")["main"])
