"""Which devices fit, asked on a real bus: presence and outcomes in, rankings out."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from services.decision.ranking import EXPIRE_EVERY_S, Ranking
from services.decision.routing.answers import Routes
from services.decision.routing.fleet import PRESENCE_TTL_US
from services.decision.service import main
from services.decision.settings import DecisionSettings
from stretto.bus.connection import Connection
from stretto.bus.service import Refusal
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.public import Presence
from stretto.contracts.routes import (
    MAX_QUESTIONS,
    Outcome,
    Outcomes,
    RankAnswer,
    Ranked,
    RankQuestion,
    RankRequest,
    RoutePlan,
)
from stretto.runtime.context import ServiceContext
from stretto.testkit.clock import FakeClock
from stretto.testkit.nats_server import NatsServer
from stretto.testkit.service_host import hosted

WITHIN_S = 20.0


class Host:
    """A ranking that listens on the bus, with a clock that is moved."""

    def __init__(self, bus: Connection, clock: FakeClock) -> None:
        self.bus = bus
        self.clock = clock
        self.ranking: Ranking
        self.connection: Connection

    async def say(self, subject: str, data: object) -> None:
        await self.bus.publish(subject, data if isinstance(data, bytes) else json_encode(data))

    async def present(self, name: str, **said: Any) -> None:
        presence = Presence(**{"tasks": ["scan"], **said})
        await self.say(subjects.presence("default", name), presence)

    async def rank(self, *ids: str, **plan: Any) -> list[Ranked]:
        encoded = msgspec.Raw(json_encode(RoutePlan(**plan)))
        questions = [
            RankQuestion(id=id_, namespace="default", task="scan", plan=encoded)
            for id_ in ids or ("a",)
        ]
        answer = await self.ranking.rank(json_encode(RankRequest(questions=questions)))
        return msgspec.json.decode(answer, type=RankAnswer).answers

    async def names(self, where: str = "true") -> list[str]:
        [answer] = await self.rank(where=where)
        return sorted(candidate.device for candidate in answer.candidates)

    async def learned(self, request: bytes = b"{}") -> dict[str, Any]:
        told: dict[str, Any] = json.loads(await self.ranking.learned(request))
        return told

    async def until(self, holds: Callable[[Any], object], ask: Callable[[], Any]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not holds(await ask()):  # noqa: ASYNC110 - the service is asked
                await asyncio.sleep(0.01)


@asynccontextmanager
async def ranking(url: str, bus: Connection, **settings: Any) -> AsyncIterator[Host]:
    host = Host(bus, FakeClock())

    async def listen(context: ServiceContext[DecisionSettings]) -> None:
        host.ranking, host.connection = Ranking(context), context.connection
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(host.ranking.run())
            await host.clock.until_sleeping()
            await context.started()
            await context.stopping.wait()
            listening.cancel()

    read = DecisionSettings(nats_url=url, **settings)
    async with hosted("decision", read, listen, clock=host.clock) as running:
        await running.ready()
        yield host


async def test_presence_makes_devices_and_silence_ends_them(nats_url: str, bus: Connection) -> None:
    async with ranking(nats_url, bus) as host:
        await host.say(subjects.presence("default", "bad"), b"{")
        await host.say(subjects.presence("default", "bad"), {"tasks": 5})
        await host.present("a")
        await host.present("b")
        await host.until(lambda names: names == ["a", "b"], host.names)

        await host.clock.advance(PRESENCE_TTL_US / 1e6 - EXPIRE_EVERY_S)
        await host.present("b", capabilities=["x"])
        await host.until(
            lambda names: names == ["b"], lambda: host.names("'x' in device.capabilities")
        )
        await host.clock.until_sleeping()
        await host.clock.advance(2 * EXPIRE_EVERY_S)
        await host.until(lambda names: names == ["b"], host.names)


async def test_nobody_is_forgotten_while_the_bus_is_away(data_dir: Any) -> None:
    from stretto.bus.connection import connect

    server = NatsServer(data_dir)
    await server.start()
    try:
        async with await connect(server.url, "test") as bus, ranking(server.url, bus) as host:
            await host.present("a")
            await host.until(lambda names: names == ["a"], host.names)
            await server.stop()

            async def connected() -> bool:
                return host.connection.is_connected

            await host.until(lambda is_connected: not is_connected, connected)
            await host.clock.until_sleeping()
            await host.clock.advance(PRESENCE_TTL_US / 1e6 + 2)
            await server.start()
            await host.until(lambda is_connected: is_connected, connected)
            await host.clock.until_sleeping()
            await host.clock.advance(EXPIRE_EVERY_S)
            assert await host.names() == ["a"], "it was we who did not listen"
    finally:
        await server.stop()


@pytest.mark.parametrize("request_", [b"{", b"[]", b"[" * 5_000, b'{"questions": [{}]}'])
async def test_what_is_no_request_is_refused(
    nats_url: str, bus: Connection, request_: bytes
) -> None:
    async with ranking(nats_url, bus) as host:
        with pytest.raises(Refusal, match="expected questions"):
            await host.ranking.rank(request_)
        if request_ != b'{"questions": [{}]}':
            with pytest.raises(Refusal, match="expected a namespace"):
                await host.ranking.learned(request_)


async def test_only_so_much_is_asked_at_once(nats_url: str, bus: Connection) -> None:
    async with ranking(nats_url, bus) as host:
        many = [f"{number}" for number in range(MAX_QUESTIONS)]
        assert len(await host.rank(*many)) == MAX_QUESTIONS
        with pytest.raises(Refusal, match=f"at most {MAX_QUESTIONS} questions"):
            await host.rank(*many, "one more")


async def test_a_surprise_with_one_question_does_not_stop_the_others(
    nats_url: str, bus: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Routes.answer

    def surprising(self: Routes, question: RankQuestion, now_us: int) -> Ranked:
        if question.id == "bad":
            raise ZeroDivisionError
        return plain(self, question, now_us)

    monkeypatch.setattr(Routes, "answer", surprising)
    async with ranking(nats_url, bus) as host:
        good, bad, other = await host.rank("good", "bad", "other")
    assert (good.failure, other.failure) == (None, None)
    assert bad.failure is not None and bad.failure.retryable


async def test_outcomes_are_learned_from_and_learning_can_be_frozen_and_reset(
    nats_url: str, bus: Connection
) -> None:
    def tried(told: dict[str, Any]) -> dict[str, float]:
        return {arm["device"]: arm["tries"] for arm in told["arms"]}

    async def took(device: str) -> None:
        outcome = Outcome(device=device, task="scan", took_ms=5.0)
        await host.say(subjects.outcomes("default"), Outcomes(outcomes=[outcome]))

    async with ranking(nats_url, bus, decision_explore=0.2) as host:
        await host.say(subjects.outcomes("default"), b"nonsense")
        await took("a")
        await host.until(lambda told: tried(told) == {"a": 1.0}, host.learned)
        assert (await host.learned(b""))["explore"] == 0.2
        assert (await host.learned(b'{"namespace": "other"}'))["arms"] == []

        change = subjects.ROUTES_LEARNED
        await host.say(change, b"nonsense")
        await host.say(change, {"action": "forget"})
        await host.say(change, {"action": "freeze"})
        await host.until(lambda told: told["frozen"], host.learned)
        await took("b")
        await host.say(change, {"action": "unfreeze"})
        await host.until(lambda told: not told["frozen"], host.learned)
        await took("c")
        await host.until(lambda told: tried(told) == {"a": 1.0, "c": 1.0}, host.learned)

        await host.say(change, {"action": "reset", "namespace": "other"})
        await host.say(change, {"action": "reset", "namespace": "default"})
        await host.until(lambda told: told["arms"] == [], host.learned)


async def test_the_service_answers_on_the_bus_and_counts(nats_url: str, bus: Connection) -> None:
    read = DecisionSettings(nats_url=nats_url, decision_learning_frozen=True)
    async with hosted("decision", read, main) as running:
        await running.ready()
        question = RankQuestion(
            id="a", namespace="default", task="scan", plan=msgspec.Raw(json_encode(RoutePlan()))
        )
        request = json_encode(RankRequest(questions=[question]))
        reply = await bus.request(subjects.api("decision", "rank"), request)
        [answer] = msgspec.json.decode(reply.data, type=RankAnswer).answers
        assert (answer.present, answer.candidates, answer.failure) == (0, [], None)
        reply = await bus.request(subjects.api("decision", "learned"), b"{}")
        assert json.loads(reply.data)["frozen"] is True
        shown = running.context.metrics.render()
    assert "stretto_decision_rank_questions_total 1" in str(shown)
