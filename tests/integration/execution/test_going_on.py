"""An attempt says how far it is, and the next one goes on from there, whatever became of it."""

from __future__ import annotations

import json

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
