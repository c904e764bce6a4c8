"""Attempts with a route: ranked by who answers for the decision service, sent by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from services.execution import routing
from services.execution.core import routed
from services.execution.core.on_route import At
from services.execution.service import Execution
from stretto.bus.request import RemoteError
from stretto.bus.service import Service
from stretto.contracts import subjects
from stretto.contracts.bindings import MAX_ASKED, RoutedAttempt, RoutedAttempts, RoutedQuery
from stretto.contracts.codec import decode_results, decode_work, json_encode
from stretto.contracts.failures import Failure
from stretto.contracts.frames import DispatchRecord
from stretto.contracts.public import Presence, Progress, Results, Task, TaskResult
from stretto.contracts.routes import (
    Bound,
    Candidate,
    Otherwise,
    Outcome,
    Outcomes,
    RankAnswer,
    Ranked,
    RankQuestion,
    RankRequest,
    RoutePlan,
    RouteRecord,
)

from .world import World, execution, id_of, record, world

Answer = Callable[[RankQuestion], Ranked]


def routed_record(n: int = 1, *, plan: bytes | None = None, **more: Any) -> DispatchRecord:
    route = RouteRecord(plan or json_encode(RoutePlan(where="true")), (b"1", None))
    return record("scan", {"n": n}, n=n, route=route, accept=True, **more)


def going_to(*devices: str) -> Answer:
    candidates = [Candidate(device=device, score=1.0, why="it fits") for device in devices]
    return lambda _question: Ranked(candidates=candidates, strategy="random", fitting=len(devices))


class Site:
    """Devices by name, and who answers for the decision service."""

    def __init__(self, here: World, service: Execution) -> None:
        self.here = here
        self.service = service
        self.asked: list[RankQuestion] = []
        self.sent: dict[str, list[Task]] = {}
        self.stopped: list[str] = []
        self.bound: list[Bound] = []
        self.outcomes: list[Outcome] = []

    async def open(self) -> None:
        bus = self.here.connection
        await bus.subscribe(subjects.outcomes("default"), self._outcomes)
        await bus.subscribe("stretto.results.*", self._told)

    def _outcomes(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        self.outcomes += msgspec.json.decode(data, type=Outcomes).outcomes

    def _told(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        self.bound += decode_results(data).bound

    async def device(self, name: str, **said: Any) -> None:
        """A device that takes note of what it is sent, and says nothing."""
        tasks = self.sent.setdefault(name, [])
        bus = self.here.connection
        await bus.subscribe(
            subjects.device("default", name),
            lambda _subject, _reply, _block, data: tasks.extend(decode_work(data).tasks),
        )
        await bus.subscribe(
            subjects.withdraw("default", name),
            lambda _subject, _reply, _block, _data: self.stopped.append(name),
        )
        presence = Presence(**{"tasks": ["scan"], "slots": 5, **said})
        await bus.publish(subjects.presence("default", name), json_encode(presence))
        await self.here.until_true(lambda: ("default", name) in self.service.roster.devices)

    @asynccontextmanager
    async def ranking(self, answer: Answer | bytes) -> AsyncIterator[None]:
        """Answer for the decision service until the end of the block."""

        async def rank(request: bytes) -> bytes:
            questions = msgspec.json.decode(request, type=RankRequest).questions
            self.asked += questions
            if isinstance(answer, bytes):
                return answer
            return json_encode(RankAnswer(answers=[answer(each) for each in questions]))

        decision = Service(self.here.connection, "decision", {"rank": rank})
        async with asyncio.TaskGroup() as group:
            task = group.create_task(decision.run())
            await decision.ready.wait()
            yield
            task.cancel()

    async def until_sent(self, name: str, count: int = 1) -> list[Task]:
        await self.here.until_true(lambda: len(self.sent[name]) >= count)
        return self.sent[name]

    async def say(self, task: Task, **told: Any) -> None:
        assert task.reply is not None
        await self.here.connection.publish(task.reply, json_encode(Results(**told)))

    async def accept(self, task: Task) -> None:
        await self.say(task, accepted=task.id)
        core = self.core
        await self.here.until_true(lambda: core.get(task.id).at is At.ACCEPTED)  # type: ignore[union-attr]

    @property
    def core(self) -> routed.Routes:
        desk = self.service.lanes[0].desk
        assert desk is not None
        return desk.router.core


@asynccontextmanager
async def site(url: str) -> AsyncIterator[Site]:
    async with world(url) as here, execution(url) as service:
        made = Site(here, service)
        await made.open()
        await here.until_true(lambda: service.lanes[0].desk)
        yield made


def result(task: Task, **fields: Any) -> TaskResult:
    told = {"status": "completed", "started_at": "2026-01-01T00:00:00Z", **fields}
    return TaskResult(**{"id": task.id, "finished_at": "2026-01-01T00:00:02Z", **told})


async def test_an_attempt_goes_to_its_device_and_what_became_of_it_is_told(nats_url: str) -> None:
    async with site(nats_url) as here, here.ranking(going_to("d1")):
        await here.device("d1")
        one = routed_record()
        await here.here.dispatch(one)
        [task] = await here.until_sent("d1")
        assert (task.id, task.task) == (id_of(one), "scan")
        [question] = here.asked
        assert [bytes(value) for value in question.values] == [b"1", b"null"]
        assert (question.absent, question.avoid) == ([1], [])
        await here.accept(task)
        await here.say(task, results=[result(task)])
        await here.here.until_true(lambda: here.outcomes)
        assert here.outcomes == [Outcome(device="d1", task="scan", took_ms=2_000.0)]
        assert len(here.core) == 0
    [bound] = here.bound
    assert (bound.id, bound.device, bound.reason) == (task.id, "d1", "it fits")
    assert [c.device for c in bound.ranked.candidates] == ["d1"]


@pytest.mark.parametrize("nonsense", [None, b"nonsense", b'{"answers": []}'])
async def test_while_nobody_ranks_it_is_asked_again(
    nats_url: str, nonsense: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "ASK_AGAIN_S", 0.02)
    monkeypatch.setattr(routing, "RANK_TIMEOUT_S", 0.2)
    async with site(nats_url) as here:
        await here.device("d1")
        one = routed_record()
        if nonsense is None:
            await here.here.dispatch(one)
            await here.here.until_true(lambda: here.core.get(id_of(one)) is not None)
        else:
            async with here.ranking(nonsense):
                await here.here.dispatch(one)
                await here.here.until_true(lambda: len(here.asked) >= 2)
        async with here.ranking(going_to("d1")):
            [task] = await here.until_sent("d1")
    assert task.id == id_of(one)


async def test_a_device_that_does_not_accept_is_asked_again_and_then_passed_over(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routed, "RESEND_US", 50_000)

    def answer(question: RankQuestion) -> Ranked:
        return going_to("good" if "deaf" in question.avoid else "deaf")(question)

    async with site(nats_url) as here, here.ranking(answer):
        await here.device("deaf")
        await here.device("good")
        await here.here.dispatch(routed_record())
        [task, *_] = await here.until_sent("good")
        await here.accept(task)
        await here.here.until_true(lambda: here.outcomes)
    assert len(here.sent["deaf"]) == routed.MAX_SENDS
    [told] = here.outcomes
    assert (told.device, told.failed) == ("deaf", True)
    assert [bound.device for bound in here.bound] == ["deaf", "good"]


async def test_nobody_fits_and_the_reasons_are_in_the_failure(nats_url: str) -> None:
    plan = json_encode(RoutePlan(otherwise=(Otherwise(fail="none at all"),)))
    refused = {"the condition is false": 2}
    broken = Failure(type="ExpressionError", message="no such field", retryable=False)

    def answer(question: RankQuestion) -> Ranked:
        if question.id == id_of(wrong):
            return Ranked(failure=broken)
        return Ranked(present=3, knowing=2, refused=refused)

    one, wrong = routed_record(1, plan=plan), routed_record(2)
    no_route = routed_record(3, plan=b"[]")
    async with site(nats_url) as here, here.ranking(answer):
        await here.here.dispatch(one, wrong, no_route)
        failures = [(await here.here.result(each)).failure for each in (one, wrong, no_route)]
    assert [failure.type for failure in failures if failure] == ["NoDevice"] * 3
    messages = [failure.message for failure in failures if failure]
    assert "none at all (3 present; 2 know the task; 2 × the condition is false)" in messages[0]
    assert "which devices fit, but: no such field" in messages[1]
    assert "expected a route, but" in messages[2]


async def test_a_way_out_is_a_queue(nats_url: str) -> None:
    plan = json_encode(RoutePlan(otherwise=(Otherwise(queue="manual"),)))
    async with site(nats_url) as here, here.ranking(going_to()):
        await here.device("hand", queue="manual")
        await here.here.dispatch(routed_record(plan=plan))
        await here.here.until_lane(out=1)
        assert len(here.core) == 0


async def test_where_attempts_are_can_be_asked(nats_url: str) -> None:
    def answer(question: RankQuestion) -> Ranked:
        return going_to(*(["d1"] if question.id == id_of(first) else []))(question)

    first, second = routed_record(1), routed_record(2)
    async with site(nats_url) as here, here.ranking(answer):

        async def ask(*ids: str) -> dict[str, RoutedAttempt]:
            data = json_encode(RoutedQuery(ids=list(ids)))
            reply = await here.here.connection.request(subjects.api("execution", "routed"), data)
            found = msgspec.json.decode(reply.data, type=RoutedAttempts).attempts
            return {each.id: each for each in found}

        await here.device("d1")
        await here.here.dispatch(first)
        [task] = await here.until_sent("d1")
        await here.accept(task)
        await here.here.dispatch(second)
        waiting = here.core
        await here.here.until_true(
            lambda: (known := waiting.get(id_of(second))) and known.at is At.WAITING
        )
        await here.here.until_lane(lane=0)  # it answers
        found = await ask(id_of(first), id_of(second), "unknown")
        assert (found[id_of(first)].at, found[id_of(first)].device) == ("accepted", "d1")
        told = found[id_of(second)]
        assert (told.at, told.device, told.reason) == ("waiting", None, "for a device that fits")
        asked = waiting.get(id_of(second))
        assert asked is not None
        asked.at = At.ASKED
        assert (await ask(id_of(second)))[id_of(second)].at == "ranking"
        for request in (b"{", json_encode(RoutedQuery(ids=["x"] * (MAX_ASKED + 1)))):
            with pytest.raises(RemoteError, match="expected"):
                await here.here.connection.request(subjects.api("execution", "routed"), request)


async def test_what_nobody_wants_is_stopped_at_its_device(nats_url: str) -> None:
    async with site(nats_url) as here, here.ranking(going_to("d1")):
        await here.device("d1")
        one = routed_record()
        await here.here.dispatch(one)
        await here.until_sent("d1")
        await here.here.send_frame(withdrawn=[one])
        await here.here.until_true(lambda: here.stopped == ["d1"])
        assert len(here.core) == 0


async def test_what_is_silent_on_its_device_fails_with_what_it_said_and_is_stopped(
    nats_url: str,
) -> None:
    async with site(nats_url) as here, here.ranking(going_to("d1")):
        await here.device("d1")
        one = routed_record(heartbeat_s=0.5)
        await here.here.dispatch(one)
        [task] = await here.until_sent("d1")
        await here.accept(task)
        alive = json_encode(Progress(id=task.id, details=msgspec.Raw(b'{"row":3}')))
        await here.here.connection.publish(subjects.progress("default", task.run_id), alive)
        found = await here.here.result(one)
        assert found.failure is not None and found.failure.type == "HeartbeatTimeout"
        assert bytes(found.details) == b'{"row":3}'
        await here.here.until_true(lambda: here.stopped == ["d1"])
        await here.here.until_true(lambda: here.outcomes)
        assert [(each.device, each.failed) for each in here.outcomes] == [("d1", True)]


async def test_an_attempt_that_is_dispatched_again_is_sent_to_its_device_again(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(nats_url) as here, here.ranking(going_to("d1")):
        await here.device("d1")
        one = routed_record()
        await here.here.dispatch(one)
        [task] = await here.until_sent("d1")
        await here.accept(task)
        monkeypatch.setattr(routed, "RESEND_US", -1)
        await here.here.answer_open(b'{"lane":0}')
        assert len(await here.until_sent("d1", 2)) == 2
        assert len(here.bound) == 1, "it was told already"


async def test_results_without_times_and_of_attempts_that_wait_teach_nothing(nats_url: str) -> None:
    async with site(nats_url) as here, here.ranking(going_to("d1")):
        await here.device("d1", slots=1)
        one, two = routed_record(1), routed_record(2)
        await here.here.dispatch(one)
        [task] = await here.until_sent("d1")
        await here.here.dispatch(two)
        await here.here.until_true(lambda: len(here.core) == 2)
        waiting = msgspec.structs.replace(task, id=id_of(two))
        await here.say(waiting, results=[result(waiting)])
        await here.say(task, results=[result(task, started_at=None)])
        await here.here.until_true(lambda: len(here.core) == 0)
    assert here.outcomes == []


async def test_outcomes_are_hints_that_may_be_lost(
    nats_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(routing, "MAX_OUTCOMES", 1)
    plain = subjects.outcomes
    async with site(nats_url) as here, here.ranking(going_to("d1")):
        await here.device("d1")
        records = [routed_record(n) for n in (1, 2)]
        await here.here.dispatch(*records)
        tasks = await here.until_sent("d1", 2)
        monkeypatch.setattr(subjects, "outcomes", lambda _namespace: "no subject")
        await here.say(tasks[0], results=[result(task) for task in tasks])
        await here.here.until_true(lambda: "outcomes not told" in caplog.text)
        monkeypatch.setattr(subjects, "outcomes", plain)
    assert here.outcomes == []
