"""Every command against real services: what it prints, and the code it ends with."""

import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..running import COMMAND, EXAMPLES, Dev, end

BROKEN = "workflow: broken\nsteps:\n  a: {task: std.fail, with: {type: Broken, message: no luck}}\n"
WAITS = "workflow: waits\nsteps:\n  a: {task: nobody.knows, queue: nobody}\n"


@pytest.fixture
def definitions(dev: Dev, tmp_path: Path) -> Iterator[None]:
    for source in (BROKEN, WAITS):
        file = tmp_path / "w.yaml"
        file.write_text(source)
        dev.call("apply", str(file))
    yield


def finished(dev: Dev, name: str = "Ada") -> str:
    """Run `hello` to its end and return the run's id."""
    answer = dev.json("start", "hello", "-i", f"name={name}", "--wait")
    assert answer["status"] == "completed"
    run_id: str = answer["run_id"]
    return run_id


def test_run_applies_starts_and_watches_to_the_output(dev: Dev) -> None:
    done = dev.call("run", str(EXAMPLES / "hello" / "workflow.yaml"), "-i", "name=Ada")
    assert json.loads(done.stdout) == "Hello, Ada!"
    lines = done.stderr.splitlines()
    assert lines[0].startswith("hello v1 started, run ")
    assert any(line.startswith("✓ greet") for line in lines)
    assert lines[-1].startswith("hello completed in ")


def test_on_a_terminal_the_run_is_drawn(dev: Dev) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [*COMMAND, "run", str(EXAMPLES / "hello" / "workflow.yaml"), "-i", "name=Ada"],
        env={**dev.environment, "TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as process:
        output, _ = process.communicate(timeout=60)
    os.close(theirs)
    drawn = os.read(ours, 65_536).decode()
    os.close(ours)
    assert json.loads(output) == "Hello, Ada!"
    assert "\x1b[" in drawn
    assert "greet" in drawn.rpartition("hello")[2]
    assert "completed" in drawn.rpartition("hello")[2]


def test_run_ends_with_1_when_the_run_failed(dev: Dev, tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text(BROKEN)
    done = dev.call("run", str(file), expect=1)
    assert done.stdout == ""
    assert "no luck" in done.stderr
    assert "stretto history" in done.stderr
    answer = dev.json("run", str(file), expect=1)
    assert answer["status"] == "failed"
    assert "no luck" in json.dumps(answer["failure"])


def test_mistakes_are_told_with_their_places_and_end_with_2(dev: Dev, tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text("workflow: wrong\nsteps:\n  one: {task: t}\n  two: {task: t, needs: [onee]}\n")
    place = f"{file}:4:"
    for command in ("validate", "apply", "run"):
        done = dev.call(command, str(file), expect=2)
        assert done.stdout.startswith(place)
        assert 'did you mean "one"?' in done.stdout
        answer = dev.json(command, str(file), expect=2)
        assert answer["mistakes"][0]["line"] == 4
    assert dev.json("validate", str(EXAMPLES / "hello" / "workflow.yaml")) == {
        "mistakes": [],
        "warnings": [],
    }


def test_definitions_are_listed_and_printed(dev: Dev) -> None:
    assert "hello" in dev.call("definitions").stdout
    assert (
        dev.call("definitions", "hello").stdout
        == (EXAMPLES / "hello" / "workflow.yaml").read_text()
    )
    found = dev.json("definitions")["definitions"]
    assert {"backup", "hello"} <= {one["workflow"] for one in found}
    assert dev.json("definitions", "hello", "--version", "1")["version"] == 1
    dev.call("definitions", "nobody", expect=2)
    again = dev.json("apply", str(EXAMPLES / "hello" / "workflow.yaml"))
    assert (again["workflow"], again["version"]) == ("hello", 1)


def test_start_prints_the_id_of_the_run(dev: Dev) -> None:
    key = f"k-{uuid.uuid4()}"
    done = dev.call("start", "hello", "-i", "name=Ada", "--id", key, "--label", "team=a")
    run_id = done.stdout.strip()
    assert str(uuid.UUID(run_id)) == run_id
    assert json.loads(dev.call("watch", run_id).stdout) == "Hello, Ada!"


def test_an_id_that_is_open_is_that_run(dev: Dev, definitions: None) -> None:
    key = f"k-{uuid.uuid4()}"
    first = dev.json("start", "waits", "--id", key)
    second = dev.call("start", "waits", "--id", key)
    assert second.stdout.strip() == first["run_id"]
    assert "was open already" in second.stderr
    assert dev.json("start", "waits", "--id", key)["existing"] is True
    assert ": terminated" in dev.call("terminate", first["run_id"], "--reason", "enough").stdout
    assert dev.json("history", first["run_id"])["state"]["status"] == "terminated"


def test_an_open_run_is_explained_and_can_be_cancelled(dev: Dev, definitions: None) -> None:
    run_id = dev.call("start", "waits").stdout.strip()
    watching = dev.begin("watch", run_id)
    assert "a" in dev.eventually("explain", run_id, until="nobody")
    assert dev.json("explain", run_id)["pending"]
    answer = dev.json("cancel", run_id)
    assert answer == {"run_id": run_id, "command": "cancel"}
    said, _ = watching.communicate(timeout=30)
    assert watching.returncode == 1
    assert "cancelled" in said
    assert "The run was cancelled" in dev.call("explain", run_id).stdout
    dev.call("cancel", run_id, expect=2)


def test_ctrl_c_leaves_the_run_alone(dev: Dev, definitions: None) -> None:
    watching = dev.begin("run", str(EXAMPLES.parent / "examples" / "hello" / "workflow.yaml"),
                         "-i", "name=Ada", "-n", "elsewhere")  # fmt: skip
    watching.communicate(timeout=30)
    assert watching.returncode == 0
    started = dev.begin("start", "waits", "--wait")
    assert started.stdout is not None
    run_id = started.stdout.readline().split()[-1]
    said = end(started, signal.SIGINT)
    assert started.returncode == 130
    assert f"stretto watch {run_id}" in said
    assert dev.json("history", run_id)["state"]["status"] == "running"
    dev.call("terminate", run_id)


def test_runs_are_listed_and_shown(dev: Dev, definitions: None) -> None:
    finished(dev, "Bob")
    run_id = finished(dev)
    said = dev.eventually("list", "hello", "--search", run_id, until="completed")
    assert run_id in said
    assert "1 done" in said
    assert "more: --before" in dev.call("list", "--limit", "1").stderr
    page = dev.json("list", "--status", "completed", "--limit", "1")
    assert len(page["runs"]) == 1
    said = dev.call("show", run_id).stdout
    assert "Hello, Ada!" in said
    assert "greet" in said
    assert dev.json("show", run_id)["run"]["status"] == "completed"
    failed = dev.json("start", "broken", "--wait", expect=1)["run_id"]
    assert "no luck" in dev.eventually("show", failed, until="failed")
    assert dev.call("list", "--workflow-that-is-no-option", expect=2)
    assert "No run is like that" in dev.call("list", "nobody").stderr


def test_history_prints_the_story_and_its_fold(dev: Dev) -> None:
    run_id = finished(dev)
    said = dev.call("history", run_id).stdout
    story, _, fold = said.partition("folds to")
    assert "run.started" in story
    assert "run.completed" in story
    assert "completed" in fold
    assert '"Hello, Ada!"' in fold
    answer = dev.json("history", run_id, "--after", "1")
    assert answer["events"][0]["seq"] == 2
    assert answer["state"]["status"] == "completed"


def test_watch_with_json_prints_an_event_a_line(dev: Dev) -> None:
    run_id = finished(dev)
    lines = dev.call("watch", run_id, "--json").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "run.completed"


def test_events_prints_what_happens(dev: Dev) -> None:
    as_json = dev.begin("events", "--json", "--workflow", "hello", "--limit", "2")
    as_text = dev.begin("events", "--limit", "1")
    while as_json.poll() is None or as_text.poll() is None:
        finished(dev)
    told = [json.loads(line) for line in as_json.communicate()[0].splitlines()]
    assert [event["workflow"] for event in told] == ["hello", "hello"]
    assert as_text.communicate()[0].count("\n") == 1


def test_the_trace_of_a_run_is_a_tree(dev: Dev) -> None:
    run_id = finished(dev)
    data = ("--data", str(dev.data))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        done = subprocess.run(
            [*COMMAND, "trace", run_id, *data], capture_output=True, text=True, check=False
        )
        if "run hello" in done.stdout and "step greet" in done.stdout:
            break
        time.sleep(0.2)
    assert done.stdout.startswith("run hello  "), done.stdout
    assert "└── " in done.stdout
    answer = dev.json("trace", run_id, *data)
    assert answer["trace_id"] == run_id.replace("-", "")
    assert dev.call("trace", run_id, *data).stderr == ""  # no worker took part
    missing = dev.call("trace", str(uuid.uuid4()), *data, expect=1)
    assert "expected spans of trace" in missing.stderr
    dev.call("trace", "nonsense", expect=2)
    beginning = run_id.replace("-", "")[:-1]
    assert dev.json("trace", beginning, *data)["trace_id"] == answer["trace_id"]


@pytest.mark.usefixtures("definitions")
def test_a_beginning_of_an_id_or_a_key_is_enough(dev: Dev) -> None:
    key = f"k-{uuid.uuid4()}"
    run_id = dev.json("start", "waits", "--id", key)["run_id"]
    dev.eventually("list", "--id", key, until=run_id)

    assert dev.json("show", key)["run"]["run_id"] == run_id
    assert dev.json("state", run_id[:-2])["run_id"] == run_id
    second = dev.json("start", "waits")["run_id"]
    dev.eventually("list", "waits", until=second)
    several = dev.call("show", run_id[:4], "--json", expect=2)
    told = json.loads(several.stderr)
    assert told["code"] == "run_ambiguous" and several.stdout == ""
    assert {run_id, second} <= {run["run_id"] for run in told["details"]}


@pytest.mark.usefixtures("definitions")
def test_a_refusal_says_what_the_run_takes_instead(dev: Dev) -> None:
    run_id = dev.json("start", "waits")["run_id"]
    dev.eventually(
        "explain", run_id, until="The run as a whole takes now: signal, pause, cancel, terminate."
    )

    refused = dev.call("resume", run_id, expect=2)
    of_step = dev.call("retry", run_id, "a", "--json", expect=2)

    assert "It takes now: signal, pause, cancel, terminate." in refused.stderr
    assert "Step 'a' takes now: skip, rewind." in json.loads(of_step.stderr)["remedy"]
    dev.call("terminate", run_id)


def test_a_worker_serves_a_queue_and_is_listed(dev: Dev, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for number in range(5):
        (source / f"{number}.txt").write_text(str(number) * 100)
    inputs = ["-i", f"source={source}", "-i", f"target={target}"]
    worker = dev.begin("worker", str(EXAMPLES / "backup" / "worker.py"))
    try:
        dev.eventually("devices", until="backup.list")
        output = json.loads(dev.call("start", "backup", *inputs, "--wait").stdout.splitlines()[-1])
        assert output["files"] == 5
        assert Path(output["manifest"]).is_file()
        dev.eventually("queues", until="backup")
        assert any(q["queue"] == "backup" for q in dev.json("queues")["queues"])
        assert any("backup.store" in d["tasks"] for d in dev.json("devices")["devices"])

        failed = dev.json("start", "backup", *inputs, "-i", "damage=3.txt", "--wait", expect=1)
        assert failed["failure"]["type"] in ("CopyDamaged", "ItemsFailed")
        assert [path.parent for path in target.glob("*/manifest.json")] == list(target.iterdir())
    finally:
        said = end(worker, signal.SIGTERM)
    assert worker.returncode == 0
    assert "worker on queue backup" in said


def test_two_workers_of_one_name_are_told(dev: Dev, tmp_path: Path) -> None:
    file = tmp_path / "twins.py"
    file.write_text(
        "from stretto import Worker\n"
        "worker = Worker(queue='twins', name='scan-1')\n"
        "@worker.task('twins.scan')\n"
        "async def scan() -> None: ...\n"
    )
    twins = [dev.begin("worker", str(file)) for _ in range(2)]
    try:
        dev.eventually("devices", until="Two processes say that they are 'scan-1'")
        [device] = [d for d in dev.json("devices")["devices"] if d["device"] == "scan-1"]
        assert device["twice"] is True
    finally:
        for worker in twins:
            end(worker, signal.SIGTERM)


def test_a_module_without_workers_is_one_sentence(dev: Dev, tmp_path: Path) -> None:
    file = tmp_path / "nothing_here.py"
    file.write_text("")
    assert "expected a worker" in dev.call("worker", str(file), expect=2).stderr


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["start", "nobody"], 2, "expected workflow 'nobody' to be registered"),
        (["start", "hello"], 2, "expected the input to fit"),
        (["start", "No Name"], 2, "expected the workflow to be a name"),
        (["start", "hello", "-n", "No"], 2, "expected the namespace to be a name"),
        (["show", "nonsense"], 2, "expected 'nonsense' to be the id of a run"),
        (["history", str(uuid.UUID(int=1))], 2, "expected"),
        (["apply", "/nowhere.yaml"], 2, "expected to read /nowhere.yaml"),
        (["validate", "/dev/null/x"], 2, "expected to read"),
        (["run", "no-such-flow"], 2, "`stretto start no-such-flow --wait` starts the workflow"),
    ],
)
def test_what_was_asked_wrongly_is_one_sentence(
    dev: Dev, arguments: list[str], code: int, why: str
) -> None:
    done = dev.call(*arguments, expect=code)
    assert why in done.stderr
    assert done.stdout == ""


def test_without_a_bus_the_code_is_3_and_the_remedy_is_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "list", "--nats", "nats://127.0.0.1:9"],
        env=dict(os.environ),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert "stretto dev" in done.stderr


def test_the_bus_of_the_dev_in_this_folder_is_found(dev: Dev, tmp_path: Path) -> None:
    (tmp_path / ".stretto").symlink_to(dev.data)
    environment = {k: v for k, v in os.environ.items() if k != "STRETTO_NATS_URL"}
    done = subprocess.run(
        [*COMMAND, "definitions", "--json"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "hello" in done.stdout
