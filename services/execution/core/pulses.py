"""Heartbeats: which attempts gave a sign of life, and which have been silent for too long."""

from services.execution.core.attempt import Attempt

US_PER_S = 1_000_000


class Pulses:
    """Attempts that asked to be watched, from their first sign on."""

    def __init__(self) -> None:
        self._heard_us: dict[str, tuple[Attempt, int]] = {}

    def __len__(self) -> int:
        return len(self._heard_us)

    def hear(self, attempt: Attempt, now_us: int) -> None:
        """Note a sign of life; nothing for attempts that need none."""
        if attempt.heartbeat_s > 0:
            self._heard_us[attempt.id] = (attempt, now_us)

    def drop(self, attempt: Attempt) -> None:
        """Watch it no more."""
        self._heard_us.pop(attempt.id, None)

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
