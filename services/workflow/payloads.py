"""Payloads that events refer to: in `workflow.payload` before the event is committed.

    start, result, signal with references ─► accept: object store ─► checked ─► Postgres ─► inbox
    a question over values with references ─► resolve: Postgres ─► the values go along
    a decided value that is too large ─► keep: Postgres, object store ─► a reference in its place

The rows are the truth (law 1), the object store is where clients and workers put and get them. A
row whose event is never committed goes with the partition of its run.
"""

import asyncio
import hashlib
from collections.abc import Iterable

import msgspec

from stretto.contracts.payload import (
    INLINE_BYTES,
    MAX_STORED_BYTES,
    REFERENCE_MARK,
    PayloadRef,
    payload_problem,
)
from stretto.contracts.unreadable import UNREADABLE
from stretto.payloads import ObjectStore, fill, references_in, take_out
from stretto.postgres import Database
from stretto.runtime.clock import Clock
from stretto.runtime.errors import PermanentError

MAX_NESTING = 8
"""References in payloads that references stand for, and so on."""

THREAD_BYTES = 256 * 1024
"""What is larger is checked in a thread: it takes milliseconds."""

_decode = msgspec.json.Decoder().decode


class BadPayload(PermanentError):
    """A reference stands for nothing that can be had, or for what is no payload.

    `code` is `payload_missing` (trying again may help) or `payload_invalid`.
    """


class TooMuch(PermanentError):
    """The values of references are larger together than was asked for."""


class Payloads:
    """Keeps the payloads of runs."""

    def __init__(self, database: Database, objects: ObjectStore, clock: Clock) -> None:
        self._db = database
        self._objects = objects
        self._clock = clock

    async def accept(self, run_id: bytes, data: bytes, others: Iterable[bytes] = ()) -> None:
        """Keep what a payload of a run refers to, and what that refers to.

        Args:
            others: runs that the payload may come from: theirs is taken where the store has none.

        Raises:
            BadPayload: it cannot be kept.
            TransientError: the object store or Postgres does not answer.
        """
        wanted = _references(data)
        for _ in range(MAX_NESTING):
            if not wanted:
                return
            kept = await self._kept(run_id, list(wanted))
            inner: dict[str, PayloadRef] = {}
            for ref in wanted.values():
                if ref.hash not in kept:
                    value = await self._found(ref, list(others))
                    await self._insert(run_id, value)
                    inner |= _references(value)
            wanted = inner
        if wanted:
            raise BadPayload(
                "payload_invalid",
                f"expected references nested at most {MAX_NESTING} deep, but there are more",
            )

    async def keep(self, run_id: bytes, data: bytes) -> bytes:
        """Keep what is large of a value of a run; the value with references. Raises
        TransientError."""
        rest, taken = take_out(data, INLINE_BYTES)
        for value in taken:
            await self._insert(run_id, value)
            await self._objects.put(value, self._clock.now_us())
        return rest

    async def resolve(self, run_id: bytes, data: bytes, limit: int) -> bytes:
        """Give a value of a run with the values of its references in their places.

        Raises:
            TooMuch: it takes more than `limit` bytes.
            BadPayload: the log does not have one of them.
            TransientError: Postgres does not answer.
        """
        for _ in range(MAX_NESTING):
            refs = _references(data)
            if not refs:
                return data
            size = len(data) + sum(ref.bytes for ref in refs.values())
            if size > limit:
                raise TooMuch(
                    "payload_too_large", f"expected at most {limit} bytes, but it takes {size}"
                )
            data = fill(data, await self._values(run_id, list(refs)))
        return data

    async def again(self, run_id: bytes, name: str) -> int | None:
        """Put a payload of a run into the object store, for who misses it; its bytes.

        None where the log does not have it. Raises TransientError.
        """
        rows = await self._rows(run_id, [name])
        if not rows:
            return None
        await self._objects.put(rows[name], self._clock.now_us())
        return len(rows[name])

    async def _found(self, ref: PayloadRef, others: list[bytes]) -> bytes:
        if ref.bytes > MAX_STORED_BYTES:
            raise BadPayload(
                "payload_invalid",
                f"expected a payload of at most {MAX_STORED_BYTES} bytes, but it has {ref.bytes}",
            )
        value = await self._objects.get(ref.hash)
        for other in others if value is None else ():
            value = (await self._rows(other, [ref.hash])).get(ref.hash)
            if value is not None:
                break
        if value is None:
            raise BadPayload(
                "payload_missing",
                f"expected payload {ref.hash[:12]}… to be in the object store, but it is not",
            )
        if len(value) > THREAD_BYTES:
            problem = await asyncio.to_thread(_problem, value)
        else:
            problem = _problem(value)
        if problem is None and len(value) != ref.bytes:
            problem = f"expected {ref.bytes} bytes, but it has {len(value)}"
        if problem is not None:
            raise BadPayload("payload_invalid", f"payload {ref.hash[:12]}…: {problem}")
        return value

    async def _insert(self, run_id: bytes, data: bytes) -> None:
        await self._db.execute(
            "insert into workflow.payload (run_id, hash, data) values ($1, $2, $3) "
            "on conflict do nothing",
            run_id,
            hashlib.sha256(data).digest(),
            data,
        )

    async def _kept(self, run_id: bytes, names: list[str]) -> set[str]:
        rows = await self._db.fetch(
            "select hash from workflow.payload where run_id = $1 and hash = any($2::bytea[])",
            run_id,
            [bytes.fromhex(name) for name in names],
        )
        return {bytes(row[0]).hex() for row in rows}

    async def _rows(self, run_id: bytes, names: list[str]) -> dict[str, bytes]:
        rows = await self._db.fetch(
            "select hash, data from workflow.payload where run_id = $1 and hash = any($2::bytea[])",
            run_id,
            [bytes.fromhex(name) for name in names],
        )
        return {bytes(row[0]).hex(): bytes(row[1]) for row in rows}

    async def _values(self, run_id: bytes, names: list[str]) -> dict[str, bytes]:
        found = await self._rows(run_id, names)
        missing = [name for name in names if name not in found]
        if missing:
            raise BadPayload(
                "payload_missing",
                f"expected payload {missing[0][:12]}… to be in the log, but it is not",
            )
        return found


def _references(data: bytes) -> dict[str, PayloadRef]:
    if REFERENCE_MARK not in data:
        return {}
    try:
        return {ref.hash: ref for ref in references_in(data)}
    except ValueError as error:
        raise BadPayload("payload_invalid", str(error)) from error


def _problem(data: bytes) -> str | None:
    try:
        _decode(data)
    except UNREADABLE as error:
        return f"expected JSON, but: {error}"
    return payload_problem(data, MAX_STORED_BYTES)
