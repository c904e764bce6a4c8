"""Commands and the client that they use: what they ask for, what they print, how they end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from stretto.cli import template_files
from stretto.cli.calling import Call
from stretto.cli.commands import check_worker as check_module
from stretto.cli.commands import worker as worker_module
from stretto.cli.commands.definitions import show_defined
from stretto.cli.commands.replay import _Player
from stretto.cli.commands.schedules import _print_view
from stretto.cli.decision_story import place_lines
from stretto.cli.main import commands
from stretto.cli.template_files import ask
from stretto.client import Rejected
from stretto.client.decisions import Decision
from stretto.client.migrations import MigrationReport
from stretto.conformance.findings import Finding, Report, kept, warning
from stretto.conformance.hosting import WORKER_ENDED
from stretto.contracts.answers import Stats
from stretto.contracts.decisions import Explained
from stretto.contracts.public import Controlled, Defined
from stretto.contracts.schedules import Scheduled, ScheduleSpec, ScheduleSummary, ScheduleView
from stretto.definition.templates import Library
from stretto.runtime.errors import PermanentError
from stretto.telemetry.metrics import Metrics
from stretto.testing.replayed import Replayed
from stretto.worker.reloading import Watched

from .runs import RUN_ID
from .test_cache_counts import said
from .test_decision_story import ASKED


class Client:
    """A client of one run, that notes what is asked of it."""

    def __init__(self, **answers: Any) -> None:
        self.id = RUN_ID
        self.workflow = "w"
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.__dict__ |= answers

    def get(self, _run_id: str) -> Client:
        return self

    async def control(self, command: str, **fields: Any) -> Controlled:
        self.asked.append((command, fields))
        return Controlled(run_id=self.id, command=command)

    async def migrate(self, version: object, **fields: Any) -> None:
        self.asked.append(("migrate", {"version": version, **fields}))

    async def fork(self, run_id: str, **fields: Any) -> Client:
        self.asked.append(("fork", {"run_id": run_id, **fields}))
        return self


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    def invoke(client: Client, *arguments: str) -> Result:
        @asynccontextmanager
        async def connected(_call: Call) -> AsyncIterator[Client]:
            yield client

        monkeypatch.setattr(Call, "client", connected)
        return CliRunner().invoke(commands, list(arguments))

    return invoke


@pytest.mark.parametrize(
    ("arguments", "command", "step"),
    [
        (("reject", RUN_ID, "--step", "ask"), "reject", "ask"),
        (("rewind", RUN_ID, "scan"), "rewind", "scan"),
    ],
)
def test_a_command_about_a_step_names_it_and_who_asks(
    run: Any, arguments: tuple[str, ...], command: str, step: str
) -> None:
    client = Client()

    done = run(client, *arguments, "--by", "ann", "--reason", "so")

    assert done.exit_code == 0, done.output
    assert client.asked == [(command, {"step": step, "by": "ann", "reason": "so"})]
    assert done.output.startswith(f"{RUN_ID}: ")


def test_a_fork_prints_the_id_of_its_run(run: Any) -> None:
    client = Client()

    done = run(client, "fork", RUN_ID)

    assert done.output == f"{RUN_ID}\n"
    assert client.asked[0][0] == "fork"


# --- migrations


async def looked(*_: object) -> Any:
    return SimpleNamespace(from_version=2, to_version=2, possible=True)


def test_a_run_that_is_migrated_says_in_json_what_it_follows_now(run: Any) -> None:
    client = Client(migrations=SimpleNamespace(look=looked))

    done = run(client, "migrate", RUN_ID, "--to", "2", "--json")

    assert done.exit_code == 0, done.output
    assert '"version":2' in done.output


def migrating(outcome: Any) -> Client:
    async def migrate_all(*_: object, **__: object) -> MigrationReport:
        if isinstance(outcome, Exception):
            raise outcome
        return cast(MigrationReport, outcome)

    return Client(migrations=SimpleNamespace(migrate_all=migrate_all))


def test_a_refusal_to_migrate_many_is_told(run: Any) -> None:
    done = run(migrating(Rejected("version_unknown", "expected version 9")), "migrate", "w")

    assert isinstance(done.exception, Rejected)
    assert done.exception.code == "version_unknown"


REFUSING = MigrationReport(to_version=2, migrated=1, kept=Counter(x=1), refused={"r": "it is so"})


@pytest.mark.parametrize(
    ("report", "code", "said_first"),
    [
        (MigrationReport(to_version=2, migrated=3), 0, "3 runs follow version 2"),
        (REFUSING, 1, "1 run follows version 2"),
    ],
)
def test_a_batch_of_migrations_ends_with_one_where_something_keeps_a_run(
    run: Any, report: MigrationReport, code: int, said_first: str
) -> None:
    done = run(migrating(report), "migrate", "w")

    assert done.exit_code == code
    assert done.output.splitlines()[0] == said_first


# --- what is told


def test_the_caches_of_the_services_are_a_table(run: Any) -> None:
    metrics = Metrics()
    metrics.counter("decision_programs_hits_total").add(3)

    async def stats(_workflow: object) -> Stats:
        return Stats(
            runs={}, workflows={}, run_latency={}, task_latency={}, steps_per_s=0.0,
            runs_per_s=0.0, services=[said("decision-1", metrics)],
        )  # fmt: skip

    done = run(Client(stats=stats), "stats", "--caches")

    assert done.exit_code == 0, done.output
    assert done.output.strip()


def test_a_template_that_is_registered_from_elsewhere_has_no_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call = Call(None, "default", json=False)

    show_defined(call, Defined(workflow="t", version=3, kind="template", uses=["u@1"]))

    assert capsys.readouterr().out == "template t version 3  with u@1\n"


SUMMARY = ScheduleSummary(
    schedule="s", namespace="default", workflow="w", status="active", timing="every 1m"
)


def test_a_schedule_is_shown_with_the_instants_to_come(capsys: pytest.CaptureFixture[str]) -> None:
    _print_view(
        ScheduleView(
            schedule=SUMMARY,
            spec=ScheduleSpec(schedule="s", workflow="w", every_s=60.0),
            source="",
            revision=1,
            created_at="2026-01-01T00:00:00Z",
            changed_at="2026-01-01T00:00:00Z",
            upcoming=["2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z"],
        )
    )

    *_, first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("next     ") and second.startswith("         ")
    assert first[9:] != second[9:]


def test_what_a_schedule_probably_does_not_mean_is_told_with_its_place(
    run: Any, tmp_path: Path
) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("schedule: s\n")
    warning = {"line": 2, "column": 3, "reason": "no instant is left"}

    async def apply(_source: str, **_: object) -> Scheduled:
        return Scheduled(schedule="s", command="apply", revision=1, warnings=[warning])

    done = run(Client(schedules=SimpleNamespace(apply=apply)), "schedule", "apply", str(file))

    assert done.exit_code == 0, done.output
    assert f"warning: {file}:2:3: no instant is left" in done.output.replace("\n", "")
    assert "schedule s  no instant to come" in done.output


def test_what_is_to_be_known_of_a_replay_is_told_under_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    player = _Player(Call(None, "default", json=False), "", set())

    player._print(
        Replayed(run_id=RUN_ID, verdict="same", events=4, notes=["it was forked from run x"])
    )

    first, note = capsys.readouterr().out.splitlines()
    assert RUN_ID in first and "4 events" in first
    assert note == "    it was forked from run x"


async def test_a_failure_without_a_place_in_the_text_has_no_lines() -> None:
    async def definition(*_: object) -> dict[str, str]:
        return {"source": "workflow: w\nsteps:\n  fee: {task: t}\n"}

    failed = Decision(ASKED, Explained(kind="table", took_us=1, error="no place"), None, None)
    told = Decision(ASKED, Explained(kind="table", took_us=1), None, None)
    client = cast(Any, SimpleNamespace(definition=definition))

    assert await place_lines(client, failed) == []
    assert await place_lines(client, told) == []


# --- templates of the server


def serving(monkeypatch: pytest.MonkeyPatch, texts: dict[str, str]) -> list[str]:
    asked: list[str] = []

    async def template(name: str, _version: object) -> Any:
        asked.append(name)
        return SimpleNamespace(source=texts[name], version=1, pins={})

    @asynccontextmanager
    async def connect(*_: object, **__: object) -> AsyncIterator[Any]:
        yield SimpleNamespace(catalogue=SimpleNamespace(template=template))

    monkeypatch.setattr(template_files.Client, "connect", connect)
    return asked


async def test_templates_are_asked_for_with_those_that_they_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = {
        "a": "template: a\nsteps: {x: {use: b}}\n",
        "b": "template: b\nsteps: {x: {task: t}}\n",
    }
    asked, library = serving(monkeypatch, texts), Library()

    await ask(library, ("a",), Call("nats://x", "default", json=False))

    assert asked == ["a", "b"]
    assert sorted(library.names()) == ["a", "b"]


async def test_templates_are_asked_for_as_deep_as_they_may_be_and_unreadable_ones_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(template_files, "MAX_TEMPLATE_DEPTH", 1)
    texts = {
        "a": "template: a\nsteps: {x: {use: b}, y: {use: odd}}\n",
        "b": "template: b\nsteps: {x: {use: c}}\n",
        "odd": "template: [odd\n",
    }
    asked, library = serving(monkeypatch, texts), Library()

    await ask(library, ("a",), Call("nats://x", "default", json=False))

    assert sorted(asked) == ["a", "b", "odd"], "c would be deeper than is allowed"
    assert sorted(library.names()) == ["a", "b"]


# --- workers


def test_a_worker_that_is_begun_anew_when_its_files_change_is_told_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("STRETTO_NATS_URL", raising=False)
    kept: list[Any] = []

    async def keep(command: list[str], watched: Watched, stopping: Any, _note: object) -> None:
        kept.append((command[command.index("worker") + 1], watched.folder, stopping.is_set()))

    monkeypatch.setattr(worker_module, "keep_reloaded", keep)

    done = CliRunner().invoke(commands, ["worker", "mine.py", "--reload"])

    assert done.exit_code == 0, done.output
    assert kept == [("mine.py", tmp_path, False)]
    assert "looking at the files in" in done.stderr


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A worker that keeps one rule and half of another; where and as what it was tried."""
    reached: list[str] = []

    @asynccontextmanager
    async def bus() -> AsyncIterator[str]:
        yield "connection"

    async def connect(url: str, _name: str, **_: object) -> Any:
        reached.append(url)
        return bus()

    async def check(_connection: object, target: Any, say: Callable[[Finding], None]) -> Report:
        reached.append(target.queue)
        report = Report(
            worker="w",
            place=target.queue,
            findings=[kept("results", "it answers"), warning("accept", "it is slow", "Say so.")],
        )
        for finding in report.findings:
            say(finding)
        return report

    monkeypatch.setattr(check_module, "connect", connect)
    monkeypatch.setattr(check_module, "check_worker", check)
    return reached


CHECK = ("check-worker", "--queue", "payments", "--nats", "nats://there:1")


def test_a_worker_that_runs_already_is_tried_on_its_own_bus(tried: list[str]) -> None:
    done = CliRunner().invoke(commands, [*CHECK])

    assert done.exit_code == 0, done.output
    assert tried == ["nats://there:1", "payments"]
    first, second, remedy, *_, last = done.output.splitlines()
    assert first.endswith("results: it answers") and second.endswith("accept: it is slow")
    assert remedy == "    Say so."
    assert last == "w (payments) keeps the protocol"


@pytest.mark.usefixtures("tried")
def test_what_a_worker_keeps_is_told_in_json_alone() -> None:
    done = CliRunner().invoke(commands, [*CHECK, "--json"])

    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["conforms"] is True
    assert [each["rule"] for each in told["report"]["findings"]] == ["results", "accept"]


@pytest.mark.parametrize(("code", "findings"), [(WORKER_ENDED, 0), ("bus.not_authorized", 1)])
@pytest.mark.usefixtures("tried")
def test_a_check_that_cannot_go_on_is_an_error_unless_the_worker_ended_under_it(
    monkeypatch: pytest.MonkeyPatch, code: str, findings: int
) -> None:
    async def check(_connection: object, _target: object, say: Callable[[Finding], None]) -> None:
        for _ in range(findings):
            say(kept("results", "it answers"))
        raise PermanentError(code, "expected to go on")

    monkeypatch.setattr(check_module, "check_worker", check)

    done = CliRunner().invoke(commands, [*CHECK])

    assert isinstance(done.exception, PermanentError) and done.exception.code == code
