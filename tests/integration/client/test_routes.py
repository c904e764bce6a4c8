"""Where routed attempts are, asked of services that answer so, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stretto import Client
from stretto.bus.connection import connect
from stretto.bus.service import Refusal, Service
from stretto.client import decisions, explaining
from stretto.client.errors import Rejected
from stretto.contracts.codec import json_encode

RUN = "01a2042f-94ec-713c-9ece-d0e079461e01"
AT = "2026-01-01T00:00:00Z"
BINDINGS = {
    "run_id": RUN, "workflow": "w", "version": 1, "step": "a", "task": "scan", "plan": {},
}  # fmt: skip
ASKED = BINDINGS | {"kind": "task", "asked_at": AT, "asked_seq": 2, "values": []}
NO_ROUTE = Refusal("route_unknown", "expected a route, but there is none")
NOTHING_ASKED = Refusal("decision_unknown", "expected a question, but there is none")
RANKED = {"present": 2, "knowing": 1, "refused": {"the condition is false": 1}}
WAITS = {
    "attempts": [
        {
            "id": f"{RUN}:a:1", "at": "waiting", "since": AT, "ranked": RANKED,
            "reason": "for a device that fits",
        }
    ]
}  # fmt: skip


def cause(step: str, **more: Any) -> dict[str, Any]:
    return {
        "step": step, "cause": "attempt", "attempt": 1, "task": "scan", "since": AT,
        "sentence": "", "routed": True, "unbounded": True,
    } | more  # fmt: skip


@asynccontextmanager
async def answering(url: str, **answers: object) -> AsyncIterator[Client]:
    """A client, and services: `workflow_bindings=…` is what one answers; an error is raised."""

    def saying(answer: object) -> Any:
        async def say(_request: bytes) -> bytes:
            if isinstance(answer, Exception):
                raise answer
            return json_encode(answer)

        return say

    by_service: dict[str, dict[str, Any]] = {}
    for name, answer in answers.items():
        service, operation = name.split("_", 1)
        by_service.setdefault(service, {})[operation] = saying(answer)
    async with (
        await connect(url, "services") as bus,
        asyncio.TaskGroup() as group,
        Client.connect(url) as client,
    ):
        services = [Service(bus, name, handlers) for name, handlers in by_service.items()]
        tasks = [group.create_task(service.run()) for service in services]
        for service in services:
            await service.ready.wait()
        yield client
        for task in tasks:
            task.cancel()


async def test_a_step_may_have_a_question_a_route_or_both(nats_url: str) -> None:
    explained = {"kind": "expression", "took_us": 5}
    async with answering(
        nats_url, workflow_bindings=BINDINGS, workflow_decision=ASKED, decision_explain=explained
    ) as client:
        both = await client.get(RUN).decision("a")
    assert both.asked is not None and both.route is not None and both.waiting is None
    async with answering(
        nats_url, workflow_bindings=NO_ROUTE, workflow_decision=ASKED, decision_explain=explained
    ) as client:
        asked = await client.get(RUN).decision("a")
    assert asked.route is None and asked.explained is not None
    async with answering(
        nats_url,
        workflow_bindings=BINDINGS | {"waiting": f"{RUN}:a:1"},
        workflow_decision=NOTHING_ASKED,
        execution_routed=WAITS,
    ) as client:
        routed = await client.get(RUN).decision("a")
    assert routed.asked is None and routed.route is not None
    assert routed.waiting is not None and routed.waiting.at == "waiting"


async def test_refusals_are_passed_on_and_silence_is_borne(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "ASIDE_TIMEOUT_S", 0.1)
    unknown = Refusal("run_unknown", "expected a run, but there is none")
    async with answering(nats_url, workflow_bindings=unknown) as client:
        with pytest.raises(Rejected, match="expected a run"):
            await client.get(RUN).decision("a")
    async with answering(
        nats_url, workflow_bindings=NO_ROUTE, workflow_decision=NOTHING_ASKED
    ) as client:
        with pytest.raises(Rejected, match="expected a question"):
            await client.get(RUN).decision("a")
    async with answering(nats_url, workflow_decision=NOTHING_ASKED) as client:
        with pytest.raises(Rejected, match="expected a question"):
            await client.get(RUN).decision("a")
    async with answering(
        nats_url,
        workflow_bindings=BINDINGS | {"waiting": f"{RUN}:a:1"},
        workflow_decision=NOTHING_ASKED,
    ) as client:
        assert (await client.get(RUN).decision("a")).waiting is None


async def test_why_a_run_is_open_says_what_an_attempt_with_a_route_waits_for(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explaining, "ASIDE_TIMEOUT_S", 0.3)
    explanation = {
        "run_id": RUN, "workflow": "w", "status": "running",
        "pending": [cause("a"), cause("b", worker="d1"), cause("c")],
    }  # fmt: skip
    on_its_way = {"id": f"{RUN}:c:1", "at": "sent", "since": AT, "device": "d2"}
    async with answering(
        nats_url,
        workflow_explain=explanation,
        execution_routed={"attempts": [*WAITS["attempts"], on_its_way]},
        execution_devices={"devices": []},
        execution_queues={"queues": []},
    ) as client:
        found = await client.get(RUN).explain()
    first, second, third = found["pending"]
    assert first["sentence"] == (
        "Step 'a', attempt 1: it waits for a device that fits (2 present, 1 know 'scan', 0 fit; "
        "1 × the condition is false). It has no timeout: nothing but its result ends it."
    )
    assert first["waits_for"] == "for a device that fits"
    assert "stretto devices" in first["remedy"]
    assert "worker 'd1' began" in second["sentence"]
    assert "sent to d2, which has not accepted it yet" in third["sentence"]
