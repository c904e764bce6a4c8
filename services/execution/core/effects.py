"""What the shell is to do, as values."""

from typing import NamedTuple

from services.execution.core.attempt import Attempt


class Stop(NamedTuple):
    """Tell whoever has these attempts to stop, and delete their messages where they are alone."""

    namespace: str
    queue: str
    attempts: list[Attempt]


class StopOwn(NamedTuple):
    """Stop a task `std.*` that runs in this service."""

    attempt: Attempt


class Verify(NamedTuple):
    """Look whether the message of an attempt is still in the work stream."""

    attempt: Attempt
    seq: int


class Move(NamedTuple):
    """Take the message of a parked attempt out of `default`, unless it was claimed."""

    attempt: Attempt
    seq: int


class Silent(NamedTuple):
    """Answer for a worker whose heartbeat stopped."""

    attempt: Attempt
    heartbeat_s: float
    details: bytes | None = None
    """What it last said to go on from."""


class Short(NamedTuple):
    """Fail an attempt that asks for more of a resource than there is in all."""

    attempt: Attempt
    reason: str


Effect = Short | Stop | StopOwn | Verify | Move | Silent
