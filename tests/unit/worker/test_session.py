"""What a worker's session does while the bus does not take what it says."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from stretto.contracts.codec import json_encode
from stretto.contracts.payload import NULL
from stretto.contracts.public import Presence, Task
from stretto.runtime.errors import TransientError
from stretto.testkit.clock import FakeClock
from stretto.worker import session as module
from stretto.worker.attendance import Profile
from stretto.worker.ledger import Delivery
from stretto.worker.session import Session

AWAY = TransientError("bus.away", "expected the bus, but it is away")


class Bus:
    """A connection, and a publisher, that take nothing."""

    name = "test"
    inbox_prefix = "_INBOX"
    is_connected = True
    is_closed = False

    def __init__(self) -> None:
        self.told: list[Presence] = []

    def on_change(self, **_: object) -> Any:
        return lambda: None

    async def publish(self, *_: object, **__: object) -> None:
        raise AWAY

    async def publish_many(self, _messages: object) -> None:
        raise AWAY


def session(bus: Bus) -> Session:
    profile = Profile(
        name="w",
        namespace="default",
        queue="q",
        slots=2,
        handlers={},
        capabilities=(),
        attributes={},
        labels={},
        resources={},
        drain_timeout_s=0.01,
    )
    return Session(profile, cast(Any, bus), cast(Any, bus), FakeClock(), cast(Any, None))


def task(number: int) -> Task:
    id_ = f"r:a:{number}"
    return Task(id=id_, run_id="r", step="a", attempt=number, task="t", input=NULL, reply="here")


async def test_presence_that_cannot_be_said_is_said_again_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = Bus()
    of = session(bus)._attendance

    await of.say(gone=False)
    bus.is_connected = False
    await of.say(gone=False)

    assert caplog.messages == ["presence not sent"]


async def test_a_dead_letter_that_is_not_stored_leaves_the_message_to_come_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    acknowledged: list[str] = []
    message = SimpleNamespace(
        subject="stretto.work.default.q",
        data=b"{",
        headers={},
        ack=lambda: acknowledged.append("ack"),
        deliveries=1,
        stream="STRETTO_WORK",
        stream_seq=1,
        consumer="work-default-q",
        timestamp_ns=1,
    )

    await session(Bus())._refuse(cast(Any, message), ValueError("no JSON"))

    assert caplog.messages == ["dead letter", "dead letter not stored"]
    assert acknowledged == []


async def test_an_attempt_that_waits_here_is_withdrawn_without_having_begun(
    caplog: pytest.LogCaptureFixture,
) -> None:
    of = session(Bus())
    of._ledger.take(Delivery(None), [task(1), task(2)])

    of._withdrawn(b"", b"", b"", json_encode({"ids": ["r:a:1", "r:z:9"]}))
    of._withdrawn(b"", b"", b"", b"{")

    first, second = of._ledger.next(), of._ledger.next()
    assert first is not None and first.withdrawn
    assert second is not None and not second.withdrawn
    assert caplog.messages == ["withdrawal not understood"]


async def test_a_slot_that_is_free_asks_for_nothing_while_results_wait_to_be_stored() -> None:
    of = session(Bus())
    asked: list[int] = []
    of._pull = cast(Any, SimpleNamespace(set_capacity=asked.append))
    for full in (True, False):
        of._outbox = cast(Any, SimpleNamespace(full=full))
        of._freed()

    assert asked == [2]  # messages: there are two free slots
    assert of._quiet.is_set()


async def test_results_that_cannot_be_stored_at_the_end_are_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STORE_TIMEOUT_S", 0.01)
    of = session(Bus())
    given_back: list[str] = []

    async def never() -> None:
        raise TimeoutError

    of._outbox = cast(Any, SimpleNamespace(full=False, wait_empty=never))
    monkeypatch.setattr(
        module,
        "messages_of",
        lambda _open: [SimpleNamespace(give_back=lambda: given_back.append("message"))],
    )

    await of._drain()

    assert caplog.messages == ["results not stored at the end", "presence not sent"]
    assert given_back == ["message"]


async def test_an_attempt_that_runs_is_stopped_when_it_is_withdrawn() -> None:
    of, stopped = session(Bus()), list[str]()
    of._ledger.take(Delivery(None), [task(1)])
    attempt = of._ledger.next()
    assert attempt is not None
    attempt.runner = cast(Any, SimpleNamespace(stop=stopped.append))

    of._withdrawn(b"", b"", b"", json_encode({"ids": ["r:a:1"]}))

    assert stopped == ["withdrawn"]
