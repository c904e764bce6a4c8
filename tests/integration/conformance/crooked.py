"""A worker by hand, that keeps the protocol, or breaks one rule of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from stretto.bus.connection import Connection, connect
from stretto.bus.publisher import Publisher
from stretto.conformance import Target
from stretto.contracts import subjects
from stretto.payloads import Carrier

NAME = "crooked"


class Crooked:
    """Speaks core NATS only: messages of the queue are pulled one at a time.

    `fault` names the rule that it breaks; see the tests.
    """

    def __init__(
        self, connection: Connection, publisher: Publisher, target: Target, fault: str
    ) -> None:
        self.connection = connection
        self.publisher = publisher
        self.target = target
        self.fault = fault
        self.carrier = Carrier(connection, publisher)
        self.group: asyncio.TaskGroup
        self.running: dict[str, asyncio.Task[None]] = {}
        self.known: set[str] = set()
        self.inbox = f"_INBOX.{NAME}.{id(self)}"

    async def say(self, subject: str, value: Any) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        await self.connection.publish(subject, data)

    async def stay_present(self) -> None:
        queue, device = self.target.queue, self.target.device
        name = device or NAME
        tasks = ["check.echo", "check.sleep", "check.fail", "check.large"]
        word: Any = {"device": name, "queue": queue, "slots": 5, "busy": 0, "tasks": tasks}
        changes: dict[str, Any] = {
            "other name": {"device": "somebody"},
            "no slots": {"slots": 0},
            "no tasks": {"tasks": []},
            "few tasks": {"tasks": ["check.echo"]},
        }
        word |= changes.get(self.fault, {})
        data = {"presence garbage": b"I am here"}.get(self.fault, json.dumps(word).encode())
        while self.fault != "no presence":
            await self.say(subjects.presence(self.target.namespace, name), data)
            await asyncio.sleep(600 if self.fault == "present once" else 0.3)

    async def pull(self) -> None:
        assert self.target.queue is not None
        consumer = subjects.work_consumer(self.target.namespace, self.target.queue)
        while True:
            ask = b'{"batch":1,"expires":60000000000}'
            subject = f"$JS.API.CONSUMER.MSG.NEXT.STRETTO_WORK.{consumer}"
            await self.connection.publish(subject, ask, reply=self.inbox)
            await self.came.wait()
            self.came.clear()

    def hear(self, _subject: bytes, reply: bytes, _block: bytes, data: bytes) -> None:
        self.came.set()
        self.group.create_task(self.work(reply.decode(), data))

    def addressed(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        self.group.create_task(self.work("", data))

    def withdrawn(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        if self.fault != "not withdrawn":
            for id_ in json.loads(data)["ids"]:
                self.running[id_].cancel()

    async def work(self, ack: str, data: bytes) -> None:
        try:
            tasks = json.loads(data)["tasks"]
            list(tasks)
        except (ValueError, TypeError):
            if self.fault == "dies of garbage":
                self.fault = "dead"
            elif self.fault != "leaves garbage":
                await self.settle(ack, b"+TERM")
            return
        if self.fault == "acknowledges early":
            await self.settle(ack, b"+ACK")
        if self.fault == "first only":
            tasks = tasks[:1]
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                again = task["id"] in self.known
                self.known.add(task["id"])
                if again and self.fault == "forgets duplicates":
                    return
                if not again or self.fault in ("does twice", "answers otherwise"):
                    self.running[task["id"]] = group.create_task(self.attempt(task))
            if ack and self.fault != "lets go":
                await self.settle(ack, b"+WPI")
        if self.fault not in ("never acknowledges", "acknowledges early"):
            await self.settle(ack, b"-NAK" if self.fault == "negative" else b"+ACK")

    async def settle(self, ack: str, word: bytes) -> None:
        if ack:
            await self.say(ack, word)

    async def attempt(self, task: dict[str, Any]) -> None:  # noqa: PLR0912 - a fault each
        reply, id_ = task["reply"], task["id"]
        if self.fault in ("silent", "dead"):
            return
        if self.fault == "replies garbage":
            await self.say(reply, b"done!")
            return
        if self.fault == "babbles":
            await self.say(reply, b"{")
        early = task.get("accept") and self.fault not in ("never accepts", "accepts late")
        for _ in range((2 if self.fault == "accepts twice" else 1) if early else 0):
            await self.say(reply, {"accepted": id_, "worker": NAME})
        result: dict[str, Any] = {"id": id_, "worker": NAME, "status": "completed"}
        result |= {"started_at": "2030-01-01T00:00:00Z", "finished_at": "2030-01-01T00:00:01Z"}
        try:
            result["output"] = await self.output(task)
        except LookupError:
            if self.fault == "ignores unknown":
                return
            result |= {"status": "failed", "failure": {"type": "UnknownTask", "message": "no"}}
        except asyncio.CancelledError:
            if self.fault != "completes withdrawn":
                result |= {"status": "failed", "failure": {"type": "Cancelled", "message": "ok"}}
        except RuntimeError as error:
            if self.fault == "swallows failures":
                return
            result |= {"status": "failed", "failure": {"type": "E", "message": str(error)}}
            if self.fault == "fails without why":
                del result["failure"]
        changes: dict[str, dict[str, Any]] = {
            "nameless": {"worker": None}, "no times": {"started_at": None},
            "odd times": {"started_at": "today"}, "does twice": {"started_at": None},
            "answers otherwise": {"output": len(self.running)},
        }  # fmt: skip
        if self.fault == "answers otherwise":
            self.running[f"n{len(self.running)}"] = self.running[id_]
        await self.say(reply, {"results": [result | changes.get(self.fault, {})]})
        if self.fault == "accepts late":
            await self.say(reply, {"accepted": [id_]})

    async def output(self, task: dict[str, Any]) -> Any:
        name, given = task["task"], task["input"]
        if name == "check.echo":
            if self.fault == "wrong echo":
                return 7
            data = json.dumps(given).encode()
            if self.fault == "no references" and b"$payload" in data:
                raise RuntimeError("what is this?")
            if self.fault == "other reference" and b"$payload" in data:
                return {"text": "z"}
            if self.fault == "nowhere" and b"$payload" in data:
                return {"$payload": "0" * 64, "bytes": 1}
            if self.fault == "lost reference" and b"$payload" in data:
                return {"text": {"$payload": "0" * 64}}
            return json.loads(await self.carrier.receive(data, task["run_id"]))
        if name == "check.sleep":
            if task.get("heartbeat_s") and self.fault != "no heartbeat":
                self.group.create_task(self.beat(task))
            await asyncio.sleep(given["ms"] / 1000)
            return {}
        if name == "check.fail":
            raise RuntimeError("asked to")
        if name == "check.large":
            return await self.large(given["bytes"])
        raise LookupError(name)

    async def large(self, size: int) -> Any:
        if self.fault == "large fails":
            raise RuntimeError("too large")
        if self.fault == "large cut":
            return {"text": "x"}
        if self.fault == "large inline":
            return {"text": "x" * size}
        if self.fault == "large lost":
            return {"text": {"$payload": "0" * 64, "bytes": size}}
        return json.loads(await self.carrier.send(json.dumps({"text": "x" * size}).encode()))

    async def beat(self, task: dict[str, Any]) -> None:
        subject = subjects.progress(self.target.namespace, task["run_id"])
        every = 1.3 if self.fault == "slow heart" else task["heartbeat_s"] / 3
        while not self.running[task["id"]].done():
            await self.say(subject, b"alive" if self.fault == "odd heart" else {"id": task["id"]})
            await asyncio.sleep(every)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        self.came = asyncio.Event()
        queue, device = self.target.queue, self.target.device
        namespace = self.target.namespace
        async with asyncio.TaskGroup() as self.group:
            where = subjects.withdraw(namespace, device or queue or "")
            heard = [await self.connection.subscribe(where, self.withdrawn)]
            tasks = [self.group.create_task(self.stay_present())]
            if device is not None:
                place = subjects.device(namespace, device)
                heard.append(await self.connection.subscribe(place, self.addressed))
            else:
                heard.append(await self.connection.subscribe(self.inbox, self.hear))
                tasks.append(self.group.create_task(self.pull()))
            try:
                yield
            finally:
                for subscription in heard:
                    await self.connection.unsubscribe(subscription)
                for task in [*tasks, *self.running.values()]:
                    task.cancel()


@asynccontextmanager
async def crooked(url: str, target: Target, fault: str) -> AsyncIterator[None]:
    async with (
        await connect(url, NAME) as connection,
        Publisher(connection) as publisher,
        Crooked(connection, publisher, target, fault).working(),
    ):
        yield
