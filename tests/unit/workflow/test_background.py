"""What the workflow service does beside the runs, when a part of its surroundings is away."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.workflow import feeding, views
from services.workflow import rings as rings_module
from services.workflow.core.nodes import Place
from services.workflow.core.rings import Link, Waiting
from services.workflow.lines import RETRY_S, Lines
from services.workflow.placing import Placing
from services.workflow.rings import LOOK_S, Rings, _blocked, _Claims, _told, _touches
from services.workflow.schedules import keeper as keeper_module
from services.workflow.schedules import sending
from services.workflow.schedules.keeper import Keeper
from services.workflow.schedules.sending import FiringSender
from services.workflow.schedules.store import Key
from services.workflow.slots import Slot
from services.workflow.store import Append
from stretto.bus.publisher import Outgoing
from stretto.contracts import subjects
from stretto.contracts.ids import run_id_text
from stretto.runtime.errors import PermanentError, TransientError
from stretto.telemetry.metrics import Metrics
from stretto.testkit.clock import FakeClock

from .builders import RUN_ID, START_US, Story, graph, task

AWAY = TransientError("postgres.not_reachable", "expected Postgres, but it is away")
REFUSED = PermanentError("bus.too_large", "expected less")


# --- rings


async def test_rings_are_looked_for_again_after_a_time_in_which_nobody_could_look(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, looks = FakeClock(), [False, True, True]
    looked: list[object] = []

    class Away:
        async def fetch(self, *_: object) -> list[object]:
            looked.append(1)
            raise AWAY

    rings = Rings(
        cast(Any, Away()),
        cast(Any, None),
        sender=cast(Any, None),
        publisher=cast(Any, None),
        clock=clock,
        partitions=1,
        looks=lambda: looks.pop(0),
    )
    running = asyncio.create_task(rings.run())
    for _ in range(3):
        await asyncio.wait_for(clock.until_sleeping(), 10)
        await clock.advance(LOOK_S)
        await asyncio.wait_for(clock.until_sleeping(), 10)
    running.cancel()

    assert len(looked) == 2
    assert caplog.messages == ["rings not looked for"] * 2
    assert rings_module.MAX_BROKEN > 1


def test_a_run_that_does_something_else_too_is_no_part_of_a_ring() -> None:
    story = Story(graph(task("a")))
    of = cast(Slot, SimpleNamespace(run=story.run))

    assert _blocked(of) is None  # its attempt is out
    story.complete("a")
    assert story.run.closed and _blocked(of) is None


def test_a_ring_is_told_with_the_children_in_between_and_breaks_for_all_who_wait_there() -> None:
    a, b, child = (bytes([n]) * 16 for n in (1, 2, 3))
    first, second, other = Waiting(a, ""), Waiting(b, "step"), Waiting(child, "")
    claims = _Claims()
    claims.holders = {
        first: [Waiting(b, "")],
        second: [Waiting(a, "")],
        other: [Waiting(b, "")],
    }
    claims.keys = {first: "k", second: "l", other: "m"}
    ring = [Link(first, Waiting(b, ""), ()), Link(second, Waiting(a, ""), (child,))]

    assert _told(ring, claims) == (
        f"run {run_id_text(a)} waits for a place of key 'k', which run {run_id_text(b)} has; "
        f"run {run_id_text(b)}, step 'step', waits for a place of key 'l', which run "
        f"{run_id_text(a)} has, and that waits for its child {run_id_text(child)}"
    )
    assert _touches(other, ring, claims)
    claims.holders[other] = [Waiting(child, "")]
    assert not _touches(other, ring, claims)


# --- schedules


class Choosy:
    """A publisher that takes some messages only, and no two at once when one is refused."""

    def __init__(self, refuses: set[str]) -> None:
        self._refuses = refuses
        self.taken: list[str] = []

    async def publish_many(self, messages: list[Outgoing]) -> None:
        if any(message.subject in self._refuses for message in messages):
            raise REFUSED
        self.taken += [message.subject for message in messages]


def asking(sender: FiringSender, subject: str) -> Outgoing:
    key = cast(Key, ("default", "s"))
    return sender._asking(subject, b"{}", sending._Asked(key, subject, ending=False))


def sender_of(publisher: Choosy) -> FiringSender:
    connection = SimpleNamespace(inbox_prefix="_INBOX")
    return FiringSender(cast(Any, connection), cast(Any, publisher), cast(Any, None))


async def test_a_start_that_is_refused_does_not_hold_up_the_others() -> None:
    publisher = Choosy({"bad"})
    sender = sender_of(publisher)

    await sender._publish([asking(sender, name) for name in ("one", "bad", "two")])

    assert publisher.taken == ["one", "two"]
    [(asked, reason)] = sender._answered
    assert asked.firing == "bad"
    assert reason is not None and reason.code == "bus.too_large"


async def test_an_answer_to_a_question_that_was_forgotten_is_not_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "MAX_ASKED", 1)
    sender = sender_of(Choosy({"first"}))
    first = asking(sender, "first")
    asking(sender, "second")

    await sender._publish([first])

    assert sender._answered == []
    assert subjects.HEADER_REPLY in (first.headers or {})


class Tables:
    """Tables that refuse what one schedule decided, and cannot be pruned."""

    async def commit(self, decided: list[Any]) -> list[Any]:
        if any(each.schedule.name == "bad" for each in decided):
            raise REFUSED
        return decided

    async def prune(self, *_: object) -> None:
        raise AWAY


def decided(name: str) -> Any:
    return SimpleNamespace(schedule=SimpleNamespace(name=name, key=("default", name)))


async def test_what_the_tables_refuse_of_one_schedule_does_not_hold_up_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    keeper = Keeper(cast(Any, Tables()), cast(Any, None), FakeClock(), Metrics(), 1)
    several = [decided(name) for name in ("one", "bad", "two")]

    kept = await keeper._commit(several)

    assert [each.schedule.name for each in kept] == ["one", "two"]
    assert await keeper._commit([]) == []
    assert caplog.messages == ["schedule at fault"]


async def test_old_firings_are_pruned_another_time_when_the_tables_are_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    keeper = Keeper(cast(Any, Tables()), cast(Any, None), clock, Metrics(), 1)
    await clock.advance(86_400.0)

    await keeper._prune([0])
    await keeper._prune([0])

    assert caplog.messages == ["firings not pruned"]


# --- lines of concurrency


async def test_places_are_given_out_a_little_later_when_the_tables_are_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    lines = Lines(
        cast(Any, None),
        inbox=cast(Any, None),
        publisher=cast(Any, None),
        clock=clock,
        metrics=Metrics(),
        partitions=1,
        owned=tuple,
    )

    async def away() -> int:
        raise AWAY

    trying = asyncio.create_task(lines._tried(away))
    await asyncio.wait_for(clock.until_sleeping(), 10)
    assert not trying.done()
    await clock.advance(RETRY_S)
    await asyncio.wait_for(trying, 10)

    assert caplog.messages == ["places not given out"]


def test_of_a_run_that_has_ended_all_places_are_free() -> None:
    placing, rows = Placing("default", "w"), Append()
    placing.closed({"a": Place("k", 1, "queue", START_US), "b": Place("k", 1, "queue", START_US)})

    placing.rows(RUN_ID, rows)

    assert rows.leaving == [(RUN_ID, "a"), (RUN_ID, "b")]
    assert [line.key for line in placing.lines] == ["k"]
    assert len(rows) == 0  # no run is new in it


# --- what is shown, and what is sent on


def test_of_very_many_steps_the_first_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MAX_STEPS_SHOWN", 2)
    story = Story(graph(task("a"), task("b"), task("c")))

    assert [shown["step"] for shown in views.steps(story.run)] == ["a", "b"]


def test_what_is_sent_on_to_its_owner_is_cut_into_messages_that_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeding, "MAX_FRAME_BYTES", 1_000)
    items = [(cast(Any, n), cast(Any, SimpleNamespace(data=b"x" * 700))) for n in range(3)]

    assert [[item for item, _ in part] for part in feeding._parts(items)] == [[0], [1], [2]]
    assert list(feeding._parts(items[:1])) == [items[:1]]


async def test_schedules_that_are_gone_when_they_are_due_start_nothing() -> None:
    class Gone:
        async def load(self, _keys: object) -> list[object]:
            return []

        async def held(self, _keys: object) -> dict[object, object]:
            return {}

    keeper = Keeper(cast(Any, Gone()), cast(Any, None), FakeClock(), Metrics(), 1)

    await keeper.advance([("default", "gone")])

    assert keeper._look_s == keeper_module.LOOK_S
