"""Schedules as people use them: the command line, REST and the SDK against everything running."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from stretto import Client
from stretto.client import DefinitionMistakes, Rejected

from ..running import Dev

WORKFLOW = """
workflow: daily
input: {type: object, required: [day], properties: {day: {type: string}}}
steps:
  say: {task: std.echo, with: {day: "${{ input.day }}"}}
output: {day: "${{ steps.say.output.day }}"}
"""
SCHEDULE = """
schedule: {name}
description: For the tests.
workflow: daily
cron: {cron}
timezone: Europe/Zurich
time_as: day
labels: {{team: finance}}
"""
NEVER_SOON = "0 0 29 2 *"


@pytest.fixture
def folder(dev: Dev, tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "daily.yaml").write_text(WORKFLOW)
    dev.call("apply", str(tmp_path / "daily.yaml"))
    yield tmp_path


def document(folder: Path, name: str, cron: str = NEVER_SOON) -> str:
    file = folder / f"{name}.yaml"
    file.write_text(SCHEDULE.format(name=name, cron=f'"{cron}"'))
    return str(file)


def until(dev: Dev, name: str, status: str) -> dict[str, str]:
    """Wait until the last firing of a schedule has a status."""
    deadline = time.monotonic() + 30
    while True:
        firings = dev.json("schedule", "show", name)["firings"]
        if firings and firings[0]["status"] == status:
            last: dict[str, str] = firings[0]
            return last
        assert time.monotonic() < deadline, firings
        time.sleep(0.1)


def test_a_schedule_fires_and_its_run_has_the_instant(dev: Dev, folder: Path) -> None:
    said = dev.call("apply", document(folder, "ticks", "*/2 * * * * *")).stdout
    last = until(dev, "ticks", "ended")
    dev.call("schedule", "remove", "ticks")

    assert said.startswith("schedule ticks  next ")
    run = dev.json("show", last["run_id"])
    assert run["output"] == {"day": last["instant"]}
    assert run["run"]["labels"] == {
        "team": "finance",
        "schedule": "ticks",
        "schedule.time": last["instant"],
    }


def test_the_life_of_a_schedule_on_the_command_line(dev: Dev, folder: Path) -> None:
    file = document(folder, "leap")
    assert "as before" not in dev.call("schedule", "apply", file, "--by", "ada").stdout
    assert "as before" in dev.call("schedule", "apply", file).stdout
    assert dev.json("schedule", "apply", file)["changed"] is False

    listed = dev.call("schedules").stdout
    assert "leap" in listed
    assert NEVER_SOON in listed
    assert "active" in listed

    fired = dev.json("schedule", "run", "leap", "--by", "ben", "--reason", "a test")
    assert fired["status"] == "starting"
    assert until(dev, "leap", "ended")["run_id"] == fired["run_id"]

    paused = dev.call("schedule", "pause", "leap", "--by", "cleo", "--reason", "too loud")
    assert "paused" in paused.stdout
    shown = dev.call("schedule", "show", "leap").stdout
    assert "paused by cleo: too loud" in shown
    assert "trigger" in shown
    again = dev.call("schedule", "pause", "leap", expect=2)
    assert "paused already" in again.stderr
    assert "resume" in again.stderr
    assert dev.call("schedule", "resume", "leap").stdout.startswith("resumed; next ")

    filled = dev.call(
        *("schedule", "backfill", "leap", "--from", "2020-01-01T00:00:00Z"),
        *("--to", "2024-12-31T00:00:00Z", "--overlap", "allow"),
    )
    assert filled.stdout.strip() == "2 instants to make up for"
    assert "removed" in dev.call("schedule", "remove", "leap").stdout
    assert "leap" not in dev.call("schedules").stdout
    changes = [c["command"] for c in dev.json("schedule", "show", "leap")["changes"]]
    assert changes[::-1] == ["apply", "trigger", "pause", "resume", "backfill", "remove"]


def test_mistakes_are_shown_with_their_places_by_every_command(dev: Dev, folder: Path) -> None:
    file = document(folder, "wrong", "61 * * * *")
    place = f"{file}:5:8: cron: expected the minute to be 0 to 59, but got '61'"

    for command in (["validate"], ["apply"], ["schedule", "apply"], ["schedule", "preview"]):
        assert place in dev.call(*command, file, expect=2).stdout
    assert dev.json("schedule", "apply", file, expect=2)["mistakes"][0]["line"] == 5
    assert "no mistakes" in dev.call("validate", document(folder, "right")).stderr


def test_a_preview_needs_no_schedule(dev: Dev, folder: Path) -> None:
    file = document(folder, "night", "30 2 * * *")
    after = ("--after", "2026-03-28T00:00:00Z")

    shown = dev.call("schedule", "preview", file, "--count", "2", *after).stdout

    assert shown.split() == ["2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00"]
    unknown = dev.call("schedule", "preview", "nobody", expect=2).stderr
    assert "expected schedule 'nobody' to exist" in unknown


def test_schedules_over_http(dev: Dev, folder: Path) -> None:
    text = Path(document(folder, "web")).read_text()
    with httpx.Client(base_url=f"{dev.ready['http']}/api/v1", timeout=30) as http:
        made = http.post("/schedules", content=text, headers={"content-type": "application/yaml"})
        same = http.post("/schedules", json={"source": text, "by": "ada"})
        wrong = http.post("/schedules", json={"source": "schedule: X"})
        listed = http.get("/schedules").json()
        shown = http.get("/schedules/web").json()
        preview = http.get("/schedules/web/preview", params={"count": 1}).json()
        paused = http.post("/schedules/web/pause", json={"by": "ada", "reason": "quiet"})
        twice = http.post("/schedules/web/pause", json={})
        fired = http.post("/schedules/web/trigger", json={"overlap": "allow"})
        odd = http.post("/schedules/web/explode", json={})
        removed = http.delete("/schedules/web", params={"reason": "done"})
        gone = http.delete("/schedules/web")
        described = http.get("/../../openapi.json").json()

    assert (made.status_code, same.status_code) == (201, 200)
    assert made.json()["created"] is True
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["line"] == 1
    assert "web" in [s["schedule"] for s in listed["schedules"]]
    assert shown["spec"]["cron"] == [NEVER_SOON]
    assert preview["instants"][0]["local"].startswith("2028-02-29T00:00:00")
    assert paused.status_code == 200
    assert (twice.status_code, twice.json()["code"]) == (409, "schedule_paused")
    assert fired.json()["status"] == "starting"
    assert odd.status_code == 422
    assert removed.status_code == 200
    assert (gone.status_code, gone.json()["code"]) == (404, "schedule_unknown")
    assert "/api/v1/schedules/{name}/{action}" in described["paths"]


async def test_schedules_from_python(dev: Dev, folder: Path) -> None:
    text = Path(document(folder, "code")).read_text()
    async with Client.connect(dev.ready["nats"]) as client:
        schedules = client.schedules
        applied = await schedules.apply(text, by="ada")
        paused = await schedules.pause("code", reason="quiet")
        fired = await schedules.trigger("code", by="ada")
        output = await client.get(fired.run_id or "").result(30)
        resumed = await schedules.resume("code")
        filled = await schedules.backfill("code", "2024-01-01T00:00:00Z", "2024-12-31T00:00:00Z")
        page = await schedules.list()
        view = await schedules.show("code", firings=5)
        preview = await schedules.preview(source=text, count=3)
        removed = await schedules.remove("code")
        with pytest.raises(DefinitionMistakes) as caught:
            await schedules.apply("schedule: X")
        with pytest.raises(Rejected, match="schedule_unknown"):
            await schedules.pause("code")
        with pytest.raises(Rejected, match="name_invalid"):
            await schedules.pause("No Name")

    assert (applied.created, paused.revision, resumed.revision) == (True, 2, 4)
    assert output["day"]
    assert filled.firings == 1
    assert [s.schedule for s in page.schedules if s.schedule == "code"] == ["code"]
    assert view.changes[-1].by == "ada"
    assert len(preview.instants) == 3
    assert removed.revision == 6
    assert len(caught.value.mistakes) >= 3
