"""The bucket of payloads in JetStream's object store, in its usual layout (NATS ADR-20), so that
the object store of any client reads and writes it.

A chunk is a message on `$O.<bucket>.C.<nuid>`, what it is about one on `$O.<bucket>.M.<name>`. Here
objects are read without a consumer, chunk by chunk, by direct get (NATS ADR-31).
"""

import hashlib
import logging
import secrets
from base64 import urlsafe_b64encode

import msgspec

from stretto.bus.connection import Connection
from stretto.bus.publisher import Outgoing, Publisher
from stretto.bus.wire import parse_status
from stretto.contracts import subjects
from stretto.contracts.payload import MAX_STORED_BYTES
from stretto.contracts.unreadable import UNREADABLE
from stretto.payloads.references import hash_of
from stretto.runtime.clock import parse_rfc3339, rfc3339
from stretto.runtime.errors import NotReachable, TransientError
from stretto.telemetry.names import LOG_BYTES, LOG_OF

logger = logging.getLogger(__name__)

BUCKET = subjects.PAYLOAD_BUCKET
STREAM = subjects.STREAM_PAYLOADS

CHUNK_BYTES = 512 * 1024
"""Half of what the server takes in one message by default."""

FRESH_S = 15 * 60.0
"""What was put within this time is not put again: it stays a good while longer."""

CHUNK_TIMEOUT_S = 10.0
NOT_FOUND = 404
_NUID_BYTES = 11


class ObjectInfo(msgspec.Struct, omit_defaults=True):
    """What the object store says of an object."""

    name: str
    bucket: str
    nuid: str
    size: int
    chunks: int
    mtime: str = ""
    digest: str = ""
    deleted: bool = False


_decode_info = msgspec.json.Decoder(ObjectInfo).decode


class ObjectStore:
    """Puts and gets payloads, by their hash. Any number of tasks of one event loop."""

    def __init__(self, connection: Connection, publisher: Publisher) -> None:
        self._connection = connection
        self._publisher = publisher

    async def put(self, data: bytes, now_us: int) -> str:
        """Store a payload, unless it is there; its hash.

        Raises:
            TransientError: the store is not there, or has no room.
            PermanentError: it refuses.
        """
        name = hash_of(data)
        there = await self._info(name)
        if there is not None and _age_s(there, now_us) < FRESH_S:
            return name
        nuid = secrets.token_hex(_NUID_BYTES)
        chunks = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
        subject = f"$O.{BUCKET}.C.{nuid}"
        await self._publisher.publish_many(Outgoing(subject, chunk) for chunk in chunks)
        info = ObjectInfo(
            name=name,
            bucket=BUCKET,
            nuid=nuid,
            size=len(data),
            chunks=len(chunks),
            mtime=rfc3339(now_us),
            digest="SHA-256=" + urlsafe_b64encode(bytes.fromhex(name)).decode(),
        )
        await self._publisher.publish_many(
            [Outgoing(_meta(name), msgspec.json.encode(info), None, {"Nats-Rollup": "sub"})]
        )
        return name

    async def get(self, name: str) -> bytes | None:
        """Give a payload by its hash; None where the store does not have it, whole and sound.

        Raises TransientError where the store does not answer.
        """
        info = await self._info(name)
        if info is None or info.deleted or info.size > MAX_STORED_BYTES:
            return None
        parts: list[bytes] = []
        size = seq = 0
        while size < info.size:
            found = await self._chunk(info.nuid, seq + 1)
            if found is None:
                break
            seq, part = found
            parts.append(part)
            size += len(part)
        data = b"".join(parts)
        if hashlib.sha256(data).hexdigest() != name:
            logger.warning("payload not whole", extra={LOG_BYTES: len(data), LOG_OF: info.size})
            return None
        return data

    async def _info(self, name: str) -> ObjectInfo | None:
        found = await self._ask(f"$JS.API.DIRECT.GET.{STREAM}.{_meta(name)}", b"")
        if found is None:
            return None
        try:
            return _decode_info(found[1])
        except UNREADABLE:
            return None

    async def _chunk(self, nuid: str, seq: int) -> tuple[int, bytes] | None:
        body = {"seq": seq, "next_by_subj": f"$O.{BUCKET}.C.{nuid}"}
        return await self._ask(f"$JS.API.DIRECT.GET.{STREAM}", msgspec.json.encode(body))

    async def _ask(self, subject: str, body: bytes) -> tuple[int, bytes] | None:
        """A stored message and its number; None where there is none, or no bucket."""
        try:
            reply = await self._connection.request(subject, body, timeout_s=CHUNK_TIMEOUT_S)
        except NotReachable as error:
            if error.code == "bus.no_responders":
                return None
            raise
        if reply.block and parse_status(reply.block)[0] == NOT_FOUND:
            return None
        seq = reply.headers.get("Nats-Sequence", "")
        if not seq.isdigit():
            raise TransientError(
                "payload.not_understood", f"expected a stored message of {STREAM}, but got none"
            )
        return int(seq), bytes(reply.data)


def _meta(name: str) -> str:
    return f"$O.{BUCKET}.M.{urlsafe_b64encode(name.encode()).decode()}"


def _age_s(info: ObjectInfo, now_us: int) -> float:
    try:
        return (now_us - parse_rfc3339(info.mtime)) / 1e6
    except ValueError:
        return FRESH_S
