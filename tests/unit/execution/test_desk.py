"""A lane's desk on a wire that a test plays: what is sent, and what results say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.execution.core.attempt import State
from services.execution.intake import id_of
from services.execution.results import RESULTS_LINGER_S
from stretto.runtime.errors import PermanentError

from .desks import AWAY, PATIENCE_S, attempt_id, place, rated, record, results
from .given import S

# --- what is sent


async def test_what_is_sent_is_waited_for_until_it_is_stored() -> None:
    async with place() as here:
        await here.take(record("a"))
        await here.sends()
        waiting = asyncio.ensure_future(here.sender.wait_stored())
        await asyncio.sleep(0)
        assert not waiting.done()

        await here.stores()
        await asyncio.wait_for(waiting, PATIENCE_S)
        await here.sender.wait_stored()  # nothing is out: at once

        known = here.desk.core.get(attempt_id("a"))
        assert known is not None and (known.state, known.seq) == (State.OUT, 1)
        assert here.desk.counts.out == 1


async def test_what_the_bus_does_not_take_is_sent_again_and_what_it_never_takes_is_answered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("services.execution.sender.RETRY_SEND_S", 0.0)
    async with place() as here:
        answered: list[tuple[str, str]] = []
        here.sender._answer = lambda attempt, failure: answered.append((attempt.id, failure.type))
        here.wire.refuses = [AWAY]

        await here.take(record("a"))
        await here.sends()
        assert here.wire.sent == []
        await here.sends()
        assert len(here.wire.sent) == 1, "tried once more"

        here.wire.refuses = [PermanentError("bus.too_large", "expected less")]
        await here.take(record("b"))
        await here.sends()
        assert answered == [(attempt_id("b"), "TooLarge")]
        assert caplog.messages == ["work not stored"] * 2


async def test_a_message_that_could_not_be_stored_in_the_end_is_cut_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.execution.sender.RETRY_SEND_S", 0.0)
    async with place() as here:
        await here.take(record("a"))
        await here.sends()

        here.wire.out.pop(0).set_exception(AWAY)
        await here.sends()

        assert len(here.wire.sent) == 2
        assert here.wire.sent[0] == here.wire.sent[1]


async def test_the_rate_of_a_key_lets_the_next_go_when_the_first_is_stored() -> None:
    async with place() as here:
        await here.take(rated("a"), rated("b"))
        await here.sends()
        assert len(here.wire.sent) == 1
        told = here.desk.told_rate(attempt_id("b"))
        assert told is not None and told[1].key == "acme"
        assert [each.waiting for each in here.desk.rates] == [1]
        assert here.desk.told_rate(attempt_id("a")) is None

        await here.stores()
        assert here.desk.rates[0].next_us == S, "from when it was stored"
        await here.clock.advance(1.0)
        here.desk._changed.set()
        await here.sends()

        assert len(here.wire.sent) == 2
        assert here.desk.rates == []


async def test_the_sender_wakes_when_a_rate_lets_something_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with place() as here:
        await here.take(rated("a", per_s=200.0), rated("b", per_s=200.0))
        await here.sends()
        await here.stores()
        here.desk._changed.set()
        await here.sends()
        first = here.sender._wake
        assert first is not None, "it is looked at when its time comes"
        here.desk._changed.set()
        await here.sends()
        assert first.cancelled() and here.sender._wake is not first

        await here.clock.advance(0.005)
        await here.sends()

        assert len(here.wire.sent) == 2


async def test_an_attempt_on_its_way_to_a_device_has_spent_its_token() -> None:
    async with place() as here:
        await here.take(rated("a"), rated("b"))
        await here.sends()
        here.desk._sent_to_device(next(iter(here.desk.core.known)))
        assert here.desk.rates[0].next_us == S

        plain = record("c")
        await here.take(plain)
        known = here.desk.core.get(id_of(plain))
        assert known is not None
        here.desk._sent_to_device(known)
        assert here.desk.rates[0].next_us == S, "it counts for no key"


# --- results


async def test_results_are_noted_wherever_their_attempts_are() -> None:
    async with place() as here:
        await here.take(record("a"), rated("r"), rated("s"))
        await here.sends()
        assert here.desk.told_rate(attempt_id("s")) is not None

        here.results._note(results("a", "s", started_at="2026-01-01T00:00:00Z"))

        assert here.desk.core.get(attempt_id("a")) is None
        assert here.desk.told_rate(attempt_id("s")) is None, "answered by somebody: it waits not"
        assert attempt_id("a") in here.desk._answered


@pytest.mark.parametrize(
    ("finished_at", "samples"),
    [("2026-01-01T00:00:02Z", 1), ("the day after", 0), (None, 0)],
)
async def test_how_long_an_attempt_took_is_learnt_where_its_worker_says_so(
    finished_at: str | None, samples: int
) -> None:
    async with place() as here:
        learnt: list[int] = []
        here.desk.core.learn = lambda _attempt, took_us: learnt.append(took_us)  # type: ignore[method-assign]
        await here.take(record("a"))
        await here.sends()

        here.results._note(results("a", started_at="2026-01-01T00:00:00Z", finished_at=finished_at))

        assert learnt == [2 * S] * samples


async def test_a_sign_of_life_in_either_form_is_heard_and_what_is_no_result_is_not() -> None:
    async with place() as here:
        heard: list[str] = []
        here.desk.core.alive = lambda id_, *_: heard.append(id_)  # type: ignore[method-assign]

        here.results._note(b'{"accepted":"a"}')
        here.results._note(b'{"accepted":["b","c"]}')
        here.results._note(b"{")

        assert heard == ["a", "b", "c"]


async def test_answers_are_not_remembered_for_ever() -> None:
    async with place() as here:
        here.desk._answered.close()
        here.results._note(results("a"))
        assert attempt_id("a") not in here.desk._answered


async def test_results_of_other_lanes_are_heard_while_attempts_are_counted_here() -> None:
    async with place(lanes=2) as here:
        assert here.results.overhears
        task = asyncio.ensure_future(here.results.overhear())
        await asyncio.sleep(0)
        await here.take(record("a"))
        await here.sends()
        [sink] = here.wire.heard

        sink(b"", b"", b"", results("a"))
        assert here.desk.core.get(attempt_id("a")) is not None, "nothing is counted here"

        await here.take(rated("r"))
        sink(b"", b"", b"", results("a"))
        assert here.desk.core.get(attempt_id("a")) is None

        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert here.wire.heard == []


async def test_who_cannot_tell_how_many_results_wait_reads_until_none_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise AWAY

    monkeypatch.setattr("services.execution.results.ask_api", away)
    batches: list[list[Any]] = [[SimpleNamespace(data=results("a"))], []]
    patience: list[float | None] = []
    acknowledged: list[int] = []
    monkeypatch.setattr(
        "services.execution.results.ack_all", lambda messages: acknowledged.append(len(messages))
    )

    async def next_batch(timeout_s: float | None) -> list[Any]:
        patience.append(timeout_s)
        if not batches:
            await asyncio.Event().wait()
        return batches.pop(0)

    @asynccontextmanager
    async def pull(*_: object) -> AsyncIterator[Any]:
        yield SimpleNamespace(next_batch=next_batch)

    async with place() as here:
        cast(Any, here.results._context).pull = pull
        task = asyncio.ensure_future(here.results.run())
        for _ in range(2):
            await asyncio.wait_for(here.clock.until_sleeping(), PATIENCE_S)
            await here.clock.advance(RESULTS_LINGER_S)
        await asyncio.wait_for(here.results.caught_up.wait(), PATIENCE_S)
        task.cancel()

    assert acknowledged == [1, 0]
    assert patience[-1] is None, "from now on there is no hurry"
