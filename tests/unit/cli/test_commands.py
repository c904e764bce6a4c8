"""What commands do without a bus."""

import asyncio
import io
import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from stretto.cli.commands.dev import MAX_LINE_CHARS, Terminal
from stretto.cli.commands.history import print_state
from stretto.cli.commands.trace import trace_command
from stretto.cli.commands.watch import Tap
from stretto.cli.commands.worker import worker_command
from stretto.cli.exits import end_with
from stretto.cli.main import commands
from stretto.dev.environment import OTLP_ENDPOINT
from stretto.dev.plan import Endpoints
from stretto.dev.ready_file import write_ready
from stretto.dev.traces import Span, TraceStore

from .runs import RUN_ID


def test_a_definition_may_come_from_stdin_and_warnings_do_not_refuse_it() -> None:
    source = "workflow: w\ninput: {type: object, tpye: x}\nsteps:\n  a: {task: t}\n"
    done = CliRunner().invoke(commands, ["validate", "-"], input=source)
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert "warning: -:2:" in done.stderr


@pytest.mark.parametrize("name", ["up.yaml", "up.yml", "up.json"])
def test_a_file_is_not_started_but_run(name: str) -> None:
    done = CliRunner().invoke(commands, ["start", name])
    assert done.exit_code == 2
    assert f"`stretto run {name}` registers it and starts it" in done.output


def test_a_definition_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    done = CliRunner().invoke(commands, ["validate", str(file)])
    assert done.exit_code == 2
    assert "to be text, but it is not" in done.output


async def test_messages_that_are_not_printed_in_time_are_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tap = Tap(limit=2)
    for number in range(5):
        tap.heard(b"", b"", b"", b"%d" % number)
    assert await tap.next() == b"0"
    assert "3 messages were left out" in capsys.readouterr().err
    assert await asyncio.wait_for(tap.next(), 1) == b"1"
    assert capsys.readouterr().err == ""


def test_the_item_of_a_for_each_is_named_in_the_trace(tmp_path: Path) -> None:
    trace = RUN_ID.replace("-", "")
    TraceStore(tmp_path / "traces").add(
        [
            Span(
                trace_id=trace,
                span_id="a",
                name="step scan",
                service="s",
                start_ns=0,
                end_ns=1_000_000,
                error="no luck",
                attributes={"stretto.step": "scan[3]", "stretto.task": "t.do"},
            )
        ]
    )
    done = CliRunner().invoke(trace_command, [RUN_ID, "--data", str(tmp_path)])
    assert " ".join(done.stdout.split()) == "step scan[3] 1.0 ms +0.0 ms s t.do no luck"


def test_the_state_of_an_open_run_says_what_it_waits_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pending = [
        {"cause": "timer", "step": "a"},
        {"cause": "own", "step": "", "sentence": "The workflow service goes on by itself."},
        {"cause": "paused"},
    ]
    print_state({"status": "running", "steps": [], "pending": pending})
    said = capsys.readouterr().out.splitlines()
    assert "folds to  running" in said
    assert said[-3:] == [
        "waits for timer a",
        "The workflow service goes on by itself.",
        "waits for paused",
    ]


def test_a_worker_sends_its_spans_where_the_services_of_this_folder_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoints = Endpoints(nats="nats://here:1", postgres="", otlp="http://here:2")
    write_ready([tmp_path / ".stretto" / "dev.json"], endpoints, {})
    (tmp_path / "nothing.py").write_text("")
    monkeypatch.chdir(tmp_path)
    for name in ("STRETTO_NATS_URL", OTLP_ENDPOINT):
        monkeypatch.setenv(name, "x")  # so that it is as before in the end
        monkeypatch.delenv(name)
    monkeypatch.syspath_prepend(tmp_path)
    done = CliRunner().invoke(worker_command, ["nothing.py"])
    assert "expected a worker" in str(done.exception)
    assert os.environ["STRETTO_NATS_URL"] == endpoints.nats
    assert os.environ[OTLP_ENDPOINT] == endpoints.otlp


def test_a_log_line_is_shown_with_its_process() -> None:
    console = Console(file=io.StringIO(), width=100)
    Terminal(console).log("workflow", "{[bold]}")
    Terminal(console).note("no [bold] room")
    told = console.file.getvalue().split()  # type: ignore[attr-defined]
    assert told == ["workflow", "{[bold]}", "note", "no", "[bold]", "room"]


def test_what_ended_by_itself_is_told_with_the_last_line_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text("begun\nno [bold] today\n")
    (tmp_path / "gateway.log").write_text("x" * 500)
    console = Console(file=io.StringIO(), width=300)
    terminal = Terminal(console, tmp_path)

    for name, code in (("worker", 2), ("gateway", 1), ("nats", 1), ("workflow", -9)):
        terminal.down(name, code, 0.1)

    told = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert "ended (exit code 2), starting again in 100 ms" in told[0]
    assert told[1].strip() == "no [bold] today"
    assert told[3].endswith("x…") and len(told[3].strip()) == MAX_LINE_CHARS
    assert ["nats" in told[4], "SIGKILL" in told[5], len(told)] == [True, True, 6]


def test_a_reader_that_has_had_enough_is_no_error_to_speak_of(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", pipe)
        with pytest.raises(SystemExit) as exited:
            end_with(BrokenPipeError())
        pipe.write("goes nowhere")
    assert exited.value.code == 1


def test_every_command_of_the_list_can_be_found() -> None:
    context = click.Context(commands)
    assert all(commands.get_command(context, name) for name in commands.list_commands(context))


@pytest.mark.parametrize(
    ("names", "task", "told"),
    [(["dispatch"], "t.do", True), (["dispatch"], "std.echo", False), (["attempt"], "t.do", False)],
)
def test_a_trace_without_the_spans_of_its_worker_says_so(
    tmp_path: Path, names: list[str], task: str, told: bool
) -> None:
    trace = RUN_ID.replace("-", "")
    TraceStore(tmp_path / "traces").add(
        [
            Span(
                trace_id=trace,
                span_id=name,
                name=name,
                service="s",
                start_ns=0,
                end_ns=1,
                attributes={"stretto.task": task},
            )
            for name in names
        ]
    )
    done = CliRunner().invoke(trace_command, [RUN_ID, "--data", str(tmp_path)])
    assert ("There is no span of a worker" in done.stderr) is told
