"""Starts of one round: those of one id are one run, and what cannot be read is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec

from services.workflow.claims import Claim, Place
from services.workflow.core import Rejection
from services.workflow.core.commands import Start
from services.workflow.payloads import BadPayload
from services.workflow.registry import Registered
from services.workflow.rows import RunRow
from services.workflow.starts import Existing, Starts
from stretto.contracts.frames import ForkRecord, StartRecord
from stretto.contracts.graph import Concurrency
from stretto.testkit.clock import FakeClock

from .builders import RUN_ID, Story, graph, task
from .test_requests_corners import ROW, start
from .test_shell_corners import events_of
from .test_shell_faults import refers

ONE_AT_A_TIME = Concurrency(key=msgspec.Raw(b'"one"'), limit=1, when_full="reject")
FIRST, SECOND = b"1" * 16, b"2" * 16


class Round(Starts):
    """Starts of one workflow, with everything that they ask."""

    def __init__(self, *, places: str = "placed", payload: Exception | None = None) -> None:
        fakes = cast(Any, self)
        super().__init__(fakes, fakes, fakes, fakes, FakeClock(), fakes)
        self.places, self.payload = places, payload
        self.plan = graph(task("a"))
        self.slots: dict[bytes, Any] = {}
        self.aside: set[bytes] = set()

    def has_ended(self, _run_id: bytes) -> bool:
        return False

    async def look_for_ended(self, _run_ids: object) -> None:
        return None

    def sample(self, *_: object) -> None:
        return None

    async def open_by_caller_id(self, _keys: object) -> dict[Any, Any]:
        return {}

    async def find(self, *_: object) -> Registered:
        return Registered(self.plan)

    async def enter(self, claims: list[Claim], _now_us: int) -> dict[bytes, Place]:
        return {claim.run_id: Place(self.places, [RUN_ID]) for claim in claims}

    async def resolve(self, *_: object) -> bytes:
        assert self.payload is not None
        raise self.payload

    async def accept(self, *_: object) -> None:
        await self.resolve()

    async def runs(self, _run_ids: object) -> list[RunRow]:
        return [ROW]

    async def events_of(self, run_ids: list[bytes]) -> dict[bytes, Any]:
        story = Story(self.plan).complete("a", refers(b'"large"'))
        return {run_ids[0]: events_of(story)}

    async def becomes(self, *items: StartRecord) -> list[Any]:
        prepared = await self.prepare(list(items), cast(Any, self))
        return [prepared[id(item)] for item in items]

    async def graph_of(self, *_: object) -> Any:
        return self.plan


MISSING = BadPayload("payload_missing", "expected it to be in the object store, but it is not")


async def test_two_starts_of_one_id_in_one_round_are_one_run() -> None:
    first, second = await Round().becomes(start(FIRST, id="x"), start(SECOND, id="x"))

    assert isinstance(first, Start)
    assert second == Existing(FIRST, 1)


async def test_two_starts_of_one_id_are_refused_together_where_there_is_no_place() -> None:
    starts = Round(places="full")
    starts.plan = graph(task("a"), concurrency=ONE_AT_A_TIME)

    first, second = await starts.becomes(start(FIRST, id="x"), start(SECOND, id="x"))

    assert isinstance(first, Rejection)
    assert first.code == "concurrency_full"
    assert second == first


async def test_an_input_that_is_not_to_be_had_is_refused() -> None:
    [refused] = await Round(payload=MISSING).becomes(start(FIRST, input=refers(b'"large"')))

    assert refused == Rejection(code=MISSING.code, message=MISSING.message)


async def test_a_fork_whose_payloads_are_not_to_be_had_is_refused() -> None:
    starts = Round(payload=MISSING)
    starts._registry = cast(Any, SimpleNamespace(find=starts.find, graph=starts.graph_of))

    [refused] = await starts.becomes(start(FIRST, fork=ForkRecord(RUN_ID)))

    assert refused == Rejection(code=MISSING.code, message=MISSING.message)
