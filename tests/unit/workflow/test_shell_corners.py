"""The shell where there is nothing to do, or it is done already: what is told,
asked and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from services.workflow import foreseeing
from services.workflow.acting import Acting
from services.workflow.batch import Batch, Touched
from services.workflow.core.commands import CONTINUE
from services.workflow.core.statuses import NodeStatus
from services.workflow.doubts import Doubts
from services.workflow.engine import Engine
from services.workflow.foreseeing import Foreseeing
from services.workflow.inbox import Addressed, Arrival, Inbox
from services.workflow.known_texts import KnownTexts
from services.workflow.loading import Loader
from services.workflow.republishing import Republisher
from services.workflow.rows import RunRow, StoredEvent
from services.workflow.slots import Slot, Written, new_row
from stretto.contracts.codec import json_encode
from stretto.testkit.clock import FakeClock

from .builders import ASK, RUN_ID, START_US, Ask, Ref, Story, graph, task


def slot_of(story: Story) -> Slot:
    row = new_row(RUN_ID, "default", "wf", 1, START_US)
    return Slot(story.run, row, 4, stored=True)


def events_of(story: Story) -> list[StoredEvent]:
    return [StoredEvent(seq, e.type, at_us, json_encode(e)) for seq, at_us, e in story.log]


class Folds:
    """A store and a loader that give the same runs, whatever is asked."""

    def __init__(self, *stories: Story) -> None:
        self.stories = stories
        self.slots: dict[bytes, Slot] = {}

    async def runs(self, run_ids: Sequence[bytes]) -> Sequence[bytes]:
        return run_ids

    async def folded(self, _rows: object) -> AsyncIterator[tuple[Slot, list[StoredEvent]]]:
        for story in self.stories:
            yield slot_of(story), events_of(story)


class Told:
    """A sender that notes what it is told to send."""

    def __init__(self) -> None:
        self.parents: list[str] = []
        self.events: list[int] = []
        self.untold = False

    async def told_parent(self, slot: Slot) -> None:
        self.parents.append(slot.run.phase.word)

    async def told_from_log(self, _slot: Slot, written: list[Written]) -> None:
        self.events.append(len(written))


def open_and_ended() -> tuple[Story, Story]:
    return Story(graph(task("a"))), Story(graph(task("a"))).complete("a")


# --- the engine


def acting_of(folds: Folds, told: Told) -> Acting:
    acting = Acting.__new__(Acting)
    acting._loader, acting._store = cast(Any, folds), cast(Any, folds)
    acting._sender = cast(Any, told)
    return acting


def engine_of(folds: Folds) -> tuple[Engine, Told]:
    engine, told = Engine.__new__(Engine), Told()
    engine.loader, engine._store = cast(Any, folds), cast(Any, folds)
    engine._sender = cast(Any, told)
    engine.acting = acting_of(folds, told)
    engine._doubts = Doubts(engine._store, engine.loader, engine.acting.loaded)
    return engine, told


async def test_a_parent_is_told_of_a_child_that_has_ended_and_of_no_other() -> None:
    told = Told()

    await acting_of(Folds(*open_and_ended()), told).tell_parents([RUN_ID])

    assert told.parents == ["completed"]


async def test_a_repair_tells_only_what_came_after_what_was_told() -> None:
    story = Story(graph(task("a")))
    engine, told = engine_of(Folds(story))

    async def nothing(*_: object, **__: object) -> None:
        return None

    engine.acting.again = nothing  # type: ignore[assignment, method-assign]

    for seq in (story.run.seq, 0):
        engine._doubts.repairs = {RUN_ID: seq}
        await engine._repair()

    assert told.events == [story.run.seq]


def test_a_run_of_a_partition_that_was_given_up_is_forgotten_with_its_commit() -> None:
    forgotten: list[bytes] = []
    acting = Acting.__new__(Acting)
    acting._loader = cast(Any, SimpleNamespace(forget=forgotten.append))
    acting._owned = set()

    acting._settle(Touched(slot_of(Story(graph(task("a"))))))

    assert forgotten == [RUN_ID]


async def test_events_of_before_the_watermark_are_not_told_again() -> None:
    story = Story(graph(task("a")))
    told = Told()
    folds = Folds(story)

    class Marks(Folds):
        async def mark_published(self, *_: object) -> None:
            return None

        async def published(self, partitions: set[int]) -> dict[int, int]:
            return dict.fromkeys(partitions, START_US)

        async def runs_since(self, *_: object) -> list[tuple[bytes, int]]:
            return [(RUN_ID, story.run.seq + 1)]

    republisher = Republisher(
        store=cast(Any, Marks()),
        loader=cast(Any, folds),
        sender=cast(Any, told),
        connection=cast(Any, SimpleNamespace(on_change=lambda **_: None)),
        clock=FakeClock(),
        partitions=4,
    )
    republisher.own({0})

    assert await republisher.catch_up() == 1
    assert told.events == []


async def test_a_run_that_has_ended_is_remembered_when_it_was_to_be_loaded() -> None:
    row = new_row(RUN_ID, "default", "wf", 1, START_US)
    row.status, row.closed_us = "completed", START_US

    class Rows:
        async def runs(self, _run_ids: object) -> list[RunRow]:
            return [row]

        async def histories(self, _run_ids: object) -> AsyncIterator[Any]:
            for events in ():
                yield events

    loader = Loader(cast(Any, Rows()), cast(Any, None), FakeClock(), 1)

    assert await loader.load([RUN_ID]) == []
    assert loader.has_ended(RUN_ID)


async def test_of_runs_that_are_not_here_only_those_that_have_ended_are_remembered() -> None:
    rows = [new_row(id_, "default", "wf", 1, START_US) for id_ in (RUN_ID, b"another's run id")]
    rows[0].status, rows[0].closed_us = "completed", START_US
    asked: list[bytes] = []

    class Rows:
        async def runs(self, run_ids: list[bytes]) -> list[RunRow]:
            asked.extend(run_ids)
            return [row for row in rows if row.run_id in run_ids]

    loader = Loader(cast(Any, Rows()), cast(Any, None), FakeClock(), 1)

    for _ in range(2):
        await loader.look_for_ended([row.run_id for row in rows])

    assert [loader.has_ended(row.run_id) for row in rows] == [True, False]
    assert asked == [rows[0].run_id, rows[1].run_id, rows[1].run_id], "what is known is not asked"


# --- asking ahead


class Asks(Foreseeing):
    """Asks that are answered each time at once."""

    def __init__(self) -> None:
        self.rounds = 0
        self._clock = FakeClock()
        self._deciding = cast(Any, self)
        self.patience = cast(Any, SimpleNamespace(pays=lambda: True))

    async def _ask(self, _batch: Batch) -> bool:
        return True

    async def _answers(self, _batch: Batch) -> list[Arrival]:
        return [Arrival(items=[Addressed(RUN_ID, CONTINUE)])]

    async def decide(self, *_: object, **__: object) -> None:
        self.rounds += 1


async def test_a_round_takes_so_many_answers_ahead_and_is_then_committed() -> None:
    asks, held, items = Asks(), list[Arrival](), list[Any]()

    await asks.foresee(Batch(), held, items)

    assert asks.rounds == foreseeing.MAX_ANSWERS_AHEAD
    assert len(held) == len(items) == asks.rounds


async def test_a_question_that_cannot_be_made_is_left_to_the_commit() -> None:
    ahead = Foreseeing.__new__(Foreseeing)
    ahead._lanes = 1
    batch = Batch()
    touched = Touched(slot_of(Story(graph(task("a")))))
    touched.effects = [
        Ask("nobody", 1, msgspec.structs.replace(ASK, refs=(Ref(root=cast(Any, "odd")),)))
    ]
    batch.touched = {RUN_ID: touched}
    touched.slot.run.nodes["nobody"] = cast(Any, SimpleNamespace(
        status=NodeStatus.DECIDING, turn=1
    ))  # fmt: skip

    assert await ahead._ask(batch) is False
    assert not batch.asked


# --- the inbox, texts


async def test_an_inbox_that_is_told_nothing_has_nothing() -> None:
    box = Inbox()

    box.put_now([])

    assert await box.soon(0.0) is False


async def test_who_waits_for_room_waits_until_there_is_some() -> None:
    box = Inbox(limit=2)
    one = Arrival(items=[Addressed(RUN_ID, CONTINUE)])
    box.put_now([one] * 4)
    more = asyncio.ensure_future(box.put([one]))
    await asyncio.sleep(0)

    await box.take(2, 1 << 20)
    await asyncio.sleep(0)
    assert not more.done(), "it is as full as it may be"

    await box.take(1, 1 << 20)
    await more
    assert len(box) == 2


async def test_a_text_is_looked_at_by_one_at_a_time_however_many_come() -> None:
    texts = KnownTexts()
    inside: list[int] = []
    most = 0

    async def look(number: int) -> None:
        nonlocal most
        async with texts.turn("default", "text"):
            inside.append(number)
            most = max(most, len(inside))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            inside.remove(number)

    first, second = (asyncio.ensure_future(look(n)) for n in range(2))
    await first
    third = asyncio.ensure_future(look(3))
    given_up = asyncio.ensure_future(look(4))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait([second, third, given_up])

    assert most == 1
    assert not texts._turns
