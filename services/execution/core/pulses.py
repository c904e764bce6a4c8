"""Heartbeats: which attempts gave a sign of life, and which have been silent for too long."""

import msgspec

from services.execution.core.attempt import Attempt
from stretto.contracts.codec import decode_task, json_encode
from stretto.contracts.failures import Failure, FailureType

US_PER_S = 1_000_000

MAX_GAP_US = 2_000_000
"""When we were not running for longer than this, we did not hear heartbeats either."""


class Pulses:
    """Attempts that asked to be watched, from their first sign on."""

    def __init__(self) -> None:
        self._heard_us: dict[str, tuple[Attempt, int]] = {}
        self._details: dict[str, bytes] = {}
        self._asked_us = 0

    def __len__(self) -> int:
        return len(self._heard_us)

    def hear(self, attempt: Attempt, now_us: int, details: bytes | None = None) -> None:
        """Note a sign of life, and what it says to go on from; nothing for attempts that need
        none."""
        if attempt.heartbeat_s > 0:
            self._heard_us[attempt.id] = (attempt, now_us)
            if details is not None:
                self._details[attempt.id] = details

    def details(self, id_: str) -> bytes | None:
        """What an attempt that is watched last said to go on from."""
        return self._details.get(id_)

    def drop(self, attempt: Attempt) -> None:
        """Watch it no more."""
        self._heard_us.pop(attempt.id, None)
        self._details.pop(attempt.id, None)

    def forgive(self, now_us: int) -> None:
        """Count everybody as heard now: it was we who did not listen."""
        self._heard_us = {id_: (a, now_us) for id_, (a, _) in self._heard_us.items()}

    def silent(self, now_us: int) -> list[Attempt]:
        """Those that were silent for longer than they may be; nobody where we were not asked for
        so long that we cannot have heard them."""
        gap_us, self._asked_us = now_us - self._asked_us, now_us
        if gap_us > MAX_GAP_US:
            self.forgive(now_us)
            return []
        return [
            attempt
            for attempt, heard_us in self._heard_us.values()
            if now_us - heard_us > attempt.heartbeat_s * US_PER_S
        ]


def silence(heartbeat_s: float) -> Failure:
    """The failure of an attempt that was silent for too long."""
    return Failure(
        type=FailureType.HEARTBEAT_TIMEOUT,
        message=f"expected a sign of life at least every {heartbeat_s:g} s, but none came",
    )


def going_on(payload: bytes, details: bytes) -> bytes:
    """A task as it was sent, with what was said since to go on from."""
    task = decode_task(payload)
    return json_encode(msgspec.structs.replace(task, details=msgspec.Raw(details)))
