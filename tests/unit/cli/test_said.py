"""What commands print of what services answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stretto.bus.request import RemoteError
from stretto.cli.calling import Call
from stretto.cli.commands.carrying import read_bytes
from stretto.cli.commands.past import MAX_DIFFERENCES, _print, _steps
from stretto.cli.commands.profile import MAX_ROWS, _spread
from stretto.cli.commands.replay import MAX_TOLD, _Player
from stretto.cli.commands.runs import say_pending
from stretto.cli.commands.schedules import _sentence
from stretto.cli.commands.templates import arguments_of
from stretto.cli.commands.turning import MAX_RUNS_TOLD
from stretto.cli.main import commands
from stretto.client import NotReachable
from stretto.client.asking import ASK_TIMEOUT_S
from stretto.contracts.answers import (
    AttemptProgress,
    LinePage,
    LineView,
    QueuePage,
    QueueView,
    RateView,
    ResourceView,
    RunProgress,
    RunSummary,
    RunView,
    Stats,
    UnknownTask,
)
from stretto.contracts.catalogue import TemplateText
from stretto.contracts.migration import MigrationFinding, MigrationPage, MigrationView, MovableRun
from stretto.contracts.schedules import (
    Firing,
    Preview,
    PreviewInstant,
    Scheduled,
    SchedulePage,
    ScheduleSpec,
    ScheduleSummary,
    ScheduleView,
)
from stretto.history import Difference, Passage
from stretto.history.passage import StepPassage
from stretto.testing.replayed import Replayed
from tests.unit.client.canned import Answer, CannedBus

from .runs import RUN_ID

Run = Callable[..., Result]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command against services that answer this: `said({"service.operation": …}, "list")`."""

    def run(answers: dict[str, Answer], *arguments: str, code: int = 0) -> Result:
        bus = CannedBus(answers)
        monkeypatch.setattr(Call, "client", lambda call: bus.client(call.namespace))
        done = CliRunner().invoke(commands, arguments)
        assert done.exit_code == code, (done.output, done.exception)
        return done

    return run


AT = "2026-01-01T12:00:00Z"


def test_tasks_that_nobody_does_are_told_with_the_queues(said: Run) -> None:
    unknown = [
        UnknownTask(namespace="default", task="t.a", attempts=1, since=AT),
        UnknownTask(namespace="default", task="t.b", attempts=2, since=AT, queue="q", workers=3),
        UnknownTask(namespace="default", task="t.c", attempts=2, since=AT, queue="q"),
        UnknownTask(namespace="other", task="t.d", attempts=1, since=AT),
    ]
    page = QueuePage(
        queues=[QueueView(namespace="default", queue="q", waiting=4)],
        unknown_tasks=unknown,
        resources=[
            ResourceView(name="dock", capacity=3, used=3, waiting=2),
            ResourceView(name="crane", capacity=1),
        ],
        rates=[
            RateView(namespace="default", key="acme", limit="20/m", waiting=4, next_s=2.5),
            RateView(namespace="default", key="x", limit="1/s", waiting=1, next_s=0.0, queue="q"),
            RateView(namespace="default", key="y", limit="1/s", waiting=2),
            RateView(namespace="other", key="z", limit="1/s", waiting=2),
        ],
    )
    line = LineView(
        namespace="default", workflow="w", key="k", of="steps", limit=2, taken=2, waiting=3,
        since=AT,
    )  # fmt: skip

    done = said({"execution.queues": page, "workflow.lines": LinePage(lines=[line])}, "queues")

    assert done.stdout.split()[6:9] == ["slots", "q", "4"]
    assert "dock: 3 of 3 taken; 2 wait\n" in done.stderr
    assert "crane: 0 of 1 taken\n" in done.stderr
    assert "Nobody does 't.a': 1 attempt waits, since " in done.stderr
    assert "Nobody does 't.b' on queue 'q' (3 present do other tasks): 2 attempts wait" in (
        done.stderr
    )
    assert "Nobody does 't.c' on queue 'q' (none is there)" in done.stderr
    assert "t.d" not in done.stderr
    assert "rate of 'acme': 20/m, 4 wait; the next goes in 2.50 s\n" in done.stderr
    assert "rate of 'x' of queue q: 1/s, 1 waits; the next goes now\n" in done.stderr
    assert "rate of 'y': 1/s, 2 wait; those that have their turn wait for a slot" in done.stderr
    assert "rate of 'z'" not in done.stderr
    assert "concurrency of 'k', steps of w: 2 of 2 taken, 3 wait, since " in done.stderr


def test_queues_are_told_without_the_keys_of_concurrency_where_nobody_knows_them(
    said: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stretto.client.asking.NOBODY_PAUSE_S", ASK_TIMEOUT_S)  # asked once
    answers = {"execution.queues": QueuePage(), "workflow.lines": NotReachable("x", "nobody")}
    assert "keys of `concurrency` are not known" in said(answers, "queues").stderr
    assert json.loads(said(answers, "queues", "--json").stdout)["lines"] is None


FAR = RunProgress(
    run_id=RUN_ID,
    workflow="w",
    status="running",
    progress=0.499,
    at=AT,
    left_ms=90_000.0,
    past_runs=1,
    attempts=[
        AttemptProgress(step="a", attempt=1, heard_at=AT, progress=0.25, message="copying"),
        AttemptProgress(step="b", attempt=1, heard_at=AT, message="waiting for ink"),
        AttemptProgress(step="c", attempt=1, heard_at=AT),
    ],
)
OPEN = RunView(
    run=RunSummary(
        run_id=RUN_ID, namespace="default", workflow="w", version=1, status="running", started_at=AT
    ),
    steps=[],
)


@pytest.mark.parametrize(
    ("far", "told"),
    [
        (
            FAR,
            "49% done, about 1 min 30 s left (by 1 past run)\n"
            "  a 25% copying\n  b waiting for ink\n\n",
        ),
        (RunProgress(run_id=RUN_ID, workflow="w", status="running", progress=1, at=AT), "100% don"),
        (RemoteError("run_unknown", "expected a run"), "No steps yet"),
    ],
)
def test_an_open_run_is_shown_with_how_far_it_is(said: Run, far: Answer, told: str) -> None:
    done = said({"monitoring.show": OPEN, "monitoring.progress": far}, "show", RUN_ID)

    assert told in done.output


def test_of_many_causes_the_first_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    cause = {"cause": "timer", "step": "a", "since": AT, "sentence": "'a' waits."}

    say_pending({"run_id": RUN_ID, "workflow": "w", "status": "running", "pending": [cause] * 23})

    assert "… and 3 more; --json has all of them" in capsys.readouterr().out


STATS = Stats(
    runs={}, workflows={}, run_latency={}, task_latency={}, steps_per_s=0.0, runs_per_s=0.0
)


def test_what_is_only_of_decisions_needs_that_option(said: Run) -> None:
    done = said({}, "stats", "--step", "a", code=2)

    assert "--version, --step and --by together with --decisions" in done.stderr
    assert json.loads(said({"monitoring.stats": STATS}, "stats", "--json").stdout)["runs"] == {}


def summary(**fields: Any) -> ScheduleSummary:
    return ScheduleSummary(
        **{"schedule": "s", "namespace": "default", "workflow": "w", "status": "active",
           "timing": "every 1h"} | fields
    )  # fmt: skip


MISSED = Firing(id="k", instant=AT, cause="time", status="missed", decided_at=AT, count=4)


def test_schedules_are_listed_page_after_page(said: Run) -> None:
    def page(asked: dict[str, Any]) -> SchedulePage:
        if asked["after"] == "":
            return SchedulePage(schedules=[summary(last=MISSED)], next="s")
        return SchedulePage(schedules=[summary(schedule="t", timezone="Europe/Zurich")])

    done = said({"workflow.schedules": page}, "schedules")
    told = said({"workflow.schedules": page}, "schedules", "--json")

    assert "missed 4" in done.stdout and "every 1h Europe/Zurich" in done.stdout
    assert [each["schedule"] for each in json.loads(told.stdout)["schedules"]] == ["s", "t"]


def test_a_schedule_that_did_nothing_yet_is_shown(said: Run) -> None:
    view = ScheduleView(
        schedule=summary(),
        spec=ScheduleSpec(schedule="s", workflow="w"),
        source="",
        revision=1,
        created_at=AT,
        changed_at=AT,
    )

    lines = said({"workflow.schedule": view}, "schedule", "show", "s").stdout.splitlines()

    assert [line.split()[0] for line in lines] == ["s", "status", "when", "overlap"]


def test_instants_to_come_are_printed_until_there_are_no_more(said: Run) -> None:
    preview = Preview(
        instants=[
            PreviewInstant(instant=AT, local="12:00", starts_at=AT),
            PreviewInstant(instant=AT, local="13:00", starts_at="a bit later"),
        ],
        timezone="UTC",
    )
    answers = {"workflow.schedule_preview": preview, "workflow.preview": preview}

    done = said(answers, "schedule", "preview", "s")

    assert done.stdout == "12:00\n13:00  starts a bit later\n"
    assert "no more instants to come" in done.stderr
    told = json.loads(said(answers, "schedule", "preview", "s", "--json").stdout)
    assert len(told["instants"]) == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"command": "trigger", "status": "skipped"}, "skipped"),
        ({"command": "trigger", "status": "starting", "run_id": "r"}, "starting  run r"),
        ({"command": "backfill", "firings": 3}, "3 instants to make up for"),
        ({"command": "backfill", "firings": 3, "skipped": 1}, "3 instants to make up for, 1 left"),
        ({"command": "resume"}, "resumed"),
        ({"command": "remove", "next": AT}, "removed; its history is kept"),
    ],
)
def test_what_became_of_a_request_is_a_sentence(fields: dict[str, Any], words: str) -> None:
    assert _sentence(Scheduled(schedule="s", revision=2, **fields)).startswith(words)


def test_what_keeps_a_run_from_another_version_is_told(said: Run) -> None:
    gone = MigrationFinding(code="step_vanished", step="a", message="step 'a' would vanish")
    view = MigrationView(
        run_id=RUN_ID, workflow="w", from_version=1, to_version=2, possible=False, problems=[gone]
    )
    answers = {"workflow.migration": view}

    done = said(answers, "migrate", RUN_ID, "--dry-run", code=1)
    told = said(answers, "migrate", RUN_ID, "--dry-run", "--json", code=1)

    assert "cannot follow version 2 (it follows 1)\n  step 'a' would vanish" in done.stdout
    assert json.loads(told.stdout)["possible"] is False


def test_many_runs_that_cannot_follow_are_counted(said: Run) -> None:
    gone = MigrationFinding(code="step_vanished", step="a", message="step 'a' would vanish")
    count = MAX_RUNS_TOLD + 2

    def page(asked: dict[str, Any]) -> MigrationPage:
        first = asked.get("after") is None
        kept = [
            MovableRun(run_id=f"r{n}", from_version=1, problems=[gone])
            for n in (range(1) if first else range(1, count))
        ]
        more = [MovableRun(run_id="free", from_version=1)] if first else []
        return MigrationPage(
            workflow="w", to_version=2, runs=[*kept, *more], next="r0" if first else None
        )

    done = said({"workflow.migrations": page}, "migrate", "w", "--dry-run", code=1)

    assert "1 run can follow version 2" in done.stdout
    assert done.stdout.count("step 'a' would vanish") == MAX_RUNS_TOLD
    assert done.stdout.endswith("  and 2 more\n")


def passage(*steps: StepPassage) -> Passage:
    return Passage(run_id="r", workflow="w", version=1, steps={each.step: each for each in steps})


def test_a_step_that_one_run_did_not_come_to_is_shown_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    left = passage(StepPassage(step="a", seq=1, at_us=0, status="completed", attempts=2))
    right = passage()
    differences = [Difference("a", "way", "completed", "not come to", 1)] * (MAX_DIFFERENCES + 1)

    _print(left, right, differences)

    said = capsys.readouterr()
    assert "2/–" in said.out
    assert "… and 1 more: --json lists all" in said.err
    assert _steps(left, right) == [
        {"step": "a", "left": {"status": "completed", "attempts": 2}, "right": None}
    ]


def test_of_a_long_table_the_first_rows_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    from stretto.profiling.report import StepTimes, Times

    times = Times(count=1, total_ms=1.0, mean_ms=1.0, p50_ms=1.0, p95_ms=1.0, max_ms=1.0)
    steps = [StepTimes(step=f"s{n}", took=times, parts={}) for n in range(MAX_ROWS + 3)]

    _spread(steps, {}, {"w": times})

    said = capsys.readouterr()
    assert "3 more; --json has all of them." in said.err
    assert "run by worker" in said.out and "run by task" not in said.out


def test_what_is_not_known_and_what_would_be_refused_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = Replayed(
        run_id=RUN_ID,
        verdict="otherwise",
        differences=[Difference("a", "input", n, -n, n) for n in range(1, MAX_TOLD + 3)],
        beyond=["a, attempt 2"],
        refused=["signal go (event 7)"],
    )

    _Player(Call(None, "default", json=False), "f", {"a"})._print(found)

    said = capsys.readouterr().out
    assert said.count("from event ") == MAX_TOLD
    assert "… and 2 more" in said
    assert "would be refused: signal go (event 7)" in said
    assert "not known beyond a, attempt 2" in said


def test_who_asks_is_left_out_where_the_system_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from stretto.cli.commands import control

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert control.user() is None


def test_a_definition_without_decisions_has_nothing_to_explain(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text("workflow: w\nsteps: {a: {task: t}}\n")

    done = CliRunner().invoke(commands, ["explain-table", str(file)])

    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "no decision tables and no switches\n"


def test_a_document_is_read_from_stdin() -> None:
    with CliRunner().isolation(input="no document"):
        assert read_bytes(Path("-")) == b"no document"


def test_a_definition_without_templates_is_printed_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text("workflow: w\nsteps: {a: {task: t}}\n")

    done = CliRunner().invoke(commands, ["expand", str(file)])

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "workflow: w\nsteps:\n  a:\n    task: t\n"


def test_the_mistakes_of_a_definition_are_told_instead_of_what_comes_of_it(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text("workflow: w\nsteps: {a: {tsk: t}}\n")

    done = CliRunner().invoke(commands, ["expand", str(file)])

    assert done.exit_code == 2
    assert f'{file}:2:13: steps.a.tsk: expected a known key, but got "tsk"' in done.stdout


def test_what_a_parameter_is_given_is_json_unless_it_stands_for_a_text() -> None:
    template = TemplateText(
        template="t",
        version=1,
        created_at=AT,
        source="",
        parameters=[{"name": "zip", "type": "string"}, {"name": "any"}, {"name": "n"}],
    )

    given = arguments_of(("zip=0123", "any=not json", "n=[1, 2]"), template)

    assert given == {"zip": "0123", "any": "not json", "n": [1, 2]}
