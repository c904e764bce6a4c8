"""Which devices fulfil the conditions of a route: narrowed by the index, decided by expressions."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from services.decision.caching.worth import Cost
from services.decision.routing.fleet import Fleet, Member
from services.decision.routing.parts import parts_of
from services.decision.routing.terms import Term, Terms, terms_of
from stretto.contracts.routes import RoutePlan
from stretto.expression import native
from stretto.expression.cache import ProgramCache
from stretto.expression.errors import EvaluationError, ExpressionError
from stretto.expression.kinds import Kind
from stretto.expression.paths import Getter, Scope
from stretto.expression.program import Program
from stretto.expression.secrets import masked

_NAME = ("name",)

MAX_REASONS = 8
TASKS = ("tasks",)
ANY_TASK = ""
"""The task of a device that announces none: it may do everything."""


class Matched(NamedTuple):
    """Those that fit, and how many did not for which reason."""

    knowing: int
    fitting: list[Member]
    refused: dict[str, int]


class Matcher:
    """The compiled conditions of one route."""

    __slots__ = ("by", "cost", "parts", "plan", "prefer", "terms", "where")

    def __init__(self, plan: RoutePlan, programs: ProgramCache) -> None:
        """Compile a route. Raises ExpressionError, which says the place."""
        self.plan = plan
        where = _compiled(programs, plan.where, "where", Kind.BOOL)
        self.where: Getter | None = None if where is None else where.evaluate
        self.terms = Terms((), True) if where is None else _terms(where)
        self.prefer: list[tuple[Getter, float, str]] = []
        for index, preference in enumerate(plan.prefer):
            program = _compiled(programs, preference.condition, f"prefer[{index}].if", Kind.BOOL)
            assert program is not None
            self.prefer.append((program.evaluate, preference.weight, program.source.strip()))
        by = _compiled(programs, plan.by, "prefer", None)
        self.by: Getter | None = None if by is None else _telling(by)
        self.parts = parts_of(() if where is None else where.references)
        """What of the fleet the condition asks for; None: what changes with every word."""
        self.cost = Cost()
        """What a match costs, where it is dear."""

    def fits(
        self, fleet: Fleet, namespace: str, task: str | None, scope: Mapping[str, Any]
    ) -> Matched:
        """Find the devices that know the task (None: whatever they know) and fulfil the
        condition."""
        sets = [fleet.present(namespace)]
        if task is not None:
            sets = [fleet.having(namespace, TASKS, task)]
            anything = fleet.having(namespace, TASKS, ANY_TASK)
            if anything:
                sets[0] = {**anything, **sets[0]}
        knowing = len(sets[0])
        wanted = [(term, _wanted(term, scope)) for term in self.terms.terms]
        narrowing = [
            (term, value, fleet.having(namespace, term.key, value))
            for term, value in wanted
            if isinstance(value, str | int | float)  # what is indexed
        ]
        sets += [named for *_, named in narrowing]
        smallest = min(sets, key=len)
        refused: Counter[str] = Counter()
        examples: dict[str, Member] = {}
        fitting: list[Member] = []
        decided = self.terms.complete and len(narrowing) == len(wanted)
        if decided and len(sets) == 1:
            fitting, smallest = list(smallest.values()), {}  # a crowd of which all fit
        for name, member in smallest.items():
            if not all(name in named for named in sets):
                continue
            if decided or self.where is None:
                fitting.append(member)
                continue
            reason = _refusal(self.where, member, scope)
            if reason is None:
                fitting.append(member)
            else:
                refused[reason] += 1
                examples.setdefault(reason, member)
        for term, value, named in narrowing:
            missing = knowing - sum(name in named for name in sets[0]) if knowing <= 1000 else 0
            if missing:
                refused[_lacking(term, value, scope)] += missing
        most = {
            _without_secrets(reason, scope, examples.get(reason)): count
            for reason, count in refused.most_common(MAX_REASONS)
        }
        return Matched(knowing, fitting, most)


def _compiled(
    programs: ProgramCache, source: str | None, place: str, expect: Kind | None
) -> Program | None:
    if source is None:
        return None
    try:
        return programs.expression(source, None, expect)
    except ExpressionError as error:
        error.place = place
        raise


def _telling(program: Program) -> Getter:
    """Evaluate so that an error knows where in the expression it arose."""

    def evaluate(scope: Scope) -> Any:
        try:
            return program.evaluate(scope)
        except EvaluationError as error:
            error.arose(program.locate, scope)
            raise

    return evaluate


def _terms(program: Program) -> Terms:
    return terms_of(native.parse(program.source).root)


def _wanted(term: Term, scope: Mapping[str, Any]) -> object:
    if not term.path:
        return term.value
    value: Any = scope
    for name in term.path:
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def _refusal(where: Getter, member: Member, scope: Mapping[str, Any]) -> str | None:
    """Why a device does not fulfil the condition; None: it does."""
    try:
        holds = where({**scope, "device": member.doc})
    except EvaluationError as error:
        return error.message[:120]
    return None if holds else "the condition is false"


def _without_secrets(reason: str, scope: Mapping[str, Any], member: Member | None) -> str:
    """A reason as it is told: values of a device, or of the run, may be in it."""
    return reason if member is None else masked(reason, {**scope, "device": member.doc})


def _lacking(term: Term, value: object, scope: Mapping[str, Any]) -> str:
    """What a device does not have; that which one device alone has, its name, is said."""
    if term.key == _NAME:
        return masked(f"{_shown(term)} is not {value!r}", scope)
    return f"{_shown(term)} is not as asked"


def _shown(term: Term) -> str:
    return "device." + ".".join(term.key)
