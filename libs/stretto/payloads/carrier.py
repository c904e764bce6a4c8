"""What client and worker do with payloads: large ones go by reference, and come back whole."""

import os

import msgspec

from stretto.bus.connection import Connection
from stretto.bus.publisher import Publisher
from stretto.contracts import subjects
from stretto.contracts.payload import (
    INLINE_BYTES,
    MAX_PAYLOAD_BYTES,
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


INLINE_VARIABLE = "STRETTO_INLINE_BYTES"
MIN_INLINE_BYTES = 1_024


def inline_bytes() -> int:
    """What this process sends by reference is larger than this.

    Raises ValueError where the environment says something that cannot be.
    """
    text = os.environ.get(INLINE_VARIABLE) or str(INLINE_BYTES)
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_PAYLOAD_BYTES)):
        limit = 0
    else:
        limit = int(text)
    if not MIN_INLINE_BYTES <= limit <= MAX_PAYLOAD_BYTES:
        raise ValueError(
            f"expected {INLINE_VARIABLE} to be {MIN_INLINE_BYTES} to {MAX_PAYLOAD_BYTES}, but got "
            f"{text[:40]!r}"
        )
    return limit


class PayloadMissing(TransientError):
    """A reference stands for a payload that neither the store nor the log has."""


class Carrier:
    """Carries payloads over one connection.

    Args:
        limit: what is larger goes by reference, in bytes; None: as the environment says.
    """

    def __init__(
        self,
        connection: Connection,
        publisher: Publisher,
        clock: Clock | None = None,
        limit: int | None = None,
    ) -> None:
        self._connection = connection
        self._objects = ObjectStore(connection, publisher)
        self._clock = clock or SystemClock()
        self.limit = inline_bytes() if limit is None else limit

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
