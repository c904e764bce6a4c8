"""An attempt with a route: where it is, and what its changes ask for. `routed` moves it."""

import enum
from typing import NamedTuple

from services.execution.core.attempt import Attempt
from stretto.contracts.routes import Otherwise, Ranked, RouteRecord


class At(enum.Enum):
    """Where an attempt with a route is."""

    RANKING = "ranking"
    ASKED = "asked"
    WAITING = "waiting"
    SENT = "sent"
    ACCEPTED = "accepted"


class Routed:
    """An attempt with a route."""

    __slots__ = (
        "at", "attempt", "avoid", "device", "otherwise", "ranked", "reason", "returns_us", "route",
        "sends", "since_us", "wait_us",
    )  # fmt: skip

    def __init__(
        self, attempt: Attempt, route: RouteRecord, otherwise: tuple[Otherwise, ...], now_us: int
    ) -> None:
        self.attempt = attempt
        self.route = route
        self.otherwise = otherwise
        """The ways out that are left."""
        self.avoid: list[str] = [] if route.avoid is None else [route.avoid]
        self.device: str | None = None
        self.at = At.RANKING
        self.since_us = now_us
        """Since when it is where it is."""
        self.wait_us = now_us
        """Since when nobody fits: what `wait` counts from."""
        self.returns_us = 0
        """So long the device that has it is waited for."""
        self.sends = 0
        self.ranked = Ranked()
        self.reason = ""

    def next_way(self) -> tuple[int, Otherwise] | None:
        """When it will wait no longer where nobody fits (µs), and what is done then; None: nothing
        but a device that fits ends its waiting, or somebody fits and is only full."""
        until_us = self.wait_us
        for way in () if self.ranked.candidates else self.otherwise:
            if way.wait_s is None:
                return until_us, way
            until_us += int(way.wait_s * 1_000_000)
        return None


class Send(NamedTuple):
    """Send an attempt to its device; `first`: it has just been bound to it, which is told."""

    routed: Routed
    first: bool


class ToQueue(NamedTuple):
    """Let an attempt go to a queue instead."""

    attempt: Attempt
    queue: str
    ranked: Ranked


class NoDevice(NamedTuple):
    """Fail an attempt: nobody fits, or who fits cannot be told."""

    routed: Routed
    reason: str


class StopAt(NamedTuple):
    """Tell a device that an attempt is not wanted any more."""

    attempt: Attempt
    device: str


class Unheard(NamedTuple):
    """A device has not answered: that counts as a failure of it."""

    attempt: Attempt
    device: str


class Still(NamedTuple):
    """An attempt has given no sign of life for too long: it fails, and its device is told."""

    attempt: Attempt
    device: str
    details: bytes | None
    """What it last said to go on from."""


RouteEffect = Send | ToQueue | NoDevice | StopAt | Unheard | Still
