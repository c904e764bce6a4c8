"""Schedules on real servers: they fire, wait, make room, are changed, and survive everything."""

import json
from typing import Any

import pytest

from services.workflow.schedules import requests
from stretto.bus.request import RemoteError
from stretto.contracts import subjects
from tests.integration.workflow.definitions import ONE
from tests.integration.workflow.scheduling import EVERY, HOLDS, ask, firings, seldom, show, statuses
from tests.integration.workflow.world import World, eventually


async def test_a_schedule_fires_once_for_each_of_its_instants(world: World) -> None:
    await world.define(ONE)

    answer = await ask(world, "apply", source=EVERY)
    found = await eventually(
        lambda: firings(world, "often"),
        lambda seen: sum(f["status"] == "ended" for f in seen) >= 2,
    )

    assert answer["created"] is True
    ended = [f for f in found if f["status"] == "ended"]
    assert {f["outcome"] for f in ended} == {"completed"}
    assert {f["cause"] for f in found} == {"time"}
    assert len({f["instant"] for f in found}) == len(found)
    state = await world.state(ended[0]["run_id"])
    assert state["id"] == ended[0]["id"]
    assert state["labels"] == {"schedule": "often", "schedule.time": ended[0]["instant"]}


async def triggered(world: World, times: int, name: str = "seldom") -> list[dict[str, Any]]:
    return [await ask(world, "trigger", name=name, by="ada") for _ in range(times)]


async def go(world: World, run_id: str) -> None:
    await eventually(lambda: world.sql("select from workflow.run where run_id = $1", run_id), bool)
    await world.waits(run_id, "signal")
    await world.control(run_id, "signal", name="go")


async def test_skip_leaves_out_what_comes_while_a_run_is_open(world: World) -> None:
    await world.define(HOLDS)
    await ask(world, "apply", source=seldom("skip"))

    first, second = await triggered(world, 2)
    await go(world, first["run_id"])
    await eventually(lambda: statuses(world, "seldom"), lambda s: s == ["ended", "skipped"])
    [third] = await triggered(world, 1)

    assert (first["status"], second["status"], third["status"]) == (
        *("starting", "skipped", "starting"),
    )
    assert "run_id" not in second


async def test_queue_all_runs_one_after_the_other(world: World) -> None:
    await world.define(HOLDS)
    await ask(world, "apply", source=seldom("queue_all"))

    await triggered(world, 3)

    for done in range(3):
        found = await eventually(
            lambda: firings(world, "seldom"),
            lambda seen, n=done: seen[-1 - n]["status"] in ("starting", "started"),  # type: ignore[misc]
        )
        ordered = list(reversed(found))
        assert [f["status"] for f in ordered[done + 1 :]] == ["waiting"] * (2 - done)
        await go(world, ordered[done]["run_id"])
    await eventually(lambda: statuses(world, "seldom"), lambda s: s == ["ended"] * 3)


async def test_queue_one_lets_only_one_wait(world: World) -> None:
    await world.define(HOLDS)
    await ask(world, "apply", source=seldom("queue_one"))

    answers = await triggered(world, 3)

    assert [a["status"] for a in answers] == ["starting", "waiting", "skipped"]
    await go(world, answers[0]["run_id"])
    await eventually(
        lambda: statuses(world, "seldom"), lambda s: s == ["ended", "started", "skipped"]
    )


@pytest.mark.parametrize(
    ("overlap", "outcome"), [("cancel", "cancelled"), ("terminate", "terminated")]
)
async def test_what_is_open_makes_room(world: World, overlap: str, outcome: str) -> None:
    await world.define(HOLDS)
    await ask(world, "apply", source=seldom(overlap))
    [first] = await triggered(world, 1)
    await eventually(lambda: statuses(world, "seldom"), lambda s: s == ["started"])

    [second] = await triggered(world, 1)

    assert second["status"] == "waiting"
    found = await eventually(
        lambda: firings(world, "seldom"),
        lambda seen: [f["status"] for f in reversed(seen)] == ["ended", "started"],
    )
    assert found[1]["outcome"] == outcome
    state = await world.state(first["run_id"])
    assert state["status"] == outcome


async def test_a_run_that_has_not_started_yet_makes_room_too(alone: World) -> None:
    async with alone.service():
        await alone.define(HOLDS)
        await ask(alone, "apply", source=seldom("terminate"))

        first, second, third = await triggered(alone, 3)

        assert [a["status"] for a in (first, second, third)] == ["starting", "waiting", "waiting"]
        await eventually(
            lambda: statuses(alone, "seldom"), lambda s: s == ["ended", "skipped", "started"]
        )


async def test_allow_starts_beside_what_is_open(world: World) -> None:
    await world.define(HOLDS)
    await ask(world, "apply", source=seldom("allow"))

    await triggered(world, 3)

    await eventually(lambda: statuses(world, "seldom"), lambda s: s == ["started"] * 3)


async def test_a_refused_start_is_told_and_hinders_nothing(world: World) -> None:
    await ask(world, "apply", source=seldom("skip", "nobody"))
    await triggered(world, 1)

    [refused] = await eventually(
        lambda: firings(world, "seldom"), lambda seen: seen[0]["status"] == "refused"
    )
    await world.define(HOLDS.replace("holds", "nobody"))
    [again] = await triggered(world, 1)

    assert "workflow_unknown" in refused["reason"]
    assert again["status"] == "starting"


async def test_what_is_not_there_to_be_started_is_warned_of(world: World) -> None:
    await world.define(HOLDS)

    fine = await ask(world, "apply", source=seldom("skip"))
    slip = await ask(world, "apply", source=seldom("skip", "hold"))
    again = await ask(world, "apply", source=seldom("skip", "hold"))
    nowhere = await ask(world, "apply", source=seldom("skip", "nothing-like-it"))
    later = await ask(world, "apply", source=seldom("skip", more="version: 7\n"))

    assert "warnings" not in fine
    [warning] = slip["warnings"]
    assert (warning["code"], warning["path"]) == ("unknown_workflow", "workflow")
    assert (warning["line"], warning["column"]) == (2, 11)
    assert "to be there, but namespace" in warning["reason"]
    assert "holds" in warning["suggestion"]
    assert again["changed"] is False and again["warnings"] == slip["warnings"]
    assert "suggestion" not in nowhere["warnings"][0]
    assert "the highest one is 1" in later["warnings"][0]["reason"]


async def test_pause_resume_and_remove_say_who_and_why(world: World) -> None:
    await world.define(ONE)
    await ask(world, "apply", source=EVERY)

    await ask(world, "pause", name="often", by="ada", reason="too loud")
    told = await show(world, "often")
    again = await ask(world, "pause", name="often")
    resumed = await ask(world, "resume", name="often", by="ben")
    not_paused = await ask(world, "resume", name="often")
    await ask(world, "remove", name="often", by="cleo")
    gone = await ask(world, "pause", name="often")

    assert told["schedule"]["status"] == "paused"
    assert (told["schedule"]["paused_by"], told["schedule"]["paused_reason"]) == (
        *("ada", "too loud"),
    )
    assert told["upcoming"] == []
    assert again["rejected"]["code"] == "schedule_paused"
    assert resumed["next"]
    assert not_paused["rejected"]["code"] == "schedule_not_paused"
    assert gone["rejected"]["code"] == "schedule_unknown"
    kept = await show(world, "often")
    assert kept["schedule"]["status"] == "removed"
    changes = [(c["command"], c.get("by")) for c in reversed(kept["changes"])]
    assert changes == [("apply", None), ("pause", "ada"), ("resume", "ben"), ("remove", "cleo")]
    assert (await world.api("schedules"))["schedules"] == []


async def test_the_same_document_changes_nothing_and_another_one_does(world: World) -> None:
    text = seldom("skip", more="input: {b: 1, a: [2.5, null]}\n")

    first = await ask(world, "apply", source=text)
    same = await ask(world, "apply", source="# again\n" + text)
    other = await ask(world, "apply", source=text.replace("10d", "11d"))
    page = await world.api("schedules")

    assert (first["revision"], first["created"]) == (1, True)
    assert (same["revision"], same["changed"]) == (1, False)
    assert other["revision"] == 2
    [summary] = page["schedules"]
    assert (summary["timing"], summary["status"]) == ("every 11d", "active")


async def test_a_removed_schedule_comes_back_with_its_history(world: World) -> None:
    await ask(world, "apply", source=seldom("skip"))
    await ask(world, "remove", name="seldom")

    back = await ask(world, "apply", source=seldom("skip"))

    assert back["created"] is True
    assert len((await show(world, "seldom"))["changes"]) == 3


async def test_every_mistake_of_a_document_is_in_the_answer(world: World) -> None:
    answer = await ask(world, "apply", source="schedule: X\ncron: 61 * * * *\n")

    reason = answer["rejected"]
    assert reason["code"] == "schedule_invalid"
    assert {m["line"] for m in reason["details"]} == {1, 2}
    assert "schedule_invalid" in await eventually(lambda: codes(world))


async def codes(world: World) -> list[str]:
    return world.rejected()


HOURLY = """
schedule: hourly
workflow: one
every: 1h
start: 2020-01-01T00:00:00Z
"""


async def test_a_backfill_fills_the_gaps_of_the_past(world: World) -> None:
    await world.define(ONE)
    await ask(world, "apply", source=HOURLY)
    span = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T03:00:00Z"}

    first = await ask(world, "backfill", name="hourly", by="ada", reason="lost", **span)
    await eventually(lambda: statuses(world, "hourly"), lambda s: s == ["ended"] * 4)
    second = await ask(world, "backfill", name="hourly", overlap="allow", **span)
    third = await ask(world, "backfill", name="hourly", overlap="allow", again=True, **span)

    assert first["firings"] == 4
    assert (second.get("firings", 0), second["skipped"]) == (0, 4)
    assert third["firings"] == 4
    await eventually(lambda: statuses(world, "hourly"), lambda s: s == ["ended"] * 8)
    instants = [f["instant"][:13] for f in await firings(world, "hourly")]
    assert instants[::-1] == [f"2026-01-01T0{h}" for h in (0, 0, 1, 1, 2, 2, 3, 3)]


async def test_a_backfill_does_not_mind_a_pause(world: World) -> None:
    await world.define(ONE)
    await ask(world, "apply", source=HOURLY)
    await ask(world, "pause", name="hourly", by="ada")
    span = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T02:00:00Z"}

    await ask(world, "backfill", name="hourly", by="ada", **span)

    await eventually(lambda: statuses(world, "hourly"), lambda s: s == ["ended"] * 3)
    assert (await show(world, "hourly"))["schedule"]["status"] == "paused"


async def test_a_backfill_takes_the_place_of_what_was_left_out(world: World) -> None:
    await world.define(ONE)
    await ask(world, "apply", source=HOURLY)
    span = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z"}
    await ask(world, "backfill", name="hourly", overlap="skip", **span)
    await eventually(lambda: statuses(world, "hourly"), lambda s: s == ["ended", "skipped"])

    again = await ask(world, "backfill", name="hourly", **span)

    assert again["firings"] == 1
    await eventually(lambda: statuses(world, "hourly"), lambda s: s == ["ended"] * 2)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"command": "backfill", "name": "hourly"}, "backfill_invalid"),
        (
            {"command": "backfill", "name": "hourly", "start": "x", "end": "y"},
            "backfill_invalid",
        ),
        (
            {
                "command": "backfill",
                "name": "hourly",
                "start": "2026-01-02T00:00:00Z",
                "end": "2026-01-01T00:00:00Z",
            },
            "backfill_invalid",
        ),
        (
            {
                "command": "backfill",
                "name": "hourly",
                "start": "9000-01-01T00:00:00Z",
                "end": "9000-01-02T00:00:00Z",
            },
            "backfill_invalid",
        ),
        (
            {
                "command": "backfill",
                "name": "hourly",
                "start": "2020-01-01T00:00:00Z",
                "end": "2026-01-01T00:00:00Z",
            },
            "backfill_too_large",
        ),
        ({"command": "pause", "name": "nobody"}, "schedule_unknown"),
        ({"command": "pause", "name": "No Body"}, "name_invalid"),
        ({"command": "pause"}, "name_invalid"),
        ({"command": "pause", "name": "hourly", "by": "x" * 300}, "request_invalid"),
        ({"command": "apply"}, "schedule_invalid"),
        ({"command": "apply", "source": "x" * 1_100_000}, "schedule_too_large"),
        ({"command": "explode", "name": "hourly"}, "message_unreadable"),
        ({"command": "pause", "name": 3}, "message_unreadable"),
        ([], "message_unreadable"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_a_reason(
    world: World, request_: object, code: str
) -> None:
    await ask(world, "apply", source=HOURLY)

    answer = await world.ask(subjects.schedules("default"), json.dumps(request_).encode())

    assert answer["rejected"]["code"] == code
    assert answer["rejected"]["message"]


async def test_preview_asks_of_a_schedule_or_of_a_document(world: World) -> None:
    await ask(world, "apply", source=HOURLY.replace("hourly", "there"))
    text = "schedule: s\nworkflow: w\ncron: 30 2 * * *\ntimezone: Europe/Zurich\njitter: 1h\n"

    named = await world.api("preview", name="there", count=2, after="2026-01-01T00:00:00Z")
    document = await world.api("preview", source=text, count=2, after="2026-03-28T12:00:00Z")
    wrong = await world.api("preview", source="schedule: s\n")

    assert [i["local"] for i in named["instants"]] == [
        *("2026-01-01T01:00:00+00:00", "2026-01-01T02:00:00+00:00")
    ]
    assert [i["local"] for i in document["instants"]] == [
        *("2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00")
    ]
    assert all(i["starts_at"] > i["instant"] for i in document["instants"])
    assert wrong["mistakes"]
    assert wrong["instants"] == []


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("schedule", {"name": "nobody"}, "schedule_unknown"),
        ("schedule", {"name": 3}, "request_invalid"),
        ("schedules", {"limit": "many"}, "request_invalid"),
        ("preview", {}, "request_invalid"),
        ("preview", {"name": "nobody"}, "schedule_unknown"),
        ("preview", {"name": "nobody", "after": "soon"}, "request_invalid"),
    ],
)
async def test_a_read_that_cannot_be_answered_says_why(
    world: World, operation: str, request_: dict[str, Any], code: str
) -> None:
    with pytest.raises(RemoteError) as caught:
        await world.api(operation, **request_)

    assert caught.value.code == code


async def test_a_list_comes_in_pages(world: World) -> None:
    for name in ("a", "b", "c"):
        await ask(world, "apply", source=HOURLY.replace("hourly", name))

    first = await world.api("schedules", limit=2)
    second = await world.api("schedules", limit=2, after=first["next"])

    assert [s["schedule"] for s in first["schedules"]] == ["a", "b"]
    assert [s["schedule"] for s in second["schedules"]] == ["c"]
    assert "next" not in second


async def test_a_namespace_holds_so_many_schedules(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MAX_SCHEDULES", 1)
    await ask(world, "apply", source=HOURLY)

    more = await ask(world, "apply", source=HOURLY.replace("hourly", "more"))
    same = await ask(world, "apply", source=HOURLY.replace("1h", "2h"))
    body = json.dumps({"command": "pause", "name": "hourly"}).encode()
    odd = await world.ask("stretto.schedules.UPPER", body)

    assert more["rejected"]["code"] == "schedules_full"
    assert same["revision"] == 2
    assert odd["rejected"]["code"] == "namespace_invalid"
