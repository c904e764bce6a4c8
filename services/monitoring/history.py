"""The log, read through the workflow service: one run's events, or a page of all."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from stretto.client.asking import Asks
from stretto.contracts.codec import json_encode
from stretto.contracts.ids import parse_run_id, run_id_text
from stretto.runtime.clock import parse_rfc3339

PAGE = 1_000
CUT_BYTES = 2 * 1024 * 1024
"""An answer smaller than this was not cut for its size: there is no event after it."""

TIMEOUT_S = 5.0


class LoggedEvent(msgspec.Struct, frozen=True):
    """One event as the workflow service answers it; `run_id` only in exports."""

    seq: int
    type: str
    at: str
    data: msgspec.Raw
    run_id: str = ""
    namespace: str = ""
    workflow: str = ""
    version: int = 0
    id: str | None = None

    @property
    def at_us(self) -> int:
        return parse_rfc3339(self.at)


class _Events(msgspec.Struct):
    events: list[LoggedEvent] = []


_decode = msgspec.json.Decoder(_Events).decode


class Log(Protocol):
    """Reads of the log; both raise NotReachable when the workflow service is not there."""

    async def of_run(self, run_id: bytes, after_seq: int) -> Sequence[LoggedEvent]:
        """All events of a run after `after_seq`; raises Rejected if there is no such run."""

    async def page(self, after: tuple[bytes, int] | None) -> Sequence[LoggedEvent]:
        """The events after that one by (run_id, seq); empty at the end."""


class AskedLog:
    """The log over `stretto.api.workflow`."""

    def __init__(self, asks: Asks) -> None:
        self._asks = asks

    async def of_run(self, run_id: bytes, after_seq: int) -> Sequence[LoggedEvent]:
        found: list[LoggedEvent] = []
        while True:
            request = {"run_id": run_id_text(run_id), "after_seq": after_seq, "limit": PAGE}
            data = await self._asks.ask_raw("workflow", "history", json_encode(request), TIMEOUT_S)
            page = _decode(data).events
            found += page
            if not page or (len(page) < PAGE and len(data) < CUT_BYTES):
                return found
            after_seq = page[-1].seq

    async def page(self, after: tuple[bytes, int] | None) -> Sequence[LoggedEvent]:
        where = None if after is None else (run_id_text(after[0]), after[1])
        request = {"after": where, "limit": PAGE}
        data = await self._asks.ask_raw("workflow", "export", json_encode(request), TIMEOUT_S)
        return _decode(data).events


def key_of(event: LoggedEvent) -> tuple[bytes, int]:
    """Where an exported event is in the log."""
    return parse_run_id(event.run_id), event.seq
