"""Routes without a server: what a service answers, and what a person sent, becomes an answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import msgspec
import pytest

from services.gateway.app import make_app
from services.gateway.gate import Gate
from services.gateway.settings import Token
from services.gateway.shield import Guard
from stretto.bus.publisher import Outgoing
from stretto.contracts.answers import RunPage, RunProgress
from stretto.contracts.codec import json_encode
from stretto.contracts.migration import MigrationPage
from stretto.contracts.schedules import Scheduled, ScheduleRequest
from stretto.runtime.errors import NotReachable
from stretto.runtime.health import Health
from tests.unit.client.canned import Answer, CannedBus

RUN = "01a20381-faf1-70e1-bd08-0d995a72ffe4"
API = "/api/v1"
NOBODY_ASKED = Guard([], frozenset({"here"}))


class Handled:
    """Stands for what stores a message and waits for the answer of its handler."""

    def __init__(self, answer: bytes | Exception) -> None:
        self._answer = answer
        self.sent: list[Outgoing] = []

    async def send(self, message: Outgoing) -> bytes:
        self.sent.append(message)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@asynccontextmanager
async def site(
    answers: dict[str, Answer], *, guard: Guard | None = None, handled: Handled | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    bus = cast(Any, CannedBus(answers))
    gate = Gate(bus, bus, guard or NOBODY_ASKED, Health("gateway", "1"))
    if handled is not None:
        gate.answered = cast(Any, handled)
    transport = httpx.ASGITransport(cast(Any, make_app(gate)))
    async with httpx.AsyncClient(transport=transport, base_url="http://here" + API) as http:
        yield http


async def test_how_far_a_run_is_comes_from_monitoring() -> None:
    far = RunProgress(run_id=RUN, workflow="w", status="running", progress=0.25, at="")
    async with site({"monitoring.progress": far}) as http:
        found = await http.get(f"/runs/{RUN}/progress")

    assert (found.status_code, found.json()["progress"]) == (200, 0.25)


async def test_a_profile_of_no_runs_is_not_there() -> None:
    async with site({"monitoring.list": RunPage(runs=[])}) as http:
        found = await http.get("/profile", params={"workflow": "w"})

    assert (found.status_code, found.json()["code"]) == (404, "no_runs")


@pytest.mark.parametrize("limit", [0, 1_000_001])
async def test_migrations_have_a_limit(limit: int) -> None:
    page = MigrationPage(workflow="w", to_version=2, runs=[])
    async with site({"workflow.migrations": page}) as http:
        refused = await http.post("/definitions/w/migrations", json={"limit": limit})
        done = await http.post("/definitions/w/migrations", json={"limit": 1})

    assert (refused.status_code, refused.json()["code"]) == (422, "request_invalid")
    assert (done.status_code, done.json()) == (200, {"migrated": 0, "to_version": 2})


DONE = json_encode(Scheduled(schedule="s", command="apply", revision=1, created=True))


async def test_a_schedule_in_yaml_is_applied_by_who_holds_the_token() -> None:
    handled = Handled(DONE)
    guard = Guard([Token("ada", "secret")], frozenset())
    headers = {"content-type": "application/yaml", "authorization": "Bearer secret"}
    async with site({}, guard=guard, handled=handled) as http:
        done = await http.post("/schedules", content="schedule: s\n", headers=headers)
        wrong = await http.post("/schedules", content=b"\xff", headers=headers)

    asked = msgspec.json.decode(handled.sent[0].data, type=ScheduleRequest)
    assert (done.status_code, asked.by, asked.source) == (201, "ada", "schedule: s\n")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "request_unreadable")


async def test_a_start_that_was_stored_and_not_answered_is_on_its_way() -> None:
    late = NotReachable("client.not_answered", "expected an answer in time")
    away = NotReachable("bus.not_reachable", "expected the bus")
    async with site({}, handled=Handled(late)) as http:
        stored = await http.post("/runs", json={"workflow": "w", "wait": True})
    async with site({}, handled=Handled(away)) as http:
        nowhere = await http.post("/runs", json={"workflow": "w", "wait": True})

    assert stored.status_code == 202
    assert nowhere.status_code == 503
