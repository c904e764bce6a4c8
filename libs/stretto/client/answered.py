"""Messages that change something and are answered: starts with a key, controls, definitions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from stretto.bus.publisher import Outgoing, Publisher
from stretto.client.asking import Asks
from stretto.client.errors import rejection
from stretto.client.replies import ReplyBox
from stretto.client.starting import encode_payload
from stretto.contracts import subjects
from stretto.contracts.failures import Reason
from stretto.contracts.public import Controlled, Defined
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.errors import NotReachable, PermanentError, TransientError

T = TypeVar("T")

ANSWER_TIMEOUT_S = 10.0
"""How long the answer to something that was stored is waited for."""

DEFINE_TRY_S = 5.0
"""Most definitions are compiled in well under a second; then the request is put once more."""

DEFINE_TRIES = 5
"""Further tries: half a minute in all."""


class _MaybeRefused(msgspec.Struct):
    rejected: Reason | None = None


_decode_refusal = msgspec.json.Decoder(_MaybeRefused).decode
_decode_controlled = msgspec.json.Decoder(Controlled).decode
_decode_defined = msgspec.json.Decoder(Defined).decode


class Answered:
    """Stores messages and waits for the answers of who handles them."""

    def __init__(self, publisher: Publisher, box: ReplyBox) -> None:
        self._publisher = publisher
        self._box = box

    async def send(self, message: Outgoing, timeout_s: float = ANSWER_TIMEOUT_S) -> bytes:
        """Store a message and give back what its handler answers.

        Raises:
            NotReachable: not stored, or no answer in time; once stored it will be handled later.
            Rejected: it was refused.
            StrettoError: the store refuses it.
        """
        said = (await self.send_many([message], timeout_s))[0]
        check_refusal(said)
        return said

    async def send_many(
        self, messages: Sequence[Outgoing], timeout_s: float = ANSWER_TIMEOUT_S
    ) -> list[bytes]:
        """Store messages and give back the answers, which may be refusals, in the same order.

        Raises as `send`, apart from Rejected.
        """
        await self._box.open()
        expected = [self._box.expect() for _ in messages]
        try:
            await store(
                self._publisher,
                [_asking(m, reply) for m, (reply, _) in zip(messages, expected, strict=True)],
            )
            async with asyncio.timeout(timeout_s):
                return [await answer for _, answer in expected]
        except TimeoutError as error:
            # The one that was waited for is cancelled, those after it may not be done.
            missing = next(
                m
                for m, (_, answer) in zip(messages, expected, strict=True)
                if answer.cancelled() or not answer.done()
            )
            raise NotReachable(
                "client.not_answered",
                f"expected an answer to {missing.subject!r} within {timeout_s:g} s, but none "
                "came: it is stored and will be handled when the workflow service is there",
            ) from error
        finally:
            for reply, _ in expected:
                self._box.forget(reply)

    async def control(
        self, namespace: str, run_id: str, command: str, fields: dict[str, Any]
    ) -> Controlled:
        """Send a command to a run and wait until it was carried out; raises as `send`."""
        given = {name: value for name, value in fields.items() if value is not None}
        data = encode_payload({"command": command, **given}, "command")
        said = await self.send(Outgoing(subjects.control(namespace, run_id), data))
        return _read(_decode_controlled, said)


def _asking(message: Outgoing, reply: str) -> Outgoing:
    # What is sent again must not happen twice: the reply subject is as good an id as any.
    return message._replace(
        headers={**(message.headers or {}), subjects.HEADER_REPLY: reply},
        msg_id=message.msg_id or reply,
    )


async def store(publisher: Publisher, messages: Sequence[Outgoing]) -> None:
    """Store messages.

    Raises:
        NotReachable: no acknowledgement in time; they may have been stored all the same.
        StrettoError: the store refuses one.
    """
    try:
        await publisher.publish_many(messages)
    except TransientError as error:
        raise NotReachable(error.code, error.message, error.detail) from error


async def define(asks: Asks, namespace: str, source: str) -> Defined:
    """Register a definition.

    Raises:
        DefinitionMistakes: it was refused; all its mistakes with their places.
        Rejected: refused for another reason.
        NotReachable: the workflow service is not there.
    """
    return _read(_decode_defined, await ask_for(asks, namespace, source.encode()))


async def ask_for(asks: Asks, namespace: str, data: bytes) -> bytes:
    """Have a definition, template or label registered; raises as `define`."""
    subject = subjects.definitions(namespace)
    tries = 0
    while True:
        try:
            reply = await asks.request(subject, data, DEFINE_TRY_S)
        except NotReachable:
            # The service may have come up after the request: to register again changes nothing.
            tries += 1
            if tries > DEFINE_TRIES:
                raise
        else:
            check_refusal(reply.data)
            return reply.data


def check_refusal(data: bytes) -> None:
    """Raise Rejected (or DefinitionMistakes) if an answer says that the message was refused."""
    reason = _read(_decode_refusal, data).rejected
    if reason is not None:
        raise rejection(reason)


def _read(decode: Callable[[bytes], T], data: bytes) -> T:
    try:
        return decode(data)
    except UNREADABLE as error:
        raise PermanentError(
            "client.not_understood",
            f"expected an answer in a form that this client knows, but {error}",
        ) from error
