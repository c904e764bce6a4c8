"""A workflow service that keeps its log in memory and runs a workflow's steps at once, in order.

For tests of what talks to the workflow service: the client, monitoring, the gateway. It takes
starts, controls and definitions, publishes events, closings, rejections and log frames, and answers
`stretto.api.workflow.*`, in the forms of the real one. It has no workers: what a step does is said
by the name of its task.

========== ==================================================================
task       the step
========== ==================================================================
hold       stays open until the run gets the signal `go` (or is cancelled)
fail       fails twice, then for good, and the run with it
anything   completes with its own input as output
========== ==================================================================
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from types import TracebackType

import msgspec
import yaml

from stretto.bus.connection import Connection
from stretto.bus.ensure import ensure
from stretto.bus.publisher import Publisher
from stretto.bus.wire import parse_headers
from stretto.contracts import codec, ids, public, subjects
from stretto.contracts import events as ev
from stretto.contracts.failures import Failure, Reason
from stretto.contracts.frames import LogEvent, LogFrame, LogRecord
from stretto.runtime.clock import now_us, rfc3339
from stretto.runtime.topology import streams_for
from stretto.testkit.fake_answers import answer_of, mistakes_of
from stretto.testkit.fake_run import FakeRun

Handler = Callable[[str, str, bytes, bytes], Awaitable[None]]


class FakeWorkflow:
    """The service; use it as an async context manager.

    Attributes:
        runs: all runs, by the text of their id.
        quiet: publish neither events nor closings, as if every message were lost.
        deaf: take nothing: starts and controls stay unanswered; `ignored` is set by the first.
        asked: how often each operation was asked.
    """

    def __init__(self, connection: Connection, *, logs: bool = True) -> None:
        self._connection = connection
        self._publisher = Publisher(connection)
        self._work: asyncio.Queue[tuple[Handler, str, str, bytes, bytes]] = asyncio.Queue()
        self._logs = logs
        self._definitions: dict[tuple[str, str], list[str]] = {}
        self._keys: dict[tuple[str, str], FakeRun] = {}
        self._group = asyncio.TaskGroup()
        self._worker: asyncio.Task[None] | None = None
        self.runs: dict[str, FakeRun] = {}
        self.quiet = False
        self.deaf = False
        self.ignored = asyncio.Event()
        self.asked: dict[str, int] = {}

    async def __aenter__(self) -> FakeWorkflow:
        await ensure(self._connection, streams_for("workflow"))
        await self._hear("stretto.start.*.*", self._start)
        await self._hear("stretto.control.*.*", self._control)
        await self._hear("stretto.definitions.*", self._define)
        await self._hear("stretto.api.workflow.*", self._ask)
        await self._connection.flush()
        await self._group.__aenter__()
        self._worker = self._group.create_task(self._serve())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._worker is not None
        self._worker.cancel()
        await self._group.__aexit__(None, None, None)
        await self._publisher.close()

    def define(self, source: str, namespace: str = "default") -> int:
        """Register a definition as if it had come by the bus; return its version."""
        name = yaml.safe_load(source)["workflow"]
        versions = self._definitions.setdefault((namespace, name), [])
        if not versions or versions[-1] != source:
            versions.append(source)
        return len(versions)

    async def start(
        self,
        workflow: str,
        input: object = None,  # noqa: A002 - the word of the contract
        *,
        namespace: str = "default",
        run_id: bytes | None = None,
        key: str | None = None,
        labels: dict[str, str] | None = None,
    ) -> FakeRun:
        """Start a run as if its start had come by the bus."""
        run_id = run_id or ids.uuid7(time.time_ns() // 1_000_000, str(len(self.runs)).encode())
        run = FakeRun(run_id, namespace, workflow, key)
        versions = self._definitions[(namespace, workflow)]
        run.version = len(versions)
        run.input = codec.json_encode(input)
        run.left = [
            (name, step.get("task", "echo"))
            for name, step in yaml.safe_load(versions[-1])["steps"].items()
        ]
        self.runs[run.id_text] = run
        if key is not None:
            self._keys[(namespace, key)] = run
        started = ev.RunStarted(
            namespace=namespace,
            workflow=workflow,
            version=run.version,
            input=msgspec.Raw(run.input),
            id=key,
            labels=labels or {},
        )
        await self._commit(run, [started, *run.go_on()])
        return run

    async def publish_log(self, *records: LogRecord, partition: int = 0) -> None:
        """Publish a log frame, in whatever order and as often as a test wants."""
        frame = codec.pack(LogFrame(partition, list(records)))
        await self._publisher.publish(subjects.log(partition), frame)

    def record(self, run: FakeRun, *seqs: int) -> LogRecord:
        """Give a log record of some (or all) events of a run."""
        return LogRecord(
            run.run_id,
            run.namespace,
            run.workflow,
            run.version,
            run.key,
            [LogEvent(s, t, at, d) for s, t, at, d, _ in run.log if not seqs or s in seqs],
        )

    # --- the bus

    async def _hear(self, subject: str, handler: Handler) -> None:
        def sink(subject: bytes, reply: bytes, block: bytes, data: bytes) -> None:
            self._work.put_nowait((handler, subject.decode(), reply.decode(), block, data))

        await self._connection.subscribe(subject, sink)

    async def _serve(self) -> None:
        while True:
            handler, subject, reply, block, data = await self._work.get()
            if self.deaf:
                self.ignored.set()
            else:
                await handler(subject, reply, block, data)

    async def _say(self, reply: str | None, answer: object) -> None:
        if reply:
            await self._connection.publish(reply, codec.json_encode(answer))

    async def _refuse(self, subject: str, reply: str | None, reason: Reason, data: bytes) -> None:
        namespace = subject.split(".")[2]
        request = msgspec.Raw(data if data.startswith(b"{") else b"null")
        said = public.Rejected(subject=subject, reason=reason, request=request)
        await self._connection.publish(subjects.rejected(namespace), codec.json_encode(said))
        await self._say(reply, public.Refused(rejected=reason))

    async def _start(self, subject: str, _reply: str, block: bytes, data: bytes) -> None:
        reply = parse_headers(block).get(subjects.HEADER_REPLY) if block else None
        namespace, workflow = subjects.parse_start(subject)
        request = codec.decode_start(data)
        if (namespace, workflow) not in self._definitions:
            reason = Reason(
                code="workflow_unknown",
                message=f"expected {workflow!r} to be registered, but it is not",
            )
            await self._refuse(subject, reply, reason, data)
            return
        run = self._keys.get((namespace, request.id or ""))
        existing = run is not None and run.status == "running"
        if run is None or not existing:
            given = ids.parse_run_id(request.run_id) if request.run_id else None
            if given is not None and ids.run_id_text(given) in self.runs:
                return  # a second delivery
            run = await self.start(
                workflow,
                msgspec.json.decode(request.input),
                namespace=namespace,
                run_id=given,
                key=request.id,
                labels=request.labels,
            )
        await self._say(
            reply,
            public.Started(
                run_id=run.id_text, workflow=workflow, version=run.version, existing=existing
            ),
        )

    async def _control(self, subject: str, _reply: str, block: bytes, data: bytes) -> None:
        reply = parse_headers(block).get(subjects.HEADER_REPLY) if block else None
        _, run_id = subjects.parse_control(subject)
        request = codec.decode_control(data)
        run = self.runs.get(run_id)
        if run is None or run.status != "running":
            reason = Reason(code="run_closed", message="expected the run to be open, but it is not")
            await self._refuse(subject, reply, reason, data)
            return
        if request.command == "signal" and request.name == "go":
            name, _ = run.left.pop(0)
            events: list[ev.Event] = [
                ev.StepCompleted(step=name, attempt=1, output=request.payload)
            ]
            await self._commit(run, events + run.go_on())
        elif request.command == "cancel":
            run.status = "cancelled"
            run.failure = Failure(type="Cancelled", message=request.reason or "")
            await self._commit(run, [ev.RunCancelled(failure=run.failure)])
        await self._say(reply, public.Controlled(run_id=run_id, command=request.command))

    async def _define(self, subject: str, reply: str, _block: bytes, data: bytes) -> None:
        mistakes = mistakes_of(data.decode())
        if mistakes:
            reason = Reason(
                code="definition_invalid",
                message=f"expected a valid definition, but it has {len(mistakes)} mistakes",
                details=mistakes,
            )
            await self._refuse(subject, reply, reason, data)
            return
        namespace = subjects.parse_definitions(subject)
        name = yaml.safe_load(data)["workflow"]
        before = len(self._definitions.get((namespace, name), []))
        version = self.define(data.decode(), namespace)
        await self._say(
            reply, public.Defined(workflow=name, version=version, created=version != before)
        )

    # --- running

    async def _commit(self, run: FakeRun, events: list[ev.Event]) -> None:
        written = [run.append(event, now_us()) for event in events]
        if self._logs:
            await self.publish_log(self.record(run, *(e.seq for e in written)))
        if self.quiet:
            return
        message = public.EventsMessage(
            run=public.RunHead(
                run_id=run.id_text,
                namespace=run.namespace,
                workflow=run.workflow,
                version=run.version,
                status=run.status,
                id=run.key,
            ),
            events=[
                public.PublicEvent(seq=s, type=t, at=rfc3339(at), data=msgspec.Raw(d), step=step)
                for s, t, at, d, step in run.log[written[0].seq - 1 :]
            ],
        )
        subject = subjects.events(run.namespace, run.workflow, run.id_text)
        await self._connection.publish(subject, codec.json_encode(message))
        if run.status in public.CLOSED_STATUSES:
            await self._close(run)

    async def _close(self, run: FakeRun) -> None:
        closed = public.Closed(
            run_id=run.id_text,
            status=run.status,
            started_at=rfc3339(run.log[0][2]),
            closed_at=rfc3339(run.log[-1][2]),
            id=run.key,
            output=msgspec.Raw(run.output if run.status == "completed" else b"null"),
            failure=run.failure,
        )
        subject = subjects.closed(run.namespace, run.workflow, run.status)
        await self._connection.publish(subject, codec.json_encode(closed))

    # --- answers

    async def _ask(self, subject: str, reply: str, _block: bytes, data: bytes) -> None:
        operation = subject.rpartition(".")[2]
        self.asked[operation] = self.asked.get(operation, 0) + 1
        request = json.loads(data)
        try:
            answer = answer_of(operation, request, self.runs, self._definitions)
        except LookupError as error:
            headers = {
                "Nats-Service-Error-Code": error.args[0],
                "Nats-Service-Error": error.args[1],
            }
            await self._connection.publish(reply, b"", headers=headers)
            return
        await self._say(reply, answer)
