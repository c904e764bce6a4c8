"""Questions about devices that came before the devices had said that they are there.

An instance that has just begun knows nobody; what it is asked about devices waits for as long as
it takes to hear from all of them once. What is held is lost with the process: the sweep of the
workflow service asks again.
"""

from collections import deque
from collections.abc import Iterator
from typing import Protocol

from services.decision.core.evaluate import Devices
from stretto.contracts.frames import DecideFrame, DecideRecord

MAX_HELD = 1_000
"""More are dropped, the oldest first: they are asked again."""


class KnownDevices(Devices, Protocol):
    """Who knows the devices, and whether it has heard from all of them."""

    @property
    def is_complete(self) -> bool: ...


class Held:
    """Records with the frames that they came in."""

    def __init__(self) -> None:
        self.records: deque[tuple[DecideFrame, DecideRecord]] = deque(maxlen=MAX_HELD)

    def take(self, frame: DecideFrame, record: DecideRecord) -> None:
        """Keep a record for later."""
        self.records.append((frame, record))

    def all(self) -> Iterator[tuple[DecideFrame, DecideRecord]]:
        """Give back everything that is held, once."""
        while self.records:
            yield self.records.popleft()
