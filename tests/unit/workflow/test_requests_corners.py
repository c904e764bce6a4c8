"""Requests that come twice, too many, too late or too large: what is told, refused, kept."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from services.workflow import forks as forks_module
from services.workflow import rings as rings_module
from services.workflow.core import Rejection
from services.workflow.core.commands import TimerKind
from services.workflow.core.rings import Link, Waiting
from services.workflow.decisions import asked_decision
from services.workflow.forks import forked
from services.workflow.importing import Importing
from services.workflow.migrations import MigrationsQuery, page
from services.workflow.outgoing import Frames
from services.workflow.registry import Registered
from services.workflow.resolving import Resolving
from services.workflow.rings import Rings, _Claims
from services.workflow.rows import RunRow
from services.workflow.slots import new_row
from stretto.bus.service import Refusal
from stretto.contracts.codec import json_encode
from stretto.contracts.frames import ForkRecord, StartRecord
from stretto.postgres.errors import Conflict
from stretto.runtime.errors import TransientError
from stretto.testkit.clock import FakeClock

from .builders import ASK, RUN_ID, START_US, Ask, Retry, Story, Timeouts, Timer, graph, task
from .test_bindings import ROUTED, bound, told
from .test_core_migrating import version
from .test_shell_corners import Folds, events_of, slot_of
from .test_shell_faults import refers

AWAY = TransientError("postgres.not_reachable", "expected Postgres, but it is away")
CONFLICT = Conflict("postgres.conflict", "expected a key that is free, but it is taken")
ROW = new_row(RUN_ID, "default", "wf", 1, START_US)


# --- asked back from the log


def test_how_an_attempt_ended_is_not_told_as_the_end_of_its_step() -> None:
    limited = msgspec.structs.replace(
        ROUTED, retry=Retry(max_attempts=3, interval_s=60.0), timeouts=Timeouts(total_s=30.0)
    )
    story = Story(graph(limited))
    bound(story, "d1")
    story.fail("a")
    ends = next(e for e in story.effects if isinstance(e, Timer) and e.kind is TimerKind.STEP)
    story.fire(ends)

    [way] = told(story).bindings

    assert story.run.nodes["a"].failure is not None
    assert story.run.nodes["a"].failure.type == "RunTimeout"
    assert way.failure is not None
    assert (way.device, way.failure.type) == ("d1", "Boom")


def test_an_output_that_is_not_worked_out_yet_has_no_answer() -> None:
    story = Story(graph(task("a"), output=ASK)).complete("a")
    *_, asking = events_of(story)
    story.give(signal())

    later = events_of(story)[asking.seq :]
    found = asked_decision(story.run, "output", asking, later)

    assert [each.type for each in later] == ["signal.received"]
    assert (found.event, found.decided_at, bytes(found.outcome)) == (None, None, b"null")


def signal() -> Any:
    from services.workflow.core.commands import Control
    from stretto.contracts.public import ControlRequest

    return Control(request=ControlRequest(command="signal", name="go"))


# --- what begins with another run


class Versions:
    """A registry of one graph, and a store of one run's events."""

    def __init__(self, story: Story) -> None:
        self.story = story

    async def runs(self, _run_ids: object) -> list[RunRow]:
        return [ROW]

    async def events_of(self, run_ids: list[bytes]) -> dict[bytes, Any]:
        return {run_ids[0]: events_of(self.story)}

    async def graph(self, *_: object) -> Any:
        return self.story.graph

    async def find(self, *_: object) -> Registered:
        return Registered(self.story.graph)


def start(run_id: bytes = b"n" * 16, **fields: Any) -> StartRecord:
    made = StartRecord(run_id, "default", "wf", None, None, b"{}", {}, START_US)
    return msgspec.structs.replace(made, **fields)


async def test_a_fork_that_takes_over_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(graph(task("a"), task("b", needs=(0,)))).complete("a", b'"%b"' % (b"x" * 50))
    versions = cast(Any, Versions(story))
    item = start(fork=ForkRecord(RUN_ID))
    assert not isinstance(await forked(versions, versions, item), Rejection)

    monkeypatch.setattr(forks_module, "MAX_TAKEN_BYTES", 10)
    refused = await forked(versions, versions, item)

    assert isinstance(refused, Rejection)
    assert refused.code == "fork_too_large"
    assert "at most 10 bytes" in refused.message


async def test_a_page_of_migrations_leaves_out_what_has_ended_and_says_where_to_go_on() -> None:
    ended, running = Story(version(1, task("a"))).complete("a"), Story(version(1, task("a")))

    class Open:
        async def open_of(self, *_: object) -> list[RunRow]:
            return [ROW, ROW]

    answer = await page(
        cast(Any, Open()),
        cast(Any, Folds(ended, running)),
        Registered(version(2, task("a"))),
        MigrationsQuery(workflow="wf", limit=2),
        source=1,
        after=b"",
    )

    assert len(cast(Any, answer["runs"])) == 1
    assert answer["next"] == answer["runs"][0]["run_id"]  # type: ignore[index]


class Import(Importing):
    """Imports into a log that has some of a run's events."""

    def __init__(self, story: Story, here: int, defined: bool = False) -> None:
        super().__init__(cast(Any, self), cast(Any, self), FakeClock(), 4)
        self._store = cast(Any, Versions(story))
        self.defined = defined
        events = events_of(story)
        document = SimpleNamespace(events=events, definitions=[DEFINITION])
        self.found = cast(
            Any, SimpleNamespace(document=document, slot=slot_of(story), events=events, row=ROW)
        )
        self._store.events_of = self.some(events[:here])

    def some(self, events: list[Any]) -> Any:
        async def events_of(_run_ids: object) -> dict[bytes, Any]:
            return {RUN_ID: events}

        return events_of

    async def fetch(self, *_: object) -> list[tuple[bytes]]:
        self.defined, was = True, self.defined
        return [(bytes(DEFINITION.graph),)] if was else []

    async def execute(self, *_: object) -> None:
        raise CONFLICT

    async def publish_many(self, _messages: object) -> None:
        raise AWAY


DEFINITION = cast(
    Any,
    SimpleNamespace(
        workflow="wf",
        version=1,
        source="workflow: wf\nsteps: {a: {task: t}}\n",
        expanded=b"null",
        uses=[],
        graph=json_encode(graph(task("a"))),
    ),
)


async def test_a_run_that_is_here_up_to_an_earlier_event_is_not_added_to() -> None:
    story = Story(graph(task("a"))).complete("a")

    with pytest.raises(Refusal, match="it has but 2 events here: it is at event 4"):
        await Import(story, 2)._is_here(Import(story, 2).found)
    assert await Import(story, 4)._is_here(Import(story, 4).found)


async def test_a_version_that_another_import_was_first_with_is_as_good() -> None:
    importing = Import(Story(graph(task("a"))), 0)

    await importing._define(importing.found)

    importing.fetch = importing_nothing  # type: ignore[method-assign]
    with pytest.raises(Conflict):
        await importing._define(importing.found)


async def importing_nothing(*_: object) -> list[tuple[bytes]]:
    return []


async def test_an_import_that_monitoring_is_not_told_of_is_an_import(
    caplog: pytest.LogCaptureFixture,
) -> None:
    importing = Import(Story(graph(task("a"))), 0)

    await importing._tell(importing.found)

    assert caplog.messages == ["import not told"]


# --- payloads of questions


async def test_a_payload_that_two_values_of_a_round_share_is_read_once() -> None:
    story = Story(graph(task("a", ask=ASK)), refers(b'"large"'))
    ended = Story(graph(task("a", ask=ASK)), refers(b'"large"'))
    asks = [each.last(Ask) for each in (ended, story, story)]
    ended.decided("a", output=b"1")
    read: list[bytes] = []

    class Payloads:
        async def resolve(self, _run_id: bytes, value: bytes, _room: int) -> bytes:
            read.append(value)
            return b'"large"'

    frames = Frames(START_US, 1)
    for each, ask in zip((ended, story, story), asks, strict=True):
        frames.referring.append((slot_of(each), cast(Any, ask)))

    await Resolving(cast(Any, Payloads())).resolve(frames)

    assert len(read) == 1
    assert frames._asks.count == 2, "the first is not asked any more"


# --- rings


async def test_a_ring_of_runs_that_have_no_parents_is_broken_by_a_cancellation() -> None:
    sent: list[str] = []

    class Bus:
        async def alert(self, *_: object) -> None:
            sent.append("alert")

        async def publish_many(self, messages: list[Any]) -> None:
            sent.extend(each.subject for each in messages)

    bus = cast(Any, Bus())
    rings = Rings(
        cast(Any, None), cast(Any, None), sender=bus, publisher=bus, clock=FakeClock(),
        partitions=4, looks=lambda: True,
    )  # fmt: skip
    story = Story(graph(task("a")))
    claim, claims = Waiting(RUN_ID, "a"), _Claims()
    claims.since_us, claims.keys = {claim: START_US}, {claim: "k"}
    slot = slot_of(story)

    await rings._break([Link(claim, Waiting(RUN_ID, ""), ())], claims, {RUN_ID: slot})

    assert sent == ["alert", f"stretto.control.default.{slot.text}"]
    assert rings_module.DEADLOCK == "Deadlock"
