"""Devices as the items of a `for_each`: those that fit, as they are when they are asked for."""

from collections import OrderedDict
from collections.abc import Callable

from services.decision.routing.answers import Routes
from services.decision.routing.matching import Matched, Matcher
from stretto.contracts.asks import DevicesPlan
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.routes import RoutePlan
from stretto.expression.cache import ProgramCache
from stretto.expression.errors import EvaluationError, ExpressionError
from stretto.expression.paths import Scope

HEARD_ALL_US = 4_000_000
"""Devices say that they are there every 3 s: after so long everybody has been heard once."""

MAX_MATCHERS = 1_000
VOLATILE = frozenset({"busy", "load"})
"""What a device has at an instant only is no part of the item."""


class PresentDevices:
    """The devices that are present, for those who ask for them as items."""

    def __init__(self, routes: Routes, now_us: Callable[[], int]) -> None:
        self._routes = routes
        self._now_us = now_us
        self._since_us = 0
        self._programs = ProgramCache(MAX_MATCHERS)
        self._matchers: OrderedDict[str | None, Matcher] = OrderedDict()

    def listens(self) -> None:
        """Devices are heard from now on."""
        self._since_us = self._now_us()

    @property
    def is_complete(self) -> bool:
        """Whether everybody who is there has been heard."""
        return self._since_us > 0 and self._now_us() - self._since_us >= HEARD_ALL_US

    def that_fit(self, plan: DevicesPlan, scope: Scope) -> list[bytes] | Failure:
        """The devices that fit, as JSON, in the order of their names; or why there are too few.

        Raises:
            EvaluationError: the condition is wrong.
        """
        namespace = scope["run"]["namespace"]
        matcher = self._matcher(plan.where)
        matched = matcher.fits(self._routes.fleet, namespace, plan.task, scope)
        fitting = sorted(matched.fitting, key=lambda member: member.name)
        if len(fitting) < plan.at_least:
            present = len(self._routes.fleet.present(namespace))
            return too_few(plan, matched, len(fitting), present)
        return [
            json_encode({name: part for name, part in member.doc.items() if name not in VOLATILE})
            for member in fitting
        ]

    def _matcher(self, where: str | None) -> Matcher:
        found = self._matchers.get(where)
        if found is not None:
            self._matchers.move_to_end(where)
            return found
        try:
            found = Matcher(RoutePlan(where=where), self._programs)
        except ExpressionError as error:
            raise EvaluationError("invalid", error.message) from error
        self._matchers[where] = found
        if len(self._matchers) > MAX_MATCHERS:
            self._matchers.popitem(last=False)
        return found


def too_few(plan: DevicesPlan, matched: Matched, fitting: int, present: int) -> Failure:
    """Why there are not enough devices: how many there are, and what refused the others."""
    verb = "does" if fitting == 1 else "do"
    told = [f"{present} present"]
    if plan.task is not None:
        told.append(f"{matched.knowing} know {plan.task!r}")
    told += [f"{count}: {reason}" for reason, count in matched.refused.items()]
    text = (
        f"expected at least {plan.at_least} devices that fit, but {fitting or 'none'} {verb} "
        f"({', '.join(told)})"
    )
    return Failure(type=FailureType.TOO_FEW_DEVICES, message=text, retryable=False)
