"""Answers to rank questions: compiled routes, matched, ordered, explained."""

from collections import OrderedDict
from collections.abc import Mapping
from time import perf_counter_ns
from typing import Any

import msgspec

from services.decision.core.failures import (
    evaluation_message,
    expression_failure,
    mistake_failure,
)
from services.decision.routing.fleet import Fleet
from services.decision.routing.learning import Bandit
from services.decision.routing.matches import Asked, Matches
from services.decision.routing.matching import Matched, Matcher
from services.decision.routing.observed import Observed
from services.decision.routing.ranking import Ranker
from stretto.contracts.failures import Failure
from stretto.contracts.public import Presence
from stretto.contracts.routes import Outcome, Ranked, RankQuestion, RoutePlan
from stretto.contracts.unreadable import UNREADABLE
from stretto.expression.cache import ProgramCache
from stretto.expression.errors import EvaluationError, ExpressionError
from stretto.expression.secrets import with_secrets
from stretto.scoring import Scorers

MAX_ROUTES = 10_000
"""Compiled routes that are kept: steps of all versions that have open runs."""

MAX_PROGRAMS = 10_000

_plan_decoder = msgspec.json.Decoder(RoutePlan)
_value_decoder = msgspec.json.Decoder()


class Routes:
    """Everything that routing knows. Times come from outside, in µs."""

    def __init__(
        self,
        *,
        explore: float,
        programs: ProgramCache | None = None,
        scorers: Scorers | None = None,
        fingerprints: bool = False,
    ) -> None:
        self.fleet = Fleet(fingerprints=fingerprints)
        self.observed = Observed()
        self.bandit = Bandit(explore)
        self.matches = Matches()
        self._ranker = Ranker(self.observed, self.bandit, scorers)
        self._programs = programs or ProgramCache(MAX_PROGRAMS)
        self._matchers: OrderedDict[bytes, Matcher | Failure] = OrderedDict()

    def heard(self, namespace: str, name: str, presence: Presence, now_us: int) -> None:
        """Take what a device says of itself."""
        self.fleet.hear(namespace, name, presence, now_us)

    def took(self, namespace: str, outcome: Outcome, now_us: int) -> None:
        """Take how an attempt went on a device."""
        name, task, failed = outcome.device, outcome.task, outcome.failed
        self.observed.took(namespace, name, task, outcome.took_ms, now_us, failed=failed)
        member = self.fleet.get(namespace, name)
        if member is not None:
            member.assigned = max(0, member.assigned - 1)
        load = 0.0 if member is None else member.load
        self.bandit.learn(namespace, task, name, load, outcome.took_ms, failed=failed)

    def answer(self, question: RankQuestion, now_us: int) -> Ranked:
        """Answer one question."""
        began = perf_counter_ns()
        encoded = bytes(question.plan)
        matcher = self._matcher(encoded)
        if isinstance(matcher, Failure):
            return Ranked(failure=matcher)
        absent = set(question.absent)
        values = tuple(None if i in absent else bytes(v) for i, v in enumerate(question.values))
        namespace, task = question.namespace, question.task
        scope: Mapping[str, Any] = {}
        try:
            scope = with_secrets(_scope(matcher.plan.paths, values), matcher.plan.secret)
            asked = Asked(matcher, encoded, values, namespace, task)
            matched = self.matches.of(asked, scope, self.fleet)
            chosen = self._ranker.rank(
                matcher,
                matched.fitting,
                scope,
                id_=question.id,
                namespace=namespace,
                task=task,
                avoid=question.avoid,
                now_us=now_us,
            )
        except EvaluationError as error:
            message = evaluation_message(error, scope)
            failure = expression_failure(error.place or "route", message, error.code)
            return Ranked(failure=failure)
        return Ranked(
            candidates=chosen.candidates,
            strategy=matcher.plan.strategy,
            present=len(self.fleet.present(namespace)),
            knowing=matched.knowing,
            fitting=len(matched.fitting),
            refused=_refused(matched, chosen.aside),
            explored=chosen.explored,
            took_us=(perf_counter_ns() - began) // 1_000,
        )

    def dear(self, question: RankQuestion) -> Asked | None:
        """The match that a question asks for, if it is dear and not known."""
        encoded = bytes(question.plan)
        matcher = self._matchers.get(encoded)
        if not isinstance(matcher, Matcher) or not matcher.cost.is_shared:
            return None
        absent = set(question.absent)
        values = tuple(None if i in absent else bytes(v) for i, v in enumerate(question.values))
        asked = Asked(matcher, encoded, values, question.namespace, question.task)
        return None if self.matches.knows(asked, self.fleet) else asked

    def _matcher(self, encoded: bytes) -> Matcher | Failure:
        found = self._matchers.get(encoded)
        if found is not None:
            self._matchers.move_to_end(encoded)
            return found
        try:
            found = Matcher(_plan_decoder.decode(encoded), self._programs)
        except UNREADABLE as error:
            found = expression_failure("route", f"expected a route, but: {error}", "plan")
        except ExpressionError as error:
            found = mistake_failure(f"route.{error.place}", error)
        self._matchers[encoded] = found
        if len(self._matchers) > MAX_ROUTES:
            self._matchers.popitem(last=False)
        return found


def _refused(matched: Matched, aside: int) -> dict[str, int]:
    refused = dict(matched.refused)
    if aside:
        refused["set aside after failures"] = aside
    return refused


def _scope(
    paths: tuple[tuple[str, ...], ...], values: tuple[bytes | None, ...]
) -> Mapping[str, Any]:
    """Put the values where the route wants them."""
    if len(paths) != len(values):
        raise EvaluationError(
            "invalid", f"expected {len(paths)} values for the route, but got {len(values)}"
        )
    scope: dict[str, Any] = {}
    for path, value in zip(paths, values, strict=True):
        inside = scope
        for name in path[:-1]:
            inside = inside.setdefault(name, {})
        if value is not None:
            try:
                inside[path[-1]] = _value_decoder.decode(value)
            except UNREADABLE as error:
                raise EvaluationError("invalid", f"expected JSON, but: {error}") from error
    return scope
