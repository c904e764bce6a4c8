"""Workers that do wrong, beside the whole product: each has a defined answer, and no run is hurt
but by what was said of its own attempts (docs/protocol.md, "What becomes of wrong answers")."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stretto import Client, Worker
from stretto.bus.connection import Connection
from stretto.bus.ensure import ensure
from stretto.bus.message import Message
from stretto.bus.publisher import Publisher
from stretto.bus.pull import PullLoop
from stretto.client import RunFailed
from stretto.contracts import subjects
from stretto.contracts.ids import run_id_text, uuid7
from stretto.contracts.public import Presence
from stretto.runtime.topology import work_consumer

from ..running import Dev
from .world import running

PATIENCE_S = 60.0
FLOOD = 3_000

STEP = """\
workflow: {name}
steps:
  do:
    task: {name}.do
    queue: {name}
    timeout: {timeout}
    retry: {{max_attempts: {tries}, interval: 100ms}}
output: "${{{{ steps.do.output }}}}"
"""

ROUTED = """\
workflow: lying-device
steps:
  do:
    task: lying.scan
    retry: {max_attempts: 3, interval: 100ms}
    route: {where: "${{ 'scanner' in device.capabilities && device.labels.ring == 'liar' }}"}
output: "${{ steps.do.output }}"
"""


class Puppet:
    """A worker that does what it is told, with nothing but the bus; hears what is refused."""

    def __init__(self, connection: Connection, publisher: Publisher, loop: PullLoop) -> None:
        self.connection = connection
        self.publisher = publisher
        self._loop = loop
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._changed = asyncio.Condition()

    async def take(self) -> tuple[Message, dict[str, Any]]:
        """The next work message, of one task."""
        async with asyncio.timeout(PATIENCE_S):
            while not (messages := await self._loop.next_batch(timeout_s=1.0)):
                continue
        (message,) = messages
        (task,) = json.loads(message.data)["tasks"]
        return message, task

    async def answer(self, task: dict[str, Any], **more: Any) -> None:
        result = {"id": task["id"], "status": "completed", "worker": "puppet", **more}
        await self.say(task["reply"], json.dumps({"results": [result]}).encode())

    async def say(self, subject: str, data: bytes) -> None:
        await self.publisher.publish(subject, data)

    async def tell(self, subject: str, data: bytes) -> None:
        """Over core NATS."""
        await self.connection.publish(subject, data)

    def hear(self, subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        self.heard.append((subject.decode(), json.loads(data)))

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110 - nobody signals it
                await asyncio.sleep(0.02)

    def refused(self, code: str, id_: str) -> int:
        """How many answers for an attempt were refused with a code."""
        return sum(
            subject.startswith("stretto.rejected.")
            and said["reason"]["code"] == code
            and id_ in json.dumps(said["request"])
            for subject, said in self.heard
        )


@asynccontextmanager
async def puppet(client: Client, queue: str) -> AsyncIterator[Puppet]:
    connection = client.connection
    consumer = work_consumer("default", queue)

    async def make() -> None:
        await ensure(connection, (), [consumer])

    await make()
    async with (
        Publisher(connection) as publisher,
        PullLoop(connection, consumer.stream, consumer.name, batch=1, on_missing=make) as loop,
    ):
        made = Puppet(connection, publisher, loop)
        heard = [
            await connection.subscribe(subject, made.hear)
            for subject in ("stretto.rejected.default", "stretto.dlq.workflow")
        ]
        yield made
        for subscription in heard:
            await connection.unsubscribe(subscription)


@pytest.fixture
async def client(dev: Dev) -> AsyncIterator[Client]:
    async with Client.connect(dev.ready["nats"]) as made:
        yield made


async def begin(client: Client, name: str, limits: str = "{run: 60s}", tries: int = 1) -> Any:
    await client.register(STEP.format(name=name, timeout=limits, tries=tries))
    return await client.start(name)


async def test_of_several_answers_the_first_counts_whoever_gives_them(client: Client) -> None:
    run = await begin(client, "twice")
    async with puppet(client, "twice") as worker:
        message, task = await worker.take()
        await worker.answer(task, output="first", worker="another")
        assert await run.result(PATIENCE_S) == "first"
        await worker.answer(task, output="second")
        await worker.answer(task, status="failed", failure={"type": "Late", "message": "late"})
        await worker.until(lambda: worker.refused("run_closed", task["id"]) == 2)
        message.ack()
    assert await run.result(PATIENCE_S) == "first"


async def test_answers_for_attempts_that_are_not_out_change_nothing(client: Client) -> None:
    run = await begin(client, "strangers")
    nobody = run_id_text(uuid7(1_700_000_000_000, b"nobody"))
    async with puppet(client, "strangers") as worker:
        message, task = await worker.take()
        never, unknown = f"{task['run_id']}:do:99", f"{task['run_id']}:nothing:1"
        for id_ in (f"{nobody}:do:1", never, unknown):
            await worker.answer(task, id=id_, output="wrong")
        await worker.until(lambda: worker.refused("run_unknown", nobody))
        await worker.until(lambda: worker.refused("attempt_not_open", never))
        await worker.until(lambda: worker.refused("attempt_not_open", unknown))
        await worker.answer(task, output="right")
        message.ack()
        assert await run.result(PATIENCE_S) == "right"


async def test_an_answer_that_is_no_json_is_a_dead_letter_and_its_attempt_goes_on(
    client: Client,
) -> None:
    run = await begin(client, "garbled")
    async with puppet(client, "garbled") as worker:
        message, task = await worker.take()
        garbled = b'{"results": [{"id": "%b", "output": {nonsense' % task["id"].encode()
        await worker.say(task["reply"], garbled)
        await worker.until(lambda: [s for s, _ in worker.heard if s.startswith("stretto.dlq.")])
        await worker.answer(task, output="readable")
        message.ack()
        assert await run.result(PATIENCE_S) == "readable"


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("deep", "[" * 80 + "]" * 80),
        ("lost", json.dumps({"$payload": "0" * 64, "bytes": 300_000})),
    ],
)
async def test_an_output_that_cannot_be_kept_fails_its_attempt(
    client: Client, name: str, output: str
) -> None:
    run = await begin(client, f"output-{name}")
    async with puppet(client, f"output-{name}") as worker:
        message, task = await worker.take()
        await worker.answer(task, output=json.loads(output))
        message.ack()
        with pytest.raises(RunFailed, match=r"nested|payload"):
            await run.result(PATIENCE_S)


async def test_who_takes_work_and_never_answers_is_answered_for(client: Client) -> None:
    run = await begin(client, "silent", "{run: 60s, heartbeat: 1s}", tries=2)
    async with puppet(client, "silent") as worker:
        message, lost = await worker.take()
        await worker.say(lost["reply"], json.dumps({"accepted": lost["id"]}).encode())
        again, task = await worker.take()
        assert (lost["attempt"], task["attempt"]) == (1, 2)
        await worker.answer(lost, output="too late")
        await worker.until(lambda: worker.refused("attempt_not_open", lost["id"]))
        await worker.answer(task, output="in time")
        message.ack()
        again.ack()
        assert await run.result(PATIENCE_S) == "in time"


async def test_a_flood_of_nonsense_holds_up_nobody(client: Client, dev: Dev) -> None:
    run = await begin(client, "flooded")
    nobody = run_id_text(uuid7(1_700_000_000_000, b"flood"))
    async with puppet(client, "flooded") as worker:
        message, task = await worker.take()
        for number in range(FLOOD):
            strange = {"results": [{"id": f"{nobody}:do:{number + 1}", "status": "completed"}]}
            await worker.tell(task["reply"], json.dumps(strange).encode())
            await worker.tell(subjects.progress("default", nobody), b'{"id": 7}')
            await worker.tell(subjects.presence("default", f"w{number % 7}"), b'{"slots": -1}')
        await worker.answer(task, output="done")
        message.ack()
        assert await run.result(PATIENCE_S) == "done"
        assert not any(device.device.startswith("w") for device in await client.devices())


async def test_who_says_that_it_has_more_slots_than_it_has_keeps_work_from_nobody(
    client: Client, dev: Dev
) -> None:
    boaster = Presence(device="boaster", queue="boasting", tasks=["boasting.do"], slots=90_000)
    honest = Worker(queue="boasting", url=dev.ready["nats"], slots=2, name="honest")

    @honest.task("boasting.do")
    async def do() -> str:
        return "honest"

    said = json.dumps({"device": "boaster", "queue": "boasting", "tasks": boaster.tasks})
    async with puppet(client, "elsewhere") as worker:
        await worker.tell(
            subjects.presence("default", "boaster"), said[:-1].encode() + b', "slots": 90000}'
        )
        runs = [await begin(client, "boasting") for _ in range(20)]
        async with running(honest):
            assert [await run.result(PATIENCE_S) for run in runs] == ["honest"] * 20


async def test_a_device_that_cannot_do_what_it_says_fails_and_another_gets_the_retry(
    client: Client, dev: Dev
) -> None:
    url = dev.ready["nats"]
    can = {"capabilities": ["scanner"], "labels": {"ring": "liar"}, "url": url, "queue": "lying"}
    liar, honest = Worker(name="liar", **can), Worker(name="honest-scanner", slots=50, **can)

    @liar.task("lying.scan")
    async def cannot() -> str:
        raise RuntimeError("there is no scanner here")

    @honest.task("lying.scan")
    async def scan() -> str:
        return "scanned"

    async with running(liar):
        await client.register(ROUTED)
        run = await client.start("lying-device")
        async with asyncio.timeout(PATIENCE_S):
            async for event in run.events():
                if event.type == "step.failed":
                    break
        async with running(honest):
            assert await run.result(PATIENCE_S) == "scanned"
