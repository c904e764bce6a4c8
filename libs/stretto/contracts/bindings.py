"""Where the attempts of a step with a route went, and why; where one is that still waits.

The first is asked of the workflow service, whose log keeps it (`workflow.bindings`), the second of
the execution service, which has the attempt (`execution.routed`).
"""

import msgspec

from stretto.contracts.failures import Failure
from stretto.contracts.routes import Otherwise, Ranked

MAX_ASKED = 256
"""Attempts of one request."""


class BindingsQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`workflow.bindings`: of which step."""

    run_id: str
    """Which run."""
    step: str
    """The path of the step."""


class Binding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An attempt was given to a device, or to a queue; or it ended before it had either."""

    attempt: int
    """Which try, from 1."""
    device: str
    """The name of the device; empty where it went to a queue, or had none when it ended."""
    at: str
    """When it was given to it, or ended without, RFC 3339."""
    waited_ms: float
    """How long it had waited for that, since it was scheduled."""
    reason: str = ""
    """Why this device."""
    ranked: Ranked = Ranked()
    """Which devices fitted, and why the others did not."""
    ended: str | None = None
    """The type of the event that ended it; None: it is out, or was given to another one after."""
    took_ms: float | None = None
    """From when it was given to the device to its end."""
    failure: Failure | None = None
    """Why it failed."""
    queue: str | None = None
    """The queue that it was given to, because no device fitted; `device` is empty then."""


class Bindings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `workflow.bindings`: the last hundred, the oldest first."""

    run_id: str
    """Of which run."""
    workflow: str
    """Its workflow."""
    version: int
    """And its version."""
    step: str
    """The path of the step."""
    task: str
    """What its attempts ask for."""
    plan: msgspec.Raw
    """The route: a `RoutePlan`."""
    bindings: list[Binding] = []
    """Where its attempts went."""
    waiting: str | None = None
    """The id of the attempt that is out and with no device yet."""


class RoutedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`execution.routed`: which attempts."""

    ids: list[str]
    """`run_id:path:attempt`."""


class RoutedAttempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where an attempt is that has a route, or that the rate of its key keeps back."""

    id: str
    """`run_id:path:attempt`."""
    at: str
    """`rate` (it waits for the rate of its key), `ranking`, `waiting` (for a device), `sent`, or
    `accepted` by its device."""
    since: str
    """Since when it waits, or is there, RFC 3339."""
    device: str | None = None
    """Which device has it."""
    reason: str = ""
    """What it waits for, or why this device."""
    avoid: list[str] = []
    """Devices that are taken last: it failed there, or they did not answer."""
    ranked: Ranked = Ranked()
    """The last answer of the decision service: who fits."""
    until: str | None = None
    """When the next way of `otherwise` is taken if nobody fits until then, RFC 3339."""
    then: Otherwise | None = None
    """Which way that is: a queue, or to fail."""


class RoutedAttempts(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: those of them that are known here."""

    attempts: list[RoutedAttempt]
    """Where they are."""
