"""What a client makes of the answers of services, and of none."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from stretto.bus.request import RemoteError
from stretto.client import NotReachable, Rejected
from stretto.client.answered import DEFINE_TRIES, define
from stretto.client.choices import choices
from stretto.client.endings import Followed
from stretto.client.explaining import explain
from stretto.client.feed import PAGE, Feed, RunEvent, history
from stretto.client.profiles import MAX_RUNS, workflow_profile
from stretto.client.replies import ReplyBox
from stretto.client.starting import Start, by_reference
from stretto.contracts.answers import AttemptProgress, QueuePage, RunPage, RunProgress, RunSummary
from stretto.contracts.migration import MigrationPage, MovableRun
from stretto.runtime.errors import TransientError

from ..profiling.stories import graph, tell, worked
from .canned import Answer, CannedBus

RUN = "01a20381-faf1-70e1-bd08-0d995a72ffe4"
SILENT = TransientError("bus.request_timeout", "expected an answer, but none came")


def once(*answers: Answer) -> Callable[[Any], Answer]:
    """One answer after the other, the last for ever."""
    left = list(answers)
    return lambda _asked: left.pop(0) if len(left) > 1 else left[0]


# --- definitions

DEFINED = {"workflow": "w", "version": 3}


async def test_to_register_is_tried_again_while_the_service_is_coming_up() -> None:
    bus = CannedBus({"stretto.definitions.default": once(*[SILENT] * DEFINE_TRIES, DEFINED)})

    assert (await define(bus.asks(), "default", "workflow: w")).version == 3
    assert len(bus.asked) == DEFINE_TRIES + 1


async def test_to_register_is_given_up_when_nobody_is_there() -> None:
    bus = CannedBus({"stretto.definitions.default": SILENT})

    with pytest.raises(NotReachable):
        await define(bus.asks(), "default", "workflow: w")
    assert len(bus.asked) == DEFINE_TRIES + 1


# --- why a run is open

ATTEMPT = {
    "step": "a", "cause": "attempt", "attempt": 2, "task": "t.do", "queue": "q",
    "since": "2026-01-01T11:00:00Z", "sentence": "Step 'a' is out.",
}  # fmt: skip
FAR = RunProgress(
    run_id=RUN, workflow="w", status="running", progress=0.5, at="",
    attempts=[
        AttemptProgress(
            step="a", attempt=2, heard_at="2026-01-01T11:30:00Z", progress=0.25, message="copying"
        ),
    ],
)  # fmt: skip


def open_for(*causes: dict[str, Any], **answers: Answer) -> CannedBus:
    found = {"run_id": RUN, "workflow": "w", "status": "running", "pending": list(causes)}
    return CannedBus(
        {
            "workflow.explain": found,
            "execution.devices": {"devices": []},
            "execution.queues": QueuePage(),
            "monitoring.progress": FAR,
            **{name.replace("_", "."): answer for name, answer in answers.items()},
        }
    )


async def test_what_an_attempt_says_of_itself_is_told_with_why_a_run_is_open() -> None:
    bus = open_for({**ATTEMPT, "worker": "w1"})

    [cause] = (await explain(bus.asks(), RUN))["pending"]

    assert (cause["progress"], cause["message"]) == (0.25, "copying")
    assert cause["last_sign"] == "2026-01-01T11:30:00Z"


async def test_what_an_earlier_attempt_said_is_not_told_of_the_next() -> None:
    [cause] = (await explain(open_for({**ATTEMPT, "attempt": 3}).asks(), RUN))["pending"]

    assert "progress" not in cause


@pytest.mark.parametrize("answer", [SILENT, RemoteError("refused", "expected to be allowed")])
async def test_without_the_execution_service_what_is_known_is_told(answer: Exception) -> None:
    bus = open_for(ATTEMPT, execution_devices=answer, monitoring_progress=answer)

    [cause] = (await explain(bus.asks(), RUN))["pending"]

    assert cause["sentence"] == (
        "Step 'a' is out. The execution service does not answer: who is there is unknown."
    )


async def test_what_an_older_service_says_is_left_as_it_is() -> None:
    old = {"step": "a", "cause": "attempt", "since": "2026-01-01T11:00:00Z", "sentence": "Out."}

    [cause] = (await explain(open_for(old).asks(), RUN))["pending"]

    assert cause["sentence"] == "Out."


# --- histories, and what is made of many of them


def summary(run_id: str = RUN, started_at: str = "2020-01-01T00:00:00Z") -> RunSummary:
    return RunSummary(
        run_id=run_id, namespace="default", workflow="w", version=3, status="completed",
        started_at=started_at,
    )  # fmt: skip


STORY = tell(
    (1.0, "run.migrated", {"from_version": 3, "to_version": 4}),
    *worked("a", 2.0, (5.0, 15.0), 20.0),
    (25.0, "run.completed", {}),
)


def profiled(*pages: RunPage) -> CannedBus:
    return CannedBus(
        {
            "monitoring.list": once(*pages),
            "workflow.history": {"run_id": RUN, "events": STORY},
            "workflow.definition": {"version": 4, "graph": graph(a=[])},
        }
    )


async def test_a_profile_is_of_as_many_runs_as_are_wanted_and_of_the_version_they_followed() -> (
    None
):
    bus = profiled(RunPage(runs=[summary()] * 2, next="b"), RunPage(runs=[summary()] * 2))

    found = await workflow_profile(bus.asks(), "default", "w", limit=3)

    assert found is not None
    assert (found.runs, found.more) == (3, True)
    versions = [asked["version"] for name, asked in bus.asked if name == "workflow.definition"]
    assert set(versions) == {4}


async def test_a_profile_of_runs_since_then_looks_at_no_older_ones() -> None:
    now = datetime.now(UTC).isoformat()
    pages = RunPage(runs=[summary(started_at=now), summary()], next="b")

    found = await workflow_profile(profiled(pages).asks(), "default", "w", since_s=60.0)

    assert found is not None
    assert (found.runs, found.more) == (1, False)
    none = profiled(RunPage(runs=[summary()]))
    assert await workflow_profile(none.asks(), "default", "w", since_s=60.0) is None


@pytest.mark.parametrize("limit", [0, MAX_RUNS + 1])
async def test_a_profile_of_too_many_runs_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match=f"expected a limit of 1 to {MAX_RUNS} runs"):
        await workflow_profile(CannedBus({}).asks(), "default", "w", limit=limit)


async def test_choices_of_runs_since_then_look_at_no_older_ones() -> None:
    now = datetime.now(UTC).isoformat()
    bus = profiled(RunPage(runs=[summary(started_at=now), summary(), summary()], next="b"))

    assert [c async for c in choices(bus.asks(), "default", since_s=60.0)] == []
    assert [name for name, _ in bus.asked] == ["monitoring.list", "workflow.history"]


async def test_a_history_is_read_page_after_page_until_one_is_not_full() -> None:
    def page(asked: dict[str, Any]) -> dict[str, Any]:
        first = asked["after_seq"] + 1
        last = min(first + asked["limit"] - 1, PAGE + 2)
        at = datetime(2030, 1, 1, tzinfo=UTC)
        told = [RunEvent(seq=n, type="step.started", at=at) for n in range(first, last + 1)]
        return {"run_id": RUN, "events": told}

    asks = CannedBus({"workflow.history": page}).asks()

    assert len(await history(asks, RUN)) == PAGE + 2
    assert [event.seq for event in await history(asks, RUN, 5, 2)] == [6, 7]


# --- a run that is followed


async def test_who_follows_a_run_is_woken_by_the_log_when_something_was_missed() -> None:
    told = STORY[:1]
    bus = CannedBus({"workflow.history": lambda asked: {"events": told[asked["after_seq"] :]}})
    followed = Followed()
    feed = Feed(cast(Any, bus), bus.asks(), RUN, "stretto.events.default.w.r")
    events = feed.events(followed)

    first = await anext(events)
    told = STORY
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    followed.wake()

    assert (first.type, (await asyncio.wait_for(waiting, 4)).type) == (
        "run.started",
        "run.migrated",
    )
    assert [event.type async for event in events][-1] == "run.completed"


async def test_to_be_woken_twice_is_to_be_woken() -> None:
    followed = Followed()
    waiting = asyncio.ensure_future(followed.change(60.0))
    await asyncio.sleep(0)

    followed.wake()
    followed.wake()

    await asyncio.wait_for(waiting, 4)


async def test_an_answer_that_nobody_waits_for_any_more_is_dropped() -> None:
    bus = CannedBus({})
    box = ReplyBox(cast(Any, bus))
    await box.open()
    subject, future = box.expect()
    box.forget(subject)

    bus.sinks[0](subject.encode(), b"", b"", b"late")

    assert not future.done()


async def test_an_instant_needs_a_time_zone() -> None:
    run = CannedBus({}).client().get(RUN)

    with pytest.raises(ValueError, match="expected an instant with a time zone"):
        await run.state(at=datetime(2026, 1, 1))  # noqa: DTZ001 - that is what is refused


async def test_which_commands_a_step_takes_is_asked() -> None:
    bus = CannedBus(
        {"workflow.controls": {"run_id": RUN, "status": "running", "commands": ["skip", "rewind"]}}
    )

    assert await bus.client().get(RUN).controls("a") == ["skip", "rewind"]
    assert bus.asked == [("workflow.controls", {"run_id": RUN, "step": "a"})]


async def test_a_start_that_the_store_does_not_take_was_not_made() -> None:
    async def full(_data: bytes) -> bytes:
        raise TransientError("bus.full", "expected room, but there is none")

    with pytest.raises(NotReachable, match="expected room"):
        await by_reference(
            cast(Any, SimpleNamespace(send=full)),
            Start(workflow="w", input={"n": 1}),
            cast(Any, None),
        )


# --- migrations


async def test_runs_that_go_on_meanwhile_are_told_among_those_that_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = MigrationPage(
        workflow="w", to_version=2, runs=[MovableRun(run_id=r, from_version=1) for r in "abc"]
    )
    client = CannedBus({"workflow.migrations": page}).client()
    migrations = client.migrations

    async def migrate(run_id: str, *_: object, **__: object) -> None:
        if run_id == "b":
            raise Rejected("run_closed", "expected an open run, but it has ended")

    monkeypatch.setattr(migrations, "migrate", migrate)

    report = await migrations.migrate_all("w", limit=5)

    assert (report.migrated, dict(report.kept)) == (2, {"run_closed": 1})
    assert report.refused == {"b": "expected an open run, but it has ended"}
    assert msgspec.to_builtins(report.to_version) == 2
