"""Devices of a world: they are present from the beginning, and stay.

Attempts with a route go to one of them as they do outside: asked for when they are sent out, to the
first that fits and has a free slot, else to the next way out. Who finds none waits for a slot.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from services.decision.routing.answers import Routes
from services.decision.routing.expanding import PresentDevices
from services.workflow.core.effects import Dispatch
from services.workflow.core.state import Run
from services.workflow.core.values import value_of
from stretto.contracts.ids import AttemptId
from stretto.contracts.public import Presence
from stretto.contracts.routes import Otherwise, Outcome, Ranked, RankQuestion, RoutePlan

NAMESPACE = "default"

_plan = msgspec.json.Decoder(RoutePlan).decode


class ToDevice(NamedTuple):
    """The attempt goes to a device."""

    device: str
    why: str
    ranked: Ranked


class Elsewhere(NamedTuple):
    """Nobody fits: the attempt goes to whoever serves a queue, or (`fails`) it fails."""

    fails: str | None = None


class Later(NamedTuple):
    """It is looked again in so many seconds; None: when a slot is free."""

    seconds: float | None = None


Where = ToDevice | Elsewhere | Later


@dataclass(kw_only=True)
class Routed:
    """An attempt that looks for a device, and the ways out that are left."""

    run: Run
    effect: Dispatch
    question: RankQuestion
    ways: list[Otherwise]
    waited: bool = False
    device: str | None = None
    sent_us: int = 0


class VirtualFleet:
    """The devices of the namespace `default`. One that names no tasks knows all `tasks`."""

    def __init__(
        self, devices: Iterable[Presence], tasks: Iterable[str], now_us: Callable[[], int]
    ) -> None:
        self._routes = Routes(explore=0.0)
        self._now_us = now_us
        self._free: dict[str, int] = {}
        self.routed: dict[tuple[bytes, str, int], Routed] = {}
        """Those that look for a device or are on one: run, path, number."""
        known = sorted(tasks)
        for device in devices:
            presence = device if device.tasks else msgspec.structs.replace(device, tasks=known)
            self._routes.heard(NAMESPACE, presence.device, presence, now_us=0)
            self._free[presence.device] = presence.slots
        self.present = PresentDevices(self._routes, lambda: 0)

    def takes(self, effect: Dispatch) -> bool:
        """Tell whether an attempt goes to a device: where there are none, routes are not looked
        at."""
        return bool(self._free) and effect.task.route is not None

    def enter(self, run: Run, effect: Dispatch) -> Routed:
        """Take an attempt with a route."""
        route = effect.task.route
        assert route is not None
        values = [value_of(run, run.nodes.get(effect.path), ref) for ref in route.refs]
        question = RankQuestion(
            id=str(AttemptId(run.id, effect.path, effect.attempt)),
            namespace=NAMESPACE,
            task=effect.task.name,
            plan=msgspec.Raw(route.plan),
            values=[msgspec.Raw(value or b"null") for value in values],
            absent=[index for index, value in enumerate(values) if value is None],
            avoid=[] if effect.avoid is None else [effect.avoid],
        )
        ways = list(_plan(route.plan).otherwise)
        routed = Routed(run=run, effect=effect, question=question, ways=ways)
        self.routed[run.id, effect.path, effect.attempt] = routed
        return routed

    def place(self, routed: Routed) -> Where:
        """Find out where an attempt goes now."""
        ranked = self._routes.answer(routed.question, self._now_us())
        if ranked.failure is not None:
            return Elsewhere(fails=ranked.failure.message)
        for candidate in ranked.candidates:
            if candidate.last and not ranked.candidates[0].last:
                break  # the others are full, but they are better waited for
            if self._free[candidate.device] > 0:
                self._free[candidate.device] -= 1
                routed.device, routed.sent_us = candidate.device, self._now_us()
                return ToDevice(candidate.device, candidate.why, ranked)
        return Later() if ranked.candidates else self._way_out(routed)

    def _way_out(self, routed: Routed) -> Where:
        """Nobody fits, and nobody will come: the next way out."""
        while routed.ways:
            way = routed.ways[0]
            if way.wait_s is not None and not routed.waited:
                routed.waited = True
                return Later(way.wait_s)
            routed.ways.pop(0)
            routed.waited = False
            if way.queue is not None:
                return Elsewhere()
            if way.wait_s is None:
                return Elsewhere(fails=way.fail or "no device fits")
        return Later()

    def leave(self, run_id: bytes, path: str, attempt: int, *, failed: bool) -> list[Routed]:
        """Note that an attempt has ended; who may find a slot now, in the order of their coming."""
        routed = self.routed.pop((run_id, path, attempt), None)
        if routed is None or routed.device is None:
            return []
        self._free[routed.device] += 1
        took_ms = (self._now_us() - routed.sent_us) / 1_000
        outcome = Outcome(device=routed.device, task=routed.question.task, took_ms=took_ms,
                          failed=failed)  # fmt: skip
        self._routes.took(NAMESPACE, outcome, self._now_us())
        return [each for each in self.routed.values() if each.device is None]
