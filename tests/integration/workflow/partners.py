"""Who works with the workflow service in a test: decision answers, execution with a script."""

import asyncio
import json
from collections import deque
from collections.abc import Callable

from services.decision.core.evaluate import FrameValues, evaluate
from services.decision.core.plans import PlanCache
from stretto.bus.connection import Connection
from stretto.contracts import subjects
from stretto.contracts.codec import pack, unpack_decide, unpack_dispatch
from stretto.contracts.frames import (
    DecidedFrame,
    DecidedRecord,
    DecideRecord,
    DispatchRecord,
    WithdrawRecord,
)
from stretto.contracts.ids import AttemptId

Answer = Callable[[DispatchRecord], object]
"""What a task gives; raises `Fails` for a failure, `Silent` for no answer at all."""


class Fails(Exception):
    """The worker's failure: the fields of a `Failure`."""

    def __init__(self, **failure: object) -> None:
        super().__init__(failure)
        self.failure = failure


class Silent(Exception):
    """The worker does not answer."""


def echo(record: DispatchRecord) -> object:
    return json.loads(record.input)


def attempt_of(record: DispatchRecord) -> str:
    return str(AttemptId(record.run_id, record.path, record.attempt))


class Decision:
    """Answers `stretto.decide` with the real core of the decision service; or does not."""

    def __init__(self, bus: Connection) -> None:
        self._bus = bus
        self._plans = PlanCache()
        self.asked: list[DecideRecord] = []
        self.losing = 0
        """So many frames are lost from now on."""

    async def open(self) -> None:
        await self._bus.subscribe(subjects.decide(), self._frame, queue="decision")

    def _frame(self, _subject: bytes, _reply: bytes, _headers: bytes, data: bytes) -> None:
        frame = unpack_decide(data)
        self.asked += frame.records
        if self.losing:
            self.losing -= 1
            return
        values = FrameValues(frame.values)
        answers: dict[int, list[DecidedRecord]] = {}
        for record in frame.records:
            plan = self._plans.get(frame.plans[record.plan])
            answers.setdefault(record.partition, []).append(evaluate(plan, values, record))
        for partition, records in answers.items():
            self._bus.send(_pub(subjects.decided(partition), pack(DecidedFrame(records))))


class Execution:
    """Takes dispatches and answers each by the script of its task; a task without one echoes."""

    def __init__(self, bus: Connection) -> None:
        self._bus = bus
        self.tasks: dict[str, Answer] = {}
        self.dispatched: list[DispatchRecord] = []
        self.withdrawn: list[WithdrawRecord] = []
        self.held: deque[DispatchRecord] = deque()
        self._some = asyncio.Event()

    async def open(self) -> None:
        await self._bus.subscribe("stretto.dispatch.*", self._frame, queue="execution")

    def _frame(self, _subject: bytes, _reply: bytes, _headers: bytes, data: bytes) -> None:
        frame = unpack_dispatch(data)
        self.dispatched += frame.records
        self.withdrawn += frame.withdrawn
        for record in frame.records:
            try:
                output = self.tasks.get(record.task, echo)(record)
            except Silent:
                self.held.append(record)
            except Fails as failed:
                self.answer(record, status="failed", failure=failed.failure)
            else:
                self.answer(record, output=output)
        self._some.set()

    def answer(self, record: DispatchRecord, **result: object) -> None:
        """Send the result of an attempt."""
        told = {"id": attempt_of(record), "status": "completed", "worker": "w-1", **result}
        self.say(record.partition, json.dumps({"results": [told]}).encode())

    def say(self, partition: int, data: bytes) -> None:
        """Send anything as a result."""
        self._bus.send(_pub(subjects.results(partition), data))

    def of(self, path: str) -> list[DispatchRecord]:
        """The dispatches of a step so far."""
        return [record for record in self.dispatched if record.path == path]


def silent(_record: DispatchRecord) -> object:
    raise Silent


def _pub(subject: str, data: bytes) -> bytes:
    return b"PUB %b %d\r\n%b\r\n" % (subject.encode(), len(data), data)
