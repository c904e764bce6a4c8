"""The shell where something is missing, gone or too much: what it says, keeps and gives back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.workflow import loading, ownership, registry, sweeping
from services.workflow import payloads as payloads_module
from services.workflow.acting import Acting
from services.workflow.causes import causes, place_cause
from services.workflow.core.commands import CONTINUE, Control, TimerKind
from services.workflow.core.effects import Ask, Timer
from services.workflow.core.nodes import Place
from services.workflow.core.values import asked_values
from services.workflow.engine import Engine, give_back
from services.workflow.feeding import Feeders
from services.workflow.fields import read_start_request
from services.workflow.inbox import Addressed, Arrival
from services.workflow.loading import Loader
from services.workflow.migrations import Migrations
from services.workflow.ownership import Ownership
from services.workflow.payloads import BadPayload, Payloads, TooMuch
from services.workflow.referring import Referring
from services.workflow.registry import Registry
from services.workflow.republishing import Republisher
from services.workflow.slots import Slot
from services.workflow.sweeping import Sweep
from stretto.contracts.asks import Ask as AskOf
from stretto.contracts.codec import json_encode
from stretto.contracts.public import ControlRequest
from stretto.payloads.references import reference_to
from stretto.runtime.errors import TransientError
from stretto.telemetry.metrics import Metrics
from stretto.testkit.clock import FakeClock

from .builders import RUN_ID, START_US, Story, graph, task
from .fleets import begun, update


class Kept:
    """A message that says what was done with it."""

    def __init__(self, data: bytes = b"{}") -> None:
        self.data = data
        self.done: list[str] = []

    def ack(self) -> None:
        self.done.append("ack")

    def give_back(self) -> None:
        self.done.append("given back")

    def in_progress(self) -> None:
        self.done.append("in progress")


def arrival(message: Kept | None, *items: Any) -> Arrival:
    return Arrival(items=list(items), message=cast(Any, message))


# --- what arrives


async def test_what_is_being_handed_on_when_reading_stops_comes_to_others() -> None:
    message = Kept()

    async def full(_arrivals: list[Arrival]) -> None:
        await asyncio.Event().wait()

    deliver = Feeders._deliver(cast(Any, None), [arrival(message)], full)
    handing = asyncio.create_task(deliver)
    await asyncio.sleep(0)
    handing.cancel()
    await asyncio.wait([handing])

    assert handing.cancelled()
    assert message.done == ["given back"]
    give_back([arrival(None), arrival(message)])
    assert message.done == ["given back"] * 2


def test_a_start_of_a_parent_may_have_fields_that_a_start_of_a_person_may_not() -> None:
    """The parent may run in an instance that is newer."""
    body = b'{"input": {}, "later": 1%b}'

    with pytest.raises(ValueError, match="to have no field 'later'"):
        read_start_request(body % b"")
    read = read_start_request(body % b', "parent": "0123:do:1"')

    assert read.parent == "0123:do:1"


class Full:
    """Payloads that cannot be kept so often."""

    def __init__(self, times: int) -> None:
        self.times = times

    async def accept(self, *_: object) -> None:
        if self.times:
            self.times -= 1
            raise TransientError("postgres.not_reachable", "expected Postgres, but it is away")


async def test_a_request_waits_until_its_payload_can_be_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.workflow.referring.PAUSE_S", 0.0)

    async def answer(_answers: object) -> None:
        raise AssertionError("nothing is refused")

    referring = Referring(cast(Any, Full(2)), cast(Any, answer), 1)
    message = Kept(b'{"$payload": 1}')
    signal = Addressed(RUN_ID, Control(request=ControlRequest(command="signal", name="go")))

    left = await referring.accept_all([arrival(None, signal), arrival(message, signal)])

    assert [len(each.items) for each in left] == [1, 1]
    assert message.done == ["in progress"] * 2


# --- payloads


class Log(Payloads):
    """Payloads of two runs in memory, and a store of objects."""

    def __init__(self, theirs: Iterable[bytes] = ()) -> None:
        super().__init__(cast(Any, None), cast(Any, self), FakeClock())
        self.theirs = {reference_to(value).hash: value for value in theirs}
        self.ours: dict[str, bytes] = {}

    async def get(self, _name: str) -> None:
        return None

    async def _kept(self, _run_id: bytes, names: list[str]) -> Any:
        return {name for name in names if name in self.ours}

    async def _insert(self, _run_id: bytes, value: bytes) -> None:
        self.ours[reference_to(value).hash] = value

    async def _rows(self, run_id: bytes, names: list[str]) -> dict[str, bytes]:
        held = self.theirs if run_id == b"theirs" else self.ours
        return {name: held[name] for name in names if name in held}

    async def _values(self, run_id: bytes, names: list[str]) -> dict[str, bytes]:
        return await self._rows(run_id, names)


def refers(value: bytes) -> bytes:
    ref = reference_to(value)
    return json_encode({"$payload": ref.hash, "bytes": ref.bytes})


async def test_a_payload_that_the_store_has_not_is_taken_from_the_run_it_may_come_from() -> None:
    value = b'"large"'
    log = Log([value])

    await log.accept(RUN_ID, refers(value), [b"others", b"theirs"])

    assert list(log.ours.values()) == [value]
    assert await log.resolve(RUN_ID, refers(value), 1_000) == value
    with pytest.raises(BadPayload, match="to be in the object store, but it is not"):
        await log.accept(RUN_ID, refers(b'"gone"'), [b"others", b"theirs"])


async def test_references_in_references_are_followed_so_deep_and_no_deeper(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(payloads_module, "MAX_NESTING", 1)
    inner = b'"x"'
    outer = b"[%b]" % refers(inner)
    log = Log([inner, outer])

    with pytest.raises(BadPayload, match="expected references nested at most 1 deep"):
        await log.accept(RUN_ID, refers(outer), [b"theirs"])
    assert await log.resolve(RUN_ID, refers(outer), 1_000) == outer
    with pytest.raises(TooMuch):
        await log.resolve(RUN_ID, refers(outer), 10)


@pytest.mark.parametrize("data", [b'{"$payload": 1}', b'{"$payload": "x", "bytes": "many"}'])
async def test_what_only_looks_like_a_reference_is_a_value(data: bytes) -> None:
    await Log().accept(RUN_ID, data)

    assert await Log().resolve(RUN_ID, data, 1_000) == data


async def test_what_has_references_and_is_no_json_is_refused() -> None:
    with pytest.raises(BadPayload) as refused:
        await Log().accept(RUN_ID, b'{"$payload"')
    assert refused.value.code == "payload_invalid"


# --- what is held


def slot_of(story: Story) -> Slot:
    return cast(Slot, SimpleNamespace(run=story.run, text="t"))


def test_runs_that_have_ended_are_remembered_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MAX_REMEMBERED", 2)
    loader = Loader(cast(Any, None), cast(Any, None), FakeClock(), 1)

    for name in (b"a", b"b", b"c"):
        loader._remember(name, "completed")

    assert list(loader._closed) == [b"b", b"c"]


def test_definitions_are_held_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MAX_HELD", 1)
    held = Registry.__new__(Registry)
    held._held = {}

    for number in (1, 2):
        held._hold(("default", "w", number), cast(Any, number))

    assert held._held == {("default", "w", 2): 2}


@pytest.mark.parametrize(
    ("timer", "wanted"),
    [
        (Timer(5, "", TimerKind.RUN), False),
        (Timer(0, "", TimerKind.RUN), True),
        (Timer(5, "a", TimerKind.ATTEMPT, 1), True),
        (Timer(5, "a", TimerKind.ATTEMPT, 7), False),
        (Timer(5, "a", TimerKind.STEP, 7), True),
        (Timer(5, "gone", TimerKind.STEP), False),
    ],
)
def test_a_timer_is_wanted_while_somebody_waits_for_it(timer: Timer, wanted: bool) -> None:
    loader = SimpleNamespace(slots={RUN_ID: slot_of(Story(graph(task("a"))))})
    acting = cast(Acting, SimpleNamespace(_loader=loader))

    assert Acting.wants(acting, RUN_ID, timer) is wanted
    assert Acting.wants(acting, b"gone", timer) is False


async def test_a_run_that_cannot_end_its_round_goes_on_in_the_next_before_it_is_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "services.workflow.engine.ack_all", lambda messages: [each.ack() for each in messages]
    )
    message = Kept()
    rounds: list[list[Any]] = []

    async def carry_out(items: list[Any]) -> None:
        rounds.append([getattr(item, "command", item) for item in items])
        engine._unfinished = [RUN_ID] if len(rounds) == 1 else []
        assert message.done == []

    engine = Engine.__new__(Engine)
    engine._lock = asyncio.Lock()
    engine.owned = set()
    engine._unfinished = []
    engine._round = carry_out  # type: ignore[method-assign]

    await engine.process([arrival(message, Addressed(RUN_ID, CONTINUE))])

    assert rounds == [[CONTINUE], [CONTINUE]]
    assert message.done == ["ack"]


async def test_a_run_that_is_not_held_is_asked_for_no_version() -> None:
    item = Addressed(RUN_ID, Control(request=ControlRequest(command="migrate")))

    await Migrations(cast(Any, None)).prepare(item, cast(Any, SimpleNamespace(slots={})))

    assert isinstance(item.command, Control), "it is refused as any command to a run that is none"


def test_a_question_that_is_not_asked_any_more_takes_no_values() -> None:
    story = Story(graph(task("a", ask=AskOf(plan=b"{}"))))
    ask = story.last(Ask)
    assert isinstance(ask, Ask)
    assert asked_values(slot_of(story).run, ask) == []

    story.decided("a", output=b"1")

    assert asked_values(slot_of(story).run, ask) is None


async def test_nothing_is_told_again_where_everything_was_told() -> None:
    republisher = Republisher(
        store=cast(Any, None),
        loader=cast(Any, None),
        sender=cast(Any, None),
        connection=cast(Any, SimpleNamespace(on_change=lambda **_: None)),
        clock=FakeClock(),
        partitions=1,
    )

    assert await republisher.catch_up() == 0


# --- a take-over that takes long


async def test_a_session_says_that_it_is_there_while_runs_are_taken_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ownership, "ALIVE_S", 0.0)
    said: list[str] = []
    folded = asyncio.Event()

    class Session:
        async def execute(self, statement: str) -> None:
            said.append(statement)
            if len(said) == 3:
                folded.set()

    owner = Ownership("", 1, cast(Any, None), cast(Any, None))

    await owner._while_alive(cast(Any, Session()), folded.wait())

    assert said[:3] == ["select"] * 3


async def test_a_take_over_that_is_cut_short_is_ended_before_the_session_is_used_again() -> None:
    owner = Ownership("", 1, cast(Any, None), cast(Any, None))
    work = asyncio.get_running_loop().create_future()
    taking = asyncio.create_task(owner._while_alive(cast(Any, None), work))
    await asyncio.sleep(0)

    taking.cancel()
    await asyncio.wait([taking])

    assert taking.cancelled() and work.cancelled()


# --- what is told


def test_a_step_that_waits_for_a_place_says_who_has_it_and_who_is_before_it() -> None:
    story = Story(graph(task("a")))
    node = story.run.nodes["a"]
    node.place = Place("k", 1, "queue", START_US)

    waits = place_cause(node, ["run r"], 2).sentence
    node.place.held = True
    has = place_cause(node, [], 0).sentence

    assert waits == (
        "Step 'a' waits for a place: at most 1 step is under way at once for the key 'k'; run r "
        "has the place, and 2 wait before this one."
    )
    assert has == "Step 'a' has a place, and begins."


def test_a_rollout_that_a_handler_took_over_is_no_cause_any_more() -> None:
    catch = "catch: [{on: RolloutAborted, steps: {ask: {approval: {}}}}]"
    world, run = begun(update("{waves: [1, 100%]}", catch), 3, [0])

    world.advance(60)

    assert [cause.cause for cause in causes(run.run)] == ["approval"]


async def test_a_run_without_a_cause_is_an_alert_once_until_many_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweeping, "MAX_ALERTED", 1)
    alerts: list[str] = []

    class Sender:
        async def alert(self, _namespace: str, alert: Any, _id: str) -> None:
            alerts.append(alert.run_id)

    sweep = Sweep(cast(Any, None), cast(Any, Sender()), FakeClock(), Metrics())

    def stuck(name: str) -> Slot:
        row = SimpleNamespace(namespace="default")
        run = SimpleNamespace(id=name.encode(), seq=1, workflow="w")
        return cast(Slot, SimpleNamespace(text=name, run=run, row=row))

    for name in ("a", "a", "b", "a"):
        await sweep._report(stuck(name), START_US)

    assert alerts == ["a", "b", "a"]
