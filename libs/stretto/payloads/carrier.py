"""What client and worker do with payloads: large ones go by reference, and come back whole."""

import msgspec

from stretto.bus.connection import Connection
from stretto.bus.publisher import Publisher
from stretto.contracts import subjects
from stretto.contracts.payload import (
    INLINE_BYTES,
    MAX_STORED_BYTES,
    REFERENCE_MARK,
    PayloadRef,
)
from stretto.payloads.objects import ObjectStore
from stretto.payloads.references import fill, references_in, take_out
from stretto.runtime.clock import Clock, SystemClock
from stretto.runtime.errors import PermanentError, TransientError

MAX_NESTING = 8
"""References in payloads that references stand for, and so on."""

API_TIMEOUT_S = 30.0
"""The workflow service reads the payload from Postgres and puts it into the store."""


class PayloadMissing(TransientError):
    """A reference stands for a payload that neither the store nor the log has."""


class Carrier:
    """Carries payloads over one connection.

    Args:
        limit: what is larger goes by reference, in bytes.
    """

    def __init__(
        self,
        connection: Connection,
        publisher: Publisher,
        clock: Clock | None = None,
        limit: int = INLINE_BYTES,
    ) -> None:
        self._connection = connection
        self._objects = ObjectStore(connection, publisher)
        self._clock = clock or SystemClock()
        self.limit = limit

    async def send(self, data: bytes) -> bytes:
        """Give what goes into the message: the payload (JSON bytes), or with references in it.

        Raises:
            PermanentError: it is larger than any payload may be.
            TransientError: the store does not take it now.
        """
        if len(data) <= self.limit:
            return data
        if len(data) > MAX_STORED_BYTES:
            raise PermanentError(
                "payload.too_large",
                f"expected a payload of at most {MAX_STORED_BYTES} bytes, but got {len(data)}",
            )
        rest, taken = take_out(data, self.limit)
        for value in taken:
            await self._objects.put(value, self._clock.now_us())
        return rest

    async def receive(self, data: bytes, run_id: str) -> bytes:
        """Give a payload of a run with the values of all its references in their places.

        Raises:
            PayloadMissing: one is nowhere.
            PermanentError: together they are larger than MAX_STORED_BYTES.
            TransientError: the store does not answer.
        """
        for _ in range(MAX_NESTING):
            if REFERENCE_MARK not in data:
                return data
            refs = references_in(data)
            if not refs:
                return data
            if len(data) + sum(ref.bytes for ref in refs) > MAX_STORED_BYTES:
                raise PermanentError(
                    "payload.too_large",
                    f"expected payloads of at most {MAX_STORED_BYTES} bytes together, but they "
                    "take more",
                )
            data = fill(data, {ref.hash: await self.value(ref, run_id) for ref in refs})
        return data

    async def value(self, ref: PayloadRef, run_id: str) -> bytes:
        """Give what one reference of a run stands for, as it is stored; raises as `receive`."""
        found = await self._objects.get(ref.hash)
        if found is not None:
            return found
        body = msgspec.json.encode({"run_id": run_id, "payload": ref.hash})
        try:
            await self._connection.request(
                subjects.api("workflow", "payload"), body, timeout_s=API_TIMEOUT_S
            )
        except PermanentError as error:
            raise PayloadMissing("payload.missing", error.message) from error
        found = await self._objects.get(ref.hash)
        if found is None:
            raise PayloadMissing(
                "payload.missing",
                f"expected payload {ref.hash[:12]}… in the object store, but it is not there",
            )
        return found
