"""The command asks for what can be, and says what cannot."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from stretto.bench.accounting import Usage
from stretto.bench.rig import CatchUp, RigOptions, environment
from stretto.bench.run import BenchOptions, settings
from stretto.bench.sizes import FULL, SHORT
from stretto.bench.workloads import WORKLOADS, describe
from stretto.bench.workloads.throughput import figures_of
from stretto.cli.commands.bench import bench_command, sizes_of


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["F"], "is not one of"),
        (["--workers", "0"], "--workers"),
        (["--scale", "workflow"], "like workflow=2"),
        (["--scale", "nobody=2"], "expected --scale to name one of"),
    ],
)
def test_what_cannot_be_is_a_wrong_usage(arguments: list[str], said: str) -> None:
    ended = CliRunner().invoke(bench_command, arguments)
    assert ended.exit_code == 2
    assert said in ended.stderr


def test_workers_are_limited() -> None:
    with pytest.raises(ValueError, match="expected 1 to 16 workers, but got 17"):
        RigOptions(workers=17)


def test_sizes_are_full_unless_said() -> None:
    assert sizes_of(False, None, None) == FULL
    assert sizes_of(True, None, None) == SHORT
    assert sizes_of(False, 5.0, None) == replace(FULL, seconds=5.0)
    assert sizes_of(True, None, 1000) == replace(SHORT, in_flight=1000, warm_up_s=4.0)


def test_every_workload_says_what_it_does() -> None:
    assert describe("A", FULL) == "3 sequential steps, one run at a time, 300 runs"
    assert describe("B", FULL) == "10 sequential steps, 1000 runs in flight, 30 s"
    assert "50 times" in describe("C", FULL)
    assert describe("D", FULL) == "5000 one-step runs started at once"
    assert describe("E", FULL) == "10 sequential steps at half of B's throughput, 20 s"
    assert list(WORKLOADS) == ["A", "B", "C", "D", "E"]
    with pytest.raises(ValueError, match="expected one of A, B, C, D, E"):
        describe("F", FULL)


def test_traces_are_as_in_production_unless_the_person_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("STRETTO_TRACE_RATIO", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert environment() == {"STRETTO_TRACE_RATIO": "", "OTEL_EXPORTER_OTLP_ENDPOINT": ""}
    assert settings(BenchOptions())["trace_ratio"] == 0.01
    monkeypatch.setenv("STRETTO_TRACE_RATIO", "0.5")
    assert environment()["STRETTO_TRACE_RATIO"] == "0.5"
    assert settings(BenchOptions())["trace_ratio"] == 0.5


def test_settings_say_at_which_sizes_it_was_measured() -> None:
    assert settings(BenchOptions())["sizes"] == "full"
    assert settings(BenchOptions(sizes=SHORT))["sizes"] == "short"
    changed = settings(BenchOptions(sizes=replace(FULL, seconds=5.0)))
    assert changed["sizes"] == "changed"
    assert changed["sizes_used"]["seconds"] == 5.0


def test_settings_show_what_the_environment_changes_but_no_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STRETTO_PARTITIONS", "8")
    monkeypatch.setenv("STRETTO_NATS_PASSWORD", "hidden")
    found = settings(BenchOptions())
    assert found["partitions"] == 8
    assert found["environment"]["STRETTO_PARTITIONS"] == "8"
    assert "hidden" not in str(found)


def test_throughput_without_a_run_that_ended_is_an_error() -> None:
    with pytest.raises(TimeoutError, match="none of the 1000 in flight did"):
        figures_of(FULL, [], Usage(seconds=30.0), 0, CatchUp(0.0, 0.0, True))
