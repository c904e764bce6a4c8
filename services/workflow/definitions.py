"""Definitions, templates and labels from the bus: registered durably, answered to those who asked.

The stream of definitions sends no acknowledgement of its own, so a request's only answer is ours:
it
is given by whichever instance's queue subscription gets the message. The same message also waits
in the
stream, for the case that nobody was there; registering it twice is the same version, and what was
applied later stays the latest.
"""

import asyncio
import logging

from services.workflow.answers import may_answer
from services.workflow.faults import FAULTS
from services.workflow.feeding import MAX_MESSAGES, Pull
from services.workflow.labelling import label
from services.workflow.registry import Registry, mistakes_reason
from stretto.bus.connection import Connection
from stretto.bus.deadletter import DeadLetters
from stretto.bus.message import Message
from stretto.bus.publisher import Publisher
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Reason
from stretto.contracts.public import Defined, Labelled, Refused, Rejected
from stretto.definition.templates import LoadedTemplate, outline
from stretto.runtime.clock import Clock
from stretto.runtime.errors import StrettoError, TransientError
from stretto.runtime.topology import workflow_definitions
from stretto.telemetry.names import LOG_REASON, LOG_SUBJECT, LOG_VERSION, LOG_WORKFLOW

logger = logging.getLogger(__name__)

QUEUE_GROUP = "workflow-definitions"
MAX_WAITING = 256
"""Requests that may wait for their answer here; more are answered by the stream only."""

LIVE_PATH_S = 2.0
"""A stored definition is looked at after so long: by then it is registered, if anybody was
there."""

MAX_SOURCE_BYTES = 1024 * 1024

Answer = Defined | Labelled | Refused


class Definitions:
    """Takes definitions and announces new versions."""

    def __init__(
        self,
        connection: Connection,
        publisher: Publisher,
        registry: Registry,
        pull: Pull,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._connection = connection
        self._publisher = publisher
        self._registry = registry
        self._pull = pull
        self._dead_letters = DeadLetters(publisher, "workflow")
        self._asked: asyncio.Queue[tuple[str, str, bytes]] = asyncio.Queue(MAX_WAITING)

    async def open(self) -> None:
        """Take requests and announcements from here on: whoever finds the service ready is
        heard."""
        await self._connection.subscribe("stretto.definitions.*", self._ask, queue=QUEUE_GROUP)
        await self._connection.subscribe(subjects.DEFINED, self._announced)
        await self._connection.flush()

    async def run(self) -> None:
        """Answer requests and read the stream, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._answer())
            group.create_task(self._read())

    def _ask(self, subject: bytes, reply: bytes, _headers: bytes, data: bytes) -> None:
        if not self._asked.full():
            self._asked.put_nowait((subject.decode(), reply.decode(), bytes(data)))

    def _announced(self, subject: bytes, _reply: bytes, _headers: bytes, _data: bytes) -> None:
        _, _, namespace, workflow = subject.decode().split(".")
        self._registry.forget_labels(namespace, workflow)

    async def _answer(self) -> None:
        while True:
            subject, reply, data = await self._asked.get()
            try:
                answer = await self.register(subject, data)
            except StrettoError as error:
                answer = Refused(rejected=Reason(code=error.code, message=error.message))
            if may_answer(reply):
                await self._say(reply, json_encode(answer))

    async def _say(self, subject: str, data: bytes) -> None:
        """Publish what may be lost: who asked asks again, and latest versions are looked up."""
        try:
            await self._publisher.publish_core(subject, data)
        except StrettoError as error:
            extra = {"subject": subject, "reason": error.message}
            logger.warning("answer not published", extra=extra)

    async def _read(self) -> None:
        async with self._pull(workflow_definitions(), MAX_MESSAGES) as loop:
            while True:
                for message in await loop.next_batch():
                    await self._let_live_path_go_first(message.timestamp_ns)
                    try:
                        stored_us = message.timestamp_ns // 1_000
                        await self.register(message.subject, message.data, stored_us)
                    except TransientError as error:
                        logger.warning("definition put off", extra={LOG_REASON: error.message})
                    except StrettoError as error:
                        await self._bury(message, str(error))
                    else:
                        message.ack()

    async def _bury(self, message: Message, why: str) -> None:
        try:
            await self._dead_letters.bury(message, "definition_unreadable", why)
        except TransientError as error:
            logger.warning("dead letter not stored", extra={LOG_REASON: error.message})

    async def _let_live_path_go_first(self, stored_ns: int) -> None:
        """Who asked hears `created` from whoever was first: that should be who answers."""
        age_s = self._clock.now_us() / 1e6 - stored_ns / 1e9
        if 0 <= age_s < LIVE_PATH_S:
            await self._clock.sleep(LIVE_PATH_S - age_s)

    async def register(self, subject: str, data: bytes, stored_us: int | None = None) -> Answer:
        """Register one definition; a refusal is published too, a change announced.

        `stored_us`: when it was stored, where it comes from the stream.
        """
        namespace = subjects.parse_definitions(subject)
        answer = await self._decide(namespace, data, stored_us)
        if isinstance(answer, Refused):
            rejected = Rejected(subject=subject, reason=answer.rejected)
            await self._say(subjects.rejected(namespace), json_encode(rejected))
        elif isinstance(answer, Labelled):
            if answer.kind == "workflow":
                await self._say(subjects.defined(namespace, answer.name), json_encode(answer))
            extra = {"workflow": answer.name, "version": answer.version, "label": answer.label}
            logger.info("version labelled", extra=extra)
        elif answer.created or answer.latest_before is not None:
            if answer.kind == "workflow":
                await self._say(subjects.defined(namespace, answer.workflow), json_encode(answer))
            logger.info(
                "definition registered",
                extra={LOG_WORKFLOW: answer.workflow, LOG_VERSION: answer.version},
            )
        return answer

    async def _decide(self, namespace: str, data: bytes, stored_us: int | None) -> Answer:
        if not subjects.is_name(namespace):
            text = f"expected a namespace {subjects.NAME_PATTERN}, but got {namespace[:60]!r}"
            return Refused(rejected=Reason(code="namespace_invalid", message=text))
        if len(data) > MAX_SOURCE_BYTES:
            text = f"expected at most {MAX_SOURCE_BYTES} bytes, but got {len(data)}"
            return Refused(rejected=Reason(code="definition_too_large", message=text))
        try:
            source = data.decode()
        except UnicodeDecodeError as error:
            text = f"expected UTF-8, but {error}"
            return Refused(rejected=Reason(code="definition_invalid", message=text))
        try:
            return await self._take(namespace, source, stored_us)
        except FAULTS as error:
            logger.exception("definition at fault", extra={LOG_SUBJECT: namespace})
            text = f"expected to compile it, but the service failed: {type(error).__name__}"
            return Refused(rejected=Reason(code="definition_fault", message=text))

    async def _take(self, namespace: str, source: str, stored_us: int | None) -> Answer:
        match outline(source).kind:
            case "template":
                found = await self._registry.templates.register(namespace, source, stored_us)
                if isinstance(found, LoadedTemplate):
                    return Refused(rejected=mistakes_reason(found.mistakes))
                return found
            case "label":
                return await label(self._registry, namespace, source, stored_us)
        return await self._registry.register(namespace, source, stored_us)
