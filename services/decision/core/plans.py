"""Compiled plans, by the bytes of the plan: a definition is compiled once, its runs are many."""

from collections import OrderedDict
from typing import NamedTuple

from services.decision.core.failures import expression_failure, mistake_failure
from stretto.contracts.asks import AskPlan, DevicesPlan
from stretto.contracts.codec import decode_ask_plan
from stretto.contracts.failures import Failure
from stretto.contracts.payload import NULL
from stretto.contracts.unreadable import UNREADABLE
from stretto.expression.cache import CacheStatistics, ProgramCache
from stretto.expression.errors import ExpressionError
from stretto.expression.filling import check_places
from stretto.expression.kinds import Kind
from stretto.expression.paths import Getter
from stretto.expression.template import Template
from stretto.table.branches import CompiledBranches
from stretto.table.compiled import CompiledTable
from stretto.table.in_use import switch_in_use, table_in_use

MAX_PLANS = 10_000
"""Plans that are kept compiled: steps of all versions that have open runs, about 3 kB each."""

MAX_PLAN_BYTES = 32 * 1024 * 1024
"""The text of all plans that are kept: compiled they take some ten times as much, most of it shared
programs and the indexes of tables."""

MAX_PROGRAMS = 10_000
"""Programs that are kept: equal expressions of several plans (the next version) share one."""

_NULL_BYTES = bytes(NULL)


class CompiledPlan(NamedTuple):
    """A plan that can be evaluated; None and empty for what it does not ask."""

    workflow: str
    paths: tuple[tuple[str, ...], ...]
    condition: Getter | None
    template: Template | None
    items: Getter | None
    cases: CompiledBranches | None
    values: tuple[tuple[str, Template], ...]
    lenient: bool
    table: CompiledTable | None = None
    devices: DevicesPlan | None = None
    secret: tuple[str, ...] = ()


class BrokenPlan(NamedTuple):
    """A plan that cannot be compiled: every record with it gets this answer."""

    failure: Failure


class PlanCache:
    """Compiled plans, the least recently used dropped first."""

    def __init__(self, limit: int = MAX_PLANS, programs: int = MAX_PROGRAMS) -> None:
        if limit < 1:
            raise AssertionError(f"a cache of {limit} plans")
        self._limit = limit
        self._plans: OrderedDict[bytes, CompiledPlan | BrokenPlan] = OrderedDict()
        self._programs = ProgramCache(programs)
        self._hits = self._misses = self._evictions = self._bytes = 0

    def get(self, encoded: bytes) -> CompiledPlan | BrokenPlan:
        """Return the compiled plan of these bytes (JSON of an `AskPlan`)."""
        plan = self._plans.get(encoded)
        if plan is not None:
            self._hits += 1
            self._plans.move_to_end(encoded)
            return plan
        self._misses += 1
        plan = self._plans[encoded] = self._compiled(encoded)
        self._bytes += len(encoded)
        while len(self._plans) > self._limit or self._is_too_large():
            dropped, _ = self._plans.popitem(last=False)
            self._bytes -= len(dropped)
            self._evictions += 1
        return plan

    @property
    def text_bytes(self) -> int:
        """How long all plans that are kept are."""
        return self._bytes

    def _is_too_large(self) -> bool:
        # The newest stays, however large it is: its record is about to be answered.
        return self._bytes > MAX_PLAN_BYTES and len(self._plans) > 1

    def in_use(self, encoded: bytes) -> list[str]:
        """Tell how the table or switch of a plan asks now; nothing where it is not here."""
        plan = self._plans.get(encoded)
        if not isinstance(plan, CompiledPlan):
            return []
        if plan.table is not None:
            return table_in_use(plan.table)
        return [] if plan.cases is None else switch_in_use(plan.cases)

    def statistics(self) -> CacheStatistics:
        """How often a plan was there already."""
        return CacheStatistics(self._hits, self._misses, self._evictions, len(self._plans))

    def program_statistics(self) -> CacheStatistics:
        """How often an expression or template of a new plan was compiled already."""
        return self._programs.statistics()

    def _compiled(self, encoded: bytes) -> CompiledPlan | BrokenPlan:
        try:
            return self._compile(decode_ask_plan(encoded))
        except UNREADABLE as error:
            return BrokenPlan(expression_failure("", f"expected a plan, but: {error}", "plan"))
        except ExpressionError as error:
            return BrokenPlan(mistake_failure(error.place, error))

    def _compile(self, plan: AskPlan) -> CompiledPlan:
        check_places(plan.paths)
        template = bytes(plan.template)
        return CompiledPlan(
            workflow=plan.workflow,
            paths=plan.paths,
            condition=self._getter(plan.condition, "if", Kind.BOOL),
            template=None if template == _NULL_BYTES else self._programs.template(template),
            items=self._getter(plan.items, "for_each", Kind.LIST),
            cases=CompiledBranches(plan.cases, self._programs) if plan.cases else None,
            values=tuple(
                (name, self._programs.template(bytes(value))) for name, value in plan.values.items()
            ),
            lenient=plan.lenient,
            table=None if plan.table is None else CompiledTable(plan.table, self._programs),
            devices=plan.devices,
            secret=plan.secret,
        )

    def _getter(self, source: str | None, place: str, expect: Kind) -> Getter | None:
        if source is None:
            return None
        try:
            return self._programs.expression(source, None, expect).evaluate
        except ExpressionError as error:
            error.place = place
            raise
