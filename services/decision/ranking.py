"""Routing on the bus: listens to devices and outcomes, answers which devices fit."""

import asyncio
import logging
from functools import partial

import msgspec

from services.decision.caching.shared_matches import SharedMatches
from services.decision.routing.answers import Routes
from services.decision.routing.expanding import PresentDevices
from services.decision.settings import DecisionSettings
from stretto.bus.service import Refusal
from stretto.cache import observe_cache
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.presence import read_presence
from stretto.contracts.routes import (
    MAX_QUESTIONS,
    Outcomes,
    RankAnswer,
    Ranked,
    RankQuestion,
    RankRequest,
)
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.context import ServiceContext
from stretto.scoring import Scorers
from stretto.telemetry import names

EXPIRE_EVERY_S = 1.0
YIELD_EVERY = 16
"""Questions after which others have their turn."""

logger = logging.getLogger(__name__)

_decode_request = msgspec.json.Decoder(RankRequest).decode
_decode_outcomes = msgspec.json.Decoder(Outcomes).decode


class LearnedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`stretto.api.decision.learned`: what `learned` knows of a namespace."""

    namespace: str = "default"


class LearnedChange(msgspec.Struct, frozen=True, kw_only=True):
    """`stretto.routes.learned`, core NATS, to every instance: freeze, unfreeze or reset."""

    action: str
    namespace: str | None = None


_decode_learned = msgspec.json.Decoder(LearnedRequest).decode
_decode_change = msgspec.json.Decoder(LearnedChange).decode


class Ranking:
    """See the module's docstring. `run` until cancelled."""

    def __init__(
        self,
        context: ServiceContext[DecisionSettings],
        scorers: Scorers | None = None,
        shared: SharedMatches | None = None,
    ) -> None:
        self._context = context
        self._shared = shared
        self._routes = Routes(
            explore=context.settings.decision_explore,
            scorers=scorers,
            fingerprints=shared is not None,
        )
        self.devices = PresentDevices(self._routes, context.clock.now_us)
        """Who is present, for those who ask for devices as items."""
        self._routes.bandit.frozen = context.settings.decision_learning_frozen
        metrics = context.metrics
        self._questions = metrics.counter(names.METRIC_DECISION_RANK_QUESTIONS)
        self._rank_us = metrics.histogram(names.METRIC_DECISION_RANK_TIME)
        metrics.gauge(names.METRIC_DECISION_DEVICES).follow(lambda: float(len(self._routes.fleet)))
        matches = self._routes.matches
        if shared is not None:
            matches.on_dear = partial(shared.offer, self._routes.fleet)
        observe_cache(metrics, "matches", matches.counts)

    async def run(self) -> None:
        """Listen until cancelled."""
        connection = self._context.connection
        subscriptions = [
            await connection.subscribe("stretto.presence.*.*", self._presence),
            await connection.subscribe(subjects.OUTCOMES, self._outcomes),
            await connection.subscribe(subjects.ROUTES_LEARNED, self._change),
        ]
        self.devices.listens()
        end = connection.on_change(lost=lambda: None, back=self._back)
        try:
            while True:
                await self._context.clock.sleep(EXPIRE_EVERY_S)
                if connection.is_connected:
                    self._routes.fleet.expire(self._context.clock.now_us())
        finally:
            end()
            for subscription in subscriptions:
                await connection.unsubscribe(subscription)

    async def rank(self, request: bytes) -> bytes:
        """Answer `stretto.api.decision.rank`.

        Raises:
            Refusal: it is no request, or asks too much at once.
        """
        try:
            questions = _decode_request(request).questions
        except UNREADABLE as error:
            raise Refusal("request_invalid", f"expected questions, but {error}") from error
        if len(questions) > MAX_QUESTIONS:
            raise Refusal(
                "request_invalid",
                f"expected at most {MAX_QUESTIONS} questions, but got {len(questions)}",
            )
        if self._shared is not None:
            await self._shared.fetch(self._routes, questions)
        answers: list[Ranked] = []
        for number, question in enumerate(questions, 1):
            answers.append(self._answer(question))
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        return json_encode(RankAnswer(answers=answers))

    def _answer(self, question: RankQuestion) -> Ranked:
        self._questions.add()
        try:
            answer = self._routes.answer(question, self._context.clock.now_us())
        except Exception:
            # One question's surprise must not stop the others; it fails with an error to be seen.
            logger.exception("route could not be ranked", extra={names.LOG_RUN_ID: question.id})
            text = "expected to rank it, but the decision service failed; its log says more"
            failure = Failure(type=FailureType.EXPRESSION, message=text, retryable=True)
            return Ranked(failure=failure)
        self._rank_us.observe(answer.took_us)
        return answer

    async def learned(self, request: bytes) -> bytes:
        """Answer `stretto.api.decision.learned`."""
        try:
            namespace = _decode_learned(request or b"{}").namespace
        except UNREADABLE as error:
            raise Refusal("request_invalid", f"expected a namespace, but {error}") from error
        bandit = self._routes.bandit
        return json_encode(
            {
                "instance": self._context.instance,
                "frozen": bandit.frozen,
                "explore": bandit.explore,
                "arms": bandit.inspect(namespace),
            }
        )

    def _presence(self, subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        try:
            namespace, name = subjects.parse_presence(subject.decode())
            presence = read_presence(data)
        except (ValueError, msgspec.DecodeError, RecursionError):
            return  # execution reads it as well, and tells
        self._routes.heard(namespace, name, presence, self._context.clock.now_us())

    def _outcomes(self, subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        namespace = subject.decode().rpartition(".")[2]
        try:
            outcomes = _decode_outcomes(data).outcomes
        except UNREADABLE as error:
            logger.warning("outcomes not understood", extra={names.LOG_REASON: str(error)})
            return
        now_us = self._context.clock.now_us()
        for outcome in outcomes:
            self._routes.took(namespace, outcome, now_us)

    def _change(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        try:
            change = _decode_change(data)
        except UNREADABLE as error:
            logger.warning("change not understood", extra={names.LOG_REASON: str(error)})
            return
        bandit = self._routes.bandit
        match change.action:
            case "freeze" | "unfreeze":
                bandit.frozen = change.action == "freeze"
            case "reset":
                bandit.reset(change.namespace)
            case other:
                logger.warning("change not understood", extra={names.LOG_REASON: other[:40]})

    def _back(self) -> None:
        """The connection is back: nobody's silence until now counts."""
        self._routes.fleet.forgive(self._context.clock.now_us())
