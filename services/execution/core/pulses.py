"""Heartbeats: which attempts gave a sign of life, and which have been silent for too long."""

from services.execution.core.attempt import Attempt

US_PER_S = 1_000_000


class Pulses:
    """Attempts that asked to be watched, from their first sign on."""

    def __init__(self) -> None:
        self._heard_us: dict[str, tuple[Attempt, int]] = {}
        self._details: dict[str, bytes] = {}

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
        """Those that were silent for longer than they may be."""
        return [
            attempt
            for attempt, heard_us in self._heard_us.values()
            if now_us - heard_us > attempt.heartbeat_s * US_PER_S
        ]
