"""Devices of a world without any: they are present from the beginning, and stay."""

from collections.abc import Iterable

from services.decision.routing.answers import Routes
from services.decision.routing.expanding import PresentDevices
from stretto.contracts.public import Presence


def virtual_devices(devices: Iterable[Presence]) -> PresentDevices:
    """Make the devices of the namespace `default` that have said so much of themselves."""
    routes = Routes(explore=0.0)
    for presence in devices:
        routes.heard("default", presence.device, presence, now_us=0)
    return PresentDevices(routes, lambda: 0)
