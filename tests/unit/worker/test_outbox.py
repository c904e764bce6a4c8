"""Results on their way back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from stretto.contracts.codec import decode_results
from stretto.contracts.public import Results, TaskResult
from stretto.runtime.errors import PermanentError, TransientError
from stretto.worker import outbox as limits
from stretto.worker.outbox import Outbox


class Shelf:
    """A store that can be told to fail, and to take its time."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Results]] = []
        self.errors: list[Exception] = []
        self.open = asyncio.Event()
        self.open.set()
        self.asked_ids: list[str | None] = []

    async def publish(self, subject: str, data: bytes, *, msg_id: str | None = None) -> None:
        self.asked_ids.append(msg_id)
        await self.open.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.messages.append((subject, decode_results(data)))


class Office:
    """An outbox with what belongs to it."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self.shelf = Shelf()
        self.stored: list[str] = []
        self.waits: list[float] = []
        self.outbox = Outbox(self.shelf, "w", self.stored.extend, group.create_task, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def sent(self) -> list[list[str]]:
        return [[r.id for r in results.results] for _, results in self.shelf.messages]


@asynccontextmanager
async def office() -> AsyncIterator[Office]:
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        yield Office(group)


def result(id_: str, output: bytes = b"1") -> TaskResult:
    return TaskResult(id=id_, status="completed", output=msgspec.Raw(output))


async def test_what_is_finished_together_goes_together() -> None:
    async with office() as here:
        here.outbox.add("r.1", result("a"))
        here.outbox.add("r.2", result("b"))
        here.outbox.add("r.1", result("c"))
        assert here.outbox.waiting == 3
        await here.outbox.wait_empty()
        assert sorted(here.sent()) == [["a", "c"], ["b"]]
        assert sorted(here.stored) == ["a", "b", "c"]
        assert here.outbox.waiting == 0


async def test_a_result_waits_for_those_that_began_with_it() -> None:
    async with office() as here:
        here.outbox.add("r", result("a"), more_soon=True)
        await asyncio.sleep(0)
        here.outbox.add("r", result("b"), more_soon=True)
        await asyncio.sleep(0)
        assert here.sent() == []
        here.outbox.add("r", result("c"))
        await here.outbox.wait_empty()
        assert here.sent() == [["a", "b", "c"]]


async def test_it_does_not_wait_for_long() -> None:
    async with office() as here:
        here.outbox.add("r", result("a"), more_soon=True)
        await here.outbox.wait_empty()
        here.outbox.add("r", result("b"), more_soon=True)
        await here.outbox.wait_empty()
        assert here.sent() == [["a"], ["b"]]


async def test_what_finishes_meanwhile_gathers_for_the_next_message() -> None:
    async with office() as here:
        here.shelf.open.clear()
        here.outbox.add("r", result("a"))
        await asyncio.sleep(0)
        here.outbox.add("r", result("b"))
        here.outbox.add("r", result("c"))
        assert here.stored == []
        here.shelf.open.set()
        await here.outbox.wait_empty()
        assert here.sent() == [["a"], ["b", "c"]]


async def test_accepted_attempts_are_told_with_the_name_of_the_worker() -> None:
    async with office() as here:
        here.outbox.accept("r", "a")
        await here.outbox.wait_empty()
        here.outbox.accept("r", "b")
        here.outbox.accept("r", "c")
        here.outbox.add("r", result("b"))
        await here.outbox.wait_empty()
        first, second = (results for _, results in here.shelf.messages)
        assert (first.accepted, first.worker) == ("a", "w")
        assert second.accepted == ["b", "c"]
        assert [r.id for r in second.results] == ["b"]
        assert here.stored == ["b"]


async def test_results_are_sent_again_until_they_are_stored() -> None:
    async with office() as here:
        here.shelf.errors = [TransientError("t", "not now") for _ in range(8)]
        here.outbox.add("r", result("a"))
        await here.outbox.wait_empty()
        assert (len(here.shelf.asked_ids), here.stored) == (9, ["a"])
        assert here.waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


async def test_what_is_tried_again_keeps_its_id_and_what_is_answered_again_has_another() -> None:
    async with office() as here:
        here.shelf.errors = [TransientError("t", "not now")]
        for _ in range(2):
            here.outbox.add("r", result("a"))
            await here.outbox.wait_empty()
        failed, stored, answered_again = here.shelf.asked_ids
        assert failed == stored != answered_again


async def test_a_message_of_results_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_RESULTS_A_MESSAGE", 2)
    monkeypatch.setattr(limits, "MAX_MESSAGE_BYTES", 2_000)
    async with office() as here:
        for id_ in "abc":
            here.outbox.add("r", result(id_))
        here.outbox.add("r", result("large", b'"' + b"x" * 3_000 + b'"'))
        here.outbox.add("r", result("small"))
        await here.outbox.wait_empty()
        assert here.sent() == [["a", "b"], ["c"], ["large"], ["small"]]


async def test_full_when_too_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_WAITING", 1)
    async with office() as here:
        here.shelf.open.clear()
        assert not here.outbox.full
        here.outbox.add("r", result("a"))
        assert here.outbox.full
        room = asyncio.ensure_future(here.outbox.wait_room())
        await asyncio.sleep(0)
        assert not room.done()
        here.shelf.open.set()
        await room
        assert not here.outbox.full


async def test_one_that_the_bus_refuses_does_not_hold_up_the_others() -> None:
    async with office() as here:
        refused = PermanentError("bus.message_too_large", "expected a smaller message")
        here.shelf.errors = [refused, refused, refused]
        here.outbox.accept("r", "c")
        here.outbox.add("r", result("a"))
        here.outbox.add("r", result("b"))
        await here.outbox.wait_empty()
        # Together: refused. Then singly: the acceptance refused and dropped, "a" refused and
        # told as a failure, "b" stored.
        assert here.sent() == [["a"], ["b"]]
        failure = here.shelf.messages[0][1].results[0].failure
        assert failure is not None
        assert (failure.type, failure.retryable) == ("TooLarge", False)
        assert sorted(here.stored) == ["a", "b"]
        assert here.outbox.waiting == 0


async def test_a_failure_that_the_bus_refuses_is_given_up() -> None:
    async with office() as here:
        refused = PermanentError("bus.store_refused", "no")
        here.shelf.errors = [refused, refused]
        here.outbox.add("r", result("a"))
        await here.outbox.wait_empty()
        assert (here.sent(), here.stored) == ([], ["a"])
