"""Make the server's streams and consumers like the declared ones; from any number of processes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from stretto.runtime.errors import PermanentError, TransientError
from stretto.telemetry.names import LOG_DETAIL, LOG_REASON, LOG_STREAM

from .api import API_TIMEOUT_S, Answer, ask_api
from .api_errors import CONFIG_REFUSED, STREAM_EXISTS_DIFFERENTLY, Missing
from .connection import Connection
from .topology import Consumer, Stream, consumer_config, stream_config

logger = logging.getLogger(__name__)

ENSURE_TIMEOUT_S = 30.0
_FIRST_WAIT_S = 0.05
_MAX_WAIT_S = 1.0

_LEAST_S = 0.05  # a try at the very end gets a chance still

UNCHANGEABLE = ("storage", "persist_mode")
"""What no update changes. An older build, or one with another idea of it, may have made the
stream: what it holds is worth more than where it lies."""

Item = TypeVar("Item")
Make = Callable[[Item, float], Awaitable[None]]
"""Makes one thing with so many seconds for each request."""


class StreamAnswer(Answer, frozen=True, kw_only=True):
    """What we read of the answers about a stream."""

    created: str = ""
    config: dict[str, object] = msgspec.field(default_factory=dict)


class ConsumerAnswer(Answer, frozen=True, kw_only=True):
    """What we read of the answers about a consumer."""

    created: str = ""


async def ensure(
    connection: Connection,
    streams: Sequence[Stream],
    consumers: Sequence[Consumer] = (),
    *,
    timeout_s: float = ENSURE_TIMEOUT_S,
) -> None:
    """Create or update streams, then consumers. Idempotent; several processes may do it at once.

    Errors that may pass (JetStream is not up yet, another process was faster) are tried again
    until the timeout. A stream that is deleted before its consumers are made is made again.

    Raises:
        TransientError: not possible within ``timeout_s``; ``NotReachable`` among them.
        PermanentError: the server refuses, for instance because what exists cannot be changed
            into what is declared. How a stream is stored is no reason: that stays as it is.
    """
    deadline = asyncio.get_running_loop().time() + timeout_s
    declared = {stream.name: stream for stream in streams}

    async def make_consumer(consumer: Consumer, timeout_s: float) -> None:
        try:
            await _ensure_consumer(connection, consumer, timeout_s)
        except Missing:
            if consumer.stream in declared:
                await _ensure_stream(connection, declared[consumer.stream], timeout_s)
            raise

    await _each(streams, partial(_ensure_stream, connection), deadline)
    await _each(consumers, make_consumer, deadline)


async def _each(items: Sequence[Item], make: Make[Item], deadline: float) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(_insist(item, make, deadline))
    except ExceptionGroup as errors:
        # Callers handle our errors, not groups of them: the first one says enough.
        raise errors.exceptions[0] from None


async def _insist(item: Item, make: Make[Item], deadline: float) -> None:
    """Try again while the error may pass and there is time."""
    loop = asyncio.get_running_loop()
    wait_s = _FIRST_WAIT_S
    while True:
        try:
            await make(item, max(_LEAST_S, min(API_TIMEOUT_S, deadline - loop.time())))
            return
        except TransientError as error:
            if loop.time() + wait_s > deadline:
                raise
            logger.info("topology not ready, trying again", extra={LOG_REASON: str(error)})
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _MAX_WAIT_S)


async def _ensure_stream(connection: Connection, stream: Stream, timeout_s: float) -> None:
    config = stream_config(stream)
    asked = f"have stream {stream.name} as declared"
    try:
        await ask_api(
            connection,
            f"STREAM.CREATE.{stream.name}",
            config,
            StreamAnswer,
            asked=asked,
            timeout_s=timeout_s,
        )
    except PermanentError as error:
        if error.detail.get("err_code") != STREAM_EXISTS_DIFFERENTLY:
            raise
        await _update(connection, config, asked, timeout_s)


async def _update(
    connection: Connection, config: dict[str, object], asked: str, timeout_s: float
) -> None:
    """Update a stream; what no stream can change stays as it is, so that nothing in it is lost.

    When it vanishes between the requests they say Missing, which is transient.
    """
    name = config["name"]

    async def ask(operation: str, body: object) -> StreamAnswer:
        return await ask_api(
            connection, operation, body, StreamAnswer, asked=asked, timeout_s=timeout_s
        )

    try:
        await ask(f"STREAM.UPDATE.{name}", config)
    except PermanentError as error:
        if error.detail.get("err_code") != CONFIG_REFUSED:
            raise
        found = (await ask(f"STREAM.INFO.{name}", None)).config
        kept = {key: found[key] for key in UNCHANGEABLE if key in found}
        if all(config.get(key) == value for key, value in kept.items()):
            raise
        rest = {key: value for key, value in config.items() if key not in UNCHANGEABLE}
        await ask(f"STREAM.UPDATE.{name}", rest | kept)
        told = {LOG_STREAM: name, LOG_DETAIL: str(kept)}
        logger.warning("stream of an older build keeps how it is stored", extra=told)
        return
    logger.info("stream updated", extra={LOG_STREAM: name})


async def _ensure_consumer(connection: Connection, consumer: Consumer, timeout_s: float) -> None:
    body = {"stream_name": consumer.stream, "config": consumer_config(consumer), "action": ""}
    operation = f"CONSUMER.CREATE.{consumer.stream}.{consumer.name}"
    if len(consumer.filter_subjects) == 1:
        operation += f".{consumer.filter_subjects[0]}"
    asked = f"have consumer {consumer.name} of {consumer.stream} as declared"
    await ask_api(connection, operation, body, ConsumerAnswer, asked=asked, timeout_s=timeout_s)


async def delete_stream(connection: Connection, name: str) -> bool:
    """Delete a stream; return whether it was there."""
    try:
        await ask_api(
            connection, f"STREAM.DELETE.{name}", None, Answer, asked=f"delete stream {name}"
        )
    except Missing:
        return False
    return True


async def delete_consumer(connection: Connection, stream: str, name: str) -> bool:
    """Delete a consumer; return whether it was there."""
    try:
        await ask_api(
            connection,
            f"CONSUMER.DELETE.{stream}.{name}",
            None,
            Answer,
            asked=f"delete consumer {name} of {stream}",
        )
    except Missing:
        return False
    return True
