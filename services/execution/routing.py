"""Routes on the bus: asks which devices fit, sends attempts to them, tells where they went."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import assert_never

import msgspec

from services.execution.core.attempt import Attempt
from services.execution.core.on_route import (
    NoDevice,
    Routed,
    RouteEffect,
    Send,
    Still,
    StopAt,
    ToQueue,
    Unheard,
)
from services.execution.core.pulses import silence
from services.execution.core.resources import Pool
from services.execution.core.roster import Roster
from services.execution.core.routed import Routes
from services.execution.settings import ExecutionSettings
from stretto.bus.wire import publish_command
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure
from stretto.contracts.frames import DispatchRecord
from stretto.contracts.payload import NULL
from stretto.contracts.public import Results
from stretto.contracts.routes import (
    Bound,
    Otherwise,
    Outcome,
    Outcomes,
    RankAnswer,
    RankQuestion,
    RankRequest,
)
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.context import ServiceContext
from stretto.runtime.errors import StrettoError
from stretto.telemetry import names

RANK_TIMEOUT_S = 2.0
ASK_AGAIN_S = 0.5
MAX_OUTCOMES = 1_000
"""Outcomes that wait to be told; more are dropped, the oldest first: they are only hints."""

NO_DEVICE = "NoDevice"

logger = logging.getLogger(__name__)


class _Ways(msgspec.Struct, frozen=True):
    """What of a `RoutePlan` execution reads."""

    otherwise: tuple[Otherwise, ...] = ()


_decode_ways = msgspec.json.Decoder(_Ways).decode
_decode_answer = msgspec.json.Decoder(RankAnswer).decode


def _nobody(_attempt: Attempt) -> None:
    """Nobody needs to know that an attempt was sent."""


class Router:
    """See the module's docstring; one for a desk. `run` and `tick` until the desk ends."""

    def __init__(
        self,
        context: ServiceContext[ExecutionSettings],
        roster: Roster,
        *,
        to_queue: Callable[[Attempt, str], None],
        answer: Callable[[Attempt, Failure, bytes | None], None],
        sent: Callable[[Attempt], None] = _nobody,
        pool: Pool | None = None,
    ) -> None:
        self._context = context
        self._to_queue = to_queue
        self._answer = answer
        self._sent = sent
        self._some = asyncio.Event()
        self._outcomes: dict[str, list[Outcome]] = {}
        self.core = Routes(roster, self._some.set, pool)

    def admit(self, record: DispatchRecord, attempt: Attempt) -> None:
        """Take an attempt with a route that is not known."""
        route = record.route
        assert route is not None
        now_us = self._context.clock.now_us()
        attempt.arrived_us = now_us
        try:
            otherwise = _decode_ways(route.plan).otherwise
        except UNREADABLE as error:
            text = f"expected a route, but {error}"
            self._answer(attempt, Failure(type=NO_DEVICE, message=text, retryable=False), None)
            return
        self._do(self.core.admit(Routed(attempt, route, otherwise, now_us), now_us))

    def repeated(self, routed: Routed, *, again: bool) -> None:
        """Take note that an attempt was dispatched once more."""
        self._do(self.core.repeated(routed, self._context.clock.now_us(), again=again))

    def accepted(self, id_: str) -> None:
        """Take note that a device has taken an attempt."""
        self.core.accepted(id_, self._context.clock.now_us())

    def finished(self, id_: str, took_us: int | None, *, failed: bool) -> Attempt | None:
        """Take note of a result; returns its attempt, where it was on a device."""
        routed = self.core.get(id_)
        if routed is None:
            return None
        device = routed.device
        self.core.finished(id_)
        if device is not None and took_us is not None:
            self._note(routed.attempt, device, took_us / 1000, failed=failed)
        return routed.attempt

    def withdraw(self, ids: Iterable[str]) -> None:
        """Forget attempts that nobody wants, and tell their devices."""
        for id_ in ids:
            self._do(self.core.withdraw(id_))

    async def tick(self) -> None:
        """Let time pass, and tell how attempts went."""
        self._do(self.core.tick(self._context.clock.now_us()))
        outcomes, self._outcomes = self._outcomes, {}
        for namespace, some in outcomes.items():
            await self._publish(subjects.outcomes(namespace), json_encode(Outcomes(outcomes=some)))

    async def run(self) -> None:
        """Ask which devices fit, for ever."""
        while True:
            await self._some.wait()
            self._some.clear()
            while asked := self.core.to_rank():
                await self._rank(asked)

    async def _rank(self, asked: list[Routed]) -> None:
        request = RankRequest(questions=[_question(routed) for routed in asked])
        try:
            reply = await self._context.connection.request(
                subjects.api("decision", "rank"), json_encode(request), timeout_s=RANK_TIMEOUT_S
            )
            answers = _decode_answer(reply.data).answers
            if len(answers) != len(asked):
                raise ValueError(f"expected {len(asked)} answers, but got {len(answers)}")
        except (StrettoError, msgspec.DecodeError, ValueError) as error:
            logger.warning(
                "devices not ranked",
                extra={names.LOG_COUNT: len(asked), names.LOG_REASON: str(error)},
            )
            await self._context.clock.sleep(ASK_AGAIN_S)
            self.core.not_ranked(asked, self._context.clock.now_us())
            return
        now_us = self._context.clock.now_us()
        for routed, answer in zip(asked, answers, strict=True):
            self._do(self.core.ranked(routed, answer, now_us))

    def _do(self, effects: Iterable[RouteEffect]) -> None:
        for effect in effects:
            match effect:
                case Send(routed, first):
                    self._context.connection.send(_sending(routed))
                    if first:
                        self._sent(routed.attempt)
                        self._context.connection.send(_telling(routed))
                case ToQueue(attempt, queue, ranked):
                    bound = Bound(id=attempt.id, device="", ranked=ranked, queue=queue)
                    self._context.connection.send(_told(attempt, bound))
                    self._to_queue(attempt, queue)
                case NoDevice(routed, reason):
                    failure = Failure(type=NO_DEVICE, message=_why(routed, reason), retryable=True)
                    self._answer(routed.attempt, failure, None)
                case StopAt(attempt, device):
                    self._stop_at(attempt, device)
                case Still(attempt, device, details):
                    self._answer(attempt, silence(attempt.heartbeat_s), details)
                    self._stop_at(attempt, device)
                    self._note(attempt, device, attempt.heartbeat_s * 1000, failed=True)
                case Unheard(attempt, device):
                    logger.warning(
                        "device does not take attempts",
                        extra={names.LOG_DEVICE: device, names.LOG_ATTEMPT: attempt.id},
                    )
                    self._note(attempt, device, RANK_TIMEOUT_S * 1000, failed=True)
                case _:
                    assert_never(effect)

    def _stop_at(self, attempt: Attempt, device: str) -> None:
        subject = subjects.withdraw(attempt.namespace, device).encode()
        data = json_encode({"ids": [attempt.id]})
        self._context.connection.send(publish_command(subject, b"", b"", data))

    def _note(self, attempt: Attempt, device: str, took_ms: float, *, failed: bool) -> None:
        some = self._outcomes.setdefault(attempt.namespace, [])
        some.append(Outcome(device=device, task=attempt.task, took_ms=took_ms, failed=failed))
        if len(some) > MAX_OUTCOMES:
            del some[0]

    async def _publish(self, subject: str, data: bytes) -> None:
        try:
            await self._context.connection.publish(subject, data)
        except StrettoError as error:
            logger.info("outcomes not told", extra={names.LOG_REASON: str(error)})


def _question(routed: Routed) -> RankQuestion:
    attempt, route = routed.attempt, routed.route
    return RankQuestion(
        id=attempt.id,
        namespace=attempt.namespace,
        task=attempt.task,
        plan=msgspec.Raw(route.plan),
        values=[NULL if value is None else msgspec.Raw(value) for value in route.values],
        absent=[at for at, value in enumerate(route.values) if value is None],
        avoid=routed.avoid,
    )


def _sending(routed: Routed) -> bytes:
    """The attempt on its way to its device, as it goes on the wire."""
    assert routed.device is not None
    subject = subjects.device(routed.attempt.namespace, routed.device)
    data = b'{"tasks":[' + routed.attempt.payload + b"]}"
    return publish_command(subject.encode(), b"", b"", data)


def _telling(routed: Routed) -> bytes:
    """What the workflow service is told of a binding; lost, only the story of the run misses it."""
    assert routed.device is not None
    ranked = msgspec.structs.replace(
        routed.ranked,
        candidates=[
            each if each.device == routed.device else msgspec.structs.replace(each, features=None)
            for each in routed.ranked.candidates
        ],
    )
    bound = Bound(id=routed.attempt.id, device=routed.device, ranked=ranked, reason=routed.reason)
    return _told(routed.attempt, bound)


def _told(attempt: Attempt, bound: Bound) -> bytes:
    """Where an attempt went, on its way to the workflow service."""
    data = json_encode(Results(bound=[bound]))
    return publish_command(attempt.reply.encode(), b"", b"", data)


def _why(routed: Routed, reason: str) -> str:
    ranked = routed.ranked
    if ranked.failure is not None:
        return f"expected to tell which devices fit, but: {reason}"
    told = [f"{ranked.present} present", f"{ranked.knowing} know the task"]
    told += [f"{count} × {why}" for why, count in ranked.refused.items()]
    return f"expected a device that fits, but there is none: {reason} ({'; '.join(told)})"
