"""Which trace is meant: by a whole run id, or by the beginning of one."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from stretto.cli.calling import Call
from stretto.cli.commands.trace import trace_command
from stretto.client import Rejected
from stretto.contracts.answers import RunPage, RunSummary
from stretto.runtime.errors import PermanentError
from tests.unit.client.canned import CannedBus

ONE = "01a204be63d07757" + "8131d2865ce76af0"
OTHER = "01a204be65867777" + "9fd35df5d9cb277f"


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    (tmp_path / "traces").mkdir()
    for trace_id in (ONE, OTHER, "no-trace"):
        (tmp_path / "traces" / f"{trace_id}.jsonl").touch()
    return tmp_path


def raised(data: Path, text: str, *more: str) -> BaseException | None:
    return CliRunner().invoke(trace_command, [text, "--data", str(data), *more]).exception


def test_a_beginning_that_only_one_has_means_it(traces: Path) -> None:
    error = raised(traces, "01a204be-63d0")
    assert isinstance(error, PermanentError) and error.code == "dev.no_trace"
    assert ONE in error.message, "it was looked for, and holds no span"


def test_several_that_fit_are_listed(traces: Path) -> None:
    error = raised(traces, "01a204be")
    assert isinstance(error, Rejected) and error.code == "run_ambiguous"
    assert ONE in error.message and OTHER in error.message


@pytest.mark.parametrize("text", ["01a", "nobody", "ffff"])
def test_what_fits_none_is_no_id(traces: Path, text: str) -> None:
    error = raised(traces, text)
    assert isinstance(error, Rejected) and error.code == "run_id_invalid"
    assert "keys are looked up on the bus, and no `stretto dev` runs" in error.message


@pytest.mark.parametrize("text", ["order-42", OTHER[:20]])
def test_a_key_is_looked_up_on_the_bus_and_what_has_no_spans_here_too(
    traces: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = f"{OTHER[:8]}-{OTHER[8:12]}-{OTHER[12:16]}-{OTHER[16:20]}-{OTHER[20:]}"
    run = RunSummary(run_id=run_id, namespace="default", workflow="w", version=1, id="order-42",
                     status="completed", started_at="2026-01-01T00:00:00Z")  # fmt: skip
    bus = CannedBus({"monitoring.list": RunPage(runs=[run])})
    monkeypatch.setattr(Call, "client", lambda call: bus.client(call.namespace))
    (traces / "traces" / f"{OTHER}.jsonl").unlink()

    error = raised(traces, text, "--nats", "nats://there")

    assert isinstance(error, PermanentError) and error.code == "dev.no_trace"
    assert OTHER in error.message
