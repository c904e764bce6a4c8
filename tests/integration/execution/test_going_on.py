"""An attempt says how far it is, and the next one goes on from there, whatever became of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from stretto import Client, Worker
from stretto.contracts import subjects
from stretto.worker import Context

from ..running import Dev
from .test_wrong_workers import PATIENCE_S, begin, client, puppet
from .world import running

__all__ = ["client"]


async def test_after_a_failure_the_next_attempt_knows_how_far_the_last_one_was(
    client: Client, dev: Dev
) -> None:
    worker = Worker(queue="going-on", url=dev.ready["nats"])

    @worker.task("going-on.do")
    async def do(ctx: Context) -> list[object]:
        if ctx.attempt == 1:
            ctx.heartbeat(details={"row": 1})
            ctx.heartbeat(0.5, details={"row": 700})
            ctx.progress(0.6)
            raise RuntimeError("the line broke")
        if ctx.attempt == 2:
            raise RuntimeError("again, before a word")
        return [ctx.attempt, ctx.details]

    async with running(worker):
        run = await begin(client, "going-on", tries=3)
        assert await run.result(PATIENCE_S) == [3, {"row": 700}]


async def test_after_the_loss_of_a_worker_what_it_said_last_is_known(client: Client) -> None:
    run = await begin(client, "lost-row", "{run: 60s, heartbeat: 1s}", tries=2)
    async with puppet(client, "lost-row") as worker:
        message, lost = await worker.take()
        assert "details" not in lost
        for details in ({"row": 41}, "x" * 20_000, None):
            said = {"id": lost["id"], "details": details} if details else {"id": lost["id"]}
            subject = subjects.progress("default", lost["run_id"])
            await worker.tell(subject, json.dumps(said).encode())
        again, task = await worker.take()
        assert (task["attempt"], task["details"]) == (2, {"row": 41})
        await worker.answer(task, output="went on")
        message.ack()
        again.ack()
        assert await run.result(PATIENCE_S) == "went on"


ROUTED = """\
workflow: stuck-device
steps:
  do:
    task: stuck.do
    timeout: {run: 60s, heartbeat: 1s}
    retry: {max_attempts: 2, interval: 100ms}
    route: {where: "${{ 'stuck' in device.capabilities }}"}
output: "${{ steps.do.output }}"
"""


async def test_an_attempt_that_is_stuck_on_a_device_that_is_there_goes_to_another(
    client: Client, dev: Dev
) -> None:
    bus = client.connection
    presence = {"device": "stuck", "tasks": ["stuck.do"], "capabilities": ["stuck"], "slots": 1}
    tasks: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    withdrawn: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    await bus.subscribe(
        subjects.device("default", "stuck"),
        lambda _s, _r, _b, data: tasks.put_nowait(json.loads(data)["tasks"][0]),
    )
    await bus.subscribe(
        subjects.withdraw("default", "stuck"),
        lambda _s, _r, _b, data: withdrawn.put_nowait(json.loads(data)),
    )

    async def stay() -> None:
        while True:
            await bus.publish(subjects.presence("default", "stuck"), json.dumps(presence).encode())
            await asyncio.sleep(1)

    other = Worker(name="other", capabilities=["stuck"], url=dev.ready["nats"], queue="stuck")

    @other.task("stuck.do")
    async def do(ctx: Context) -> list[object]:
        return [ctx.attempt, ctx.details]

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        staying = group.create_task(stay())
        await client.register(ROUTED)
        run = await client.start("stuck-device")
        task = await tasks.get()
        await bus.publish(task["reply"], json.dumps({"accepted": task["id"]}).encode())
        said = json.dumps({"id": task["id"], "details": {"row": 5}}).encode()
        await bus.publish(subjects.progress("default", task["run_id"]), said)
        async with running(other):
            assert await run.result() == [2, {"row": 5}]
        assert task["id"] in (await withdrawn.get())["ids"]
        staying.cancel()
    (failed,) = [event for event in await run.history() if event.type == "step.failed"]
    assert failed.data["failure"]["type"] == "HeartbeatTimeout"
