"""The order of those that fit: preferences first, then what the strategy says of them."""

import heapq
import logging
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple, assert_never

from services.decision.routing.fleet import Member
from services.decision.routing.learning import Bandit
from services.decision.routing.matching import Matcher
from services.decision.routing.observed import Observed
from stretto.contracts.codec import json_encode
from stretto.contracts.routes import MAX_CANDIDATES, Candidate, Strategy
from stretto.expression.errors import EvaluationError
from stretto.scoring import Scorer, Scorers, Situation
from stretto.telemetry import names

logger = logging.getLogger(__name__)

MAX_TURNS = 10_000
"""Steps of which it is known who was chosen when, for `round_robin`."""

MAX_RATED = 1_000
"""Of a larger crowd that fits equally well so many are looked at, from a place drawn by the
attempt's id: the best of a thousand is about as good as the best of all, and one answer must not
hold up the others for tens of milliseconds."""

_ANY_WILL_DO = frozenset({"least_loaded", "random", "fastest", "learned"})
"""Strategies that may look at a part; the others need all, as preferences do."""

_SLOW_MS = 1_000.0
_UNIT = float(1 << 64)


class Chosen(NamedTuple):
    """The candidates, the best first; whether the first was chosen to learn about it; how many of
    those that fit are set aside."""

    candidates: list[Candidate]
    explored: bool
    aside: int


class _Rated(NamedTuple):
    """A member on its way into the order: smaller is better."""

    last: bool
    """Set aside, or where the attempt before failed."""
    points: float
    value: float
    """0 to 1: what the strategy has against it."""
    tie: float
    member: Member
    why: str


class Ranker:
    """Orders devices. Holds what strategies remember: turns, and what was learned."""

    def __init__(self, observed: Observed, bandit: Bandit, scorers: Scorers | None = None) -> None:
        self._observed = observed
        self._bandit = bandit
        self._scorers = scorers or Scorers()
        self.scorer_errors = 0
        """How often the scorer gave nothing that could be used."""
        self._turns: OrderedDict[tuple[str, str], dict[str, int]] = OrderedDict()
        self._turn = 0

    def rank(
        self,
        matcher: Matcher,
        members: Sequence[Member],
        scope: Mapping[str, Any],
        *,
        id_: str,
        namespace: str,
        task: str,
        avoid: Sequence[str],
        now_us: int,
    ) -> Chosen:
        """Order the members that fit, and count the first as chosen.

        Raises:
            EvaluationError: the key of `sticky` cannot be worked out.
        """
        plan = matcher.plan
        scores: dict[str, float] = {}
        if len(members) > MAX_RATED and plan.strategy in _ANY_WILL_DO and not plan.prefer:
            members = _part(members, id_)
        if plan.strategy == "learned" and members:
            scorer = self._scorers.default
            if plan.scorer is not None:
                scorer = self._scorers.named.get(plan.scorer)
            if scorer is not None:
                scores = self._scored(scorer, members, namespace, task)
        rate = self._rate(matcher, scope, id_, namespace, task, scores=scores)
        rated: list[_Rated] = []
        aside = 0
        due: Member | None = None
        for member in members:
            circuit = self._observed.circuit(namespace, member.name)
            is_open = circuit is not None and circuit.is_open(now_us)
            if circuit is not None and circuit.is_due(now_us):
                due = member
                is_open = True  # the one that tries it is put in front below
            aside += is_open
            points, liked = _points(matcher, member, scope)
            value, why = rate(member)
            if is_open:
                why = f"set aside after failures; {why}"
            last = is_open or member.name in avoid
            rated.append(
                _Rated(last, points, value, _unit(id_, member.name), member, _join(why, liked))
            )
        best = heapq.nsmallest(MAX_CANDIDATES, rated, key=_order)
        explored = False
        if due is not None and due.name not in avoid:
            first = next(r for r in rated if r.member is due)
            best = _in_front(best, first._replace(last=False))
            circuit = self._observed.circuit(namespace, due.name)
            assert circuit is not None
            circuit.let_one_through(now_us)
            explored = True
        elif plan.strategy == "learned" and not self._bandit.frozen:
            fit = [r for r in best if not r.last]
            if len(fit) > 1 and _unit(id_, "explore") < self._bandit.explore:
                other = fit[1 + int(_unit(id_, "other") * (len(fit) - 1))]
                best = _in_front(best, other)
                explored = True
        told = [_candidate(r, self._features(r.member, namespace, task)) for r in best]
        if best:
            self._chosen(best[0].member, namespace, plan.step or task)
        return Chosen(told, explored, aside)

    def _features(self, member: Member, namespace: str, task: str) -> list[float | None]:
        """What is known of a member, by the names of `FEATURES`."""
        known = (
            member.load,
            float(member.slots),
            self._observed.time_ms(namespace, member.name, task),
            self._bandit.cost_ms(namespace, task, member.name, member.load),
        )
        return [None if value is None else round(value, 3) for value in known]

    def _chosen(self, member: Member, namespace: str, step: str) -> None:
        member.assigned += 1
        self._turn += 1
        turns = self._turns.setdefault((namespace, step), {})
        self._turns.move_to_end((namespace, step))
        turns[member.name] = self._turn
        if len(self._turns) > MAX_TURNS:
            self._turns.popitem(last=False)

    def _scored(
        self, scorer: Scorer, members: Sequence[Member], namespace: str, task: str
    ) -> dict[str, float]:
        """What the scorer says of the members, by name; nothing where it gives nothing usable."""
        situations = [
            Situation(
                task,
                member.name,
                member.load,
                member.slots,
                self._observed.time_ms(namespace, member.name, task),
                self._bandit.cost_ms(namespace, task, member.name, member.load),
                member.doc["attributes"],
                member.doc["labels"],
            )
            for member in members
        ]
        try:
            scores = [float(score) for score in scorer.score(situations)]
            if len(scores) != len(members) or not all(map(math.isfinite, scores)):
                raise ValueError(f"expected {len(members)} numbers, but got {scores[:5]}")
        except Exception:
            # Somebody else's code: whatever it raises, the policy of our own decides instead.
            self.scorer_errors += 1
            if self.scorer_errors.bit_count() == 1:  # the 1st, 2nd, 4th, 8th ...
                logger.exception(
                    "scorer gave no scores", extra={names.LOG_COUNT: self.scorer_errors}
                )
            return {}
        return {member.name: score for member, score in zip(members, scores, strict=True)}

    def _rate(
        self,
        matcher: Matcher,
        scope: Mapping[str, Any],
        id_: str,
        namespace: str,
        task: str,
        *,
        scores: Mapping[str, float],
    ) -> Callable[[Member], tuple[float, str]]:
        """What the strategy has against a member (0 to 1), and why in a few words."""
        strategy: Strategy = matcher.plan.strategy
        match strategy:
            case "least_loaded":
                return _by_load
            case "random":
                return lambda m: (_unit(id_, m.name), "drawn")
            case "weighted":
                return lambda m: _by_weight(matcher, m, scope, id_)
            case "sticky":
                assert matcher.by is not None
                key = json_encode(matcher.by(scope)).decode()
                return lambda m: (1 - _unit(key, m.name), f"key {key[:40]}")
            case "round_robin":
                turns = self._turns.get((namespace, matcher.plan.step or task), {})
                latest = self._turn + 1
                return lambda m: (turns.get(m.name, 0) / latest, "its turn")
            case "fastest":
                return lambda m: self._by_time(m, namespace, task)
            case "learned" if scores:
                return lambda m: _by_score(scores[m.name])
            case "learned":
                lost = matcher.plan.scorer
                note = "" if lost is None else f"no score of {lost[:40]}, "
                return lambda m: self._by_cost(m, namespace, task, note)
        assert_never(strategy)

    def _by_time(self, member: Member, namespace: str, task: str) -> tuple[float, str]:
        ms = self._observed.time_ms(namespace, member.name, task)
        if ms is None:
            return 0.0, "no time known yet"
        # Who is full makes everybody wait for a slot: that is not fast.
        expected = ms * (1 + max(0.0, member.load))
        return expected / (expected + _SLOW_MS), f"{ms:.0f} ms"

    def _by_cost(self, member: Member, namespace: str, task: str, note: str) -> tuple[float, str]:
        cost = self._bandit.cost_ms(namespace, task, member.name, member.load)
        if cost is None:
            value, load = _by_load(member)
            return value, f"{note}nothing learned yet, {load}"
        cost = max(0.0, cost)
        return cost / (cost + _SLOW_MS), f"{note}expected cost {cost:.0f} ms"


def _part(members: Sequence[Member], id_: str) -> Sequence[Member]:
    """A part of a crowd that begins anywhere, and goes on at its begin after its end."""
    begin = int(_unit(id_, "part") * len(members))
    part = members[begin : begin + MAX_RATED]
    return [*part, *members[: MAX_RATED - len(part)]]


def _by_load(member: Member) -> tuple[float, str]:
    load = max(0.0, member.load)
    return load / (1 + load), f"load {load:.0%}"


def _by_score(score: float) -> tuple[float, str]:
    cost = max(0.0, score)
    return cost / (cost + _SLOW_MS), f"scored {score:.4g}"


def _by_weight(
    matcher: Matcher, member: Member, scope: Mapping[str, Any], id_: str
) -> tuple[float, str]:
    """Draw in proportion to a weight (Efraimidis and Spirakis: the largest u^(1/w) wins)."""
    assert matcher.by is not None
    try:
        weight = matcher.by({**scope, "device": member.doc})
    except EvaluationError:
        weight = None
    if not isinstance(weight, int | float) or isinstance(weight, bool) or weight <= 0:
        return 1.0, "no weight"
    drawn = max(_unit(id_, member.name), 1 / _UNIT)
    return 1 - math.exp(math.log(drawn) / weight), f"weight {weight:g}"


def _points(matcher: Matcher, member: Member, scope: Mapping[str, Any]) -> tuple[float, list[str]]:
    points = 0.0
    liked: list[str] = []
    for holds, weight, source in matcher.prefer:
        try:
            if holds({**scope, "device": member.doc}):
                points += weight
                liked.append(f"{weight:+g} for {source[:60]}")
        except EvaluationError:
            continue  # a preference that cannot be told is not fulfilled
    return points, liked


def _order(rated: _Rated) -> tuple[bool, float, float, float]:
    return rated.last, -rated.points, rated.value, rated.tie


def _in_front(best: list[_Rated], first: _Rated) -> list[_Rated]:
    rest = [r for r in best if r.member is not first.member]
    return [first, *rest][:MAX_CANDIDATES]


def _candidate(rated: _Rated, features: list[float | None]) -> Candidate:
    score = round(rated.points + 1 - rated.value, 4)
    name = rated.member.name
    return Candidate(device=name, score=score, why=rated.why, last=rated.last, features=features)


def _join(why: str, liked: list[str]) -> str:
    return "; ".join([why, *liked])


def _unit(key: str, name: str) -> float:
    """A number of 0 to 1 that is the same for the same two texts, and otherwise like drawn."""
    digest = blake2b(f"{key}\0{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _UNIT
