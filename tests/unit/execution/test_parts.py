"""What the instances tell one another of their lanes: asked, answered, not understood."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.execution import parts as parts_module
from services.execution.core.attempt import Counts
from services.execution.parts import LaneCounts, Part, Parts, Question
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.runtime.errors import PermanentError


class Bus:
    """Keeps who listens and what was sent; says what it is told to say of sizes."""

    inbox_prefix = "_INBOX"

    def __init__(self) -> None:
        self.sinks: dict[str, Any] = {}
        self.sent: list[bytes] = []
        self.answers: list[bytes] = []
        self.too_large = False

    async def subscribe(self, subject: str, sink: Any) -> str:
        self.sinks[subject] = sink
        return subject

    async def unsubscribe(self, subject: str) -> None:
        del self.sinks[subject]

    async def wait_connected(self) -> None:
        pass

    def check_size(self, _size: int) -> None:
        if self.too_large:
            raise PermanentError("bus.too_large", "expected less")

    def send(self, command: bytes) -> None:
        self.sent.append(command)
        if subjects.PARTS.encode() in command.split(b"\r\n")[0]:
            [sink] = [sink for subject, sink in self.sinks.items() if subject.startswith("_INBOX")]
            for answer in self.answers:
                sink(b"", b"", b"", answer)


def lane(number: int, *, ours: bool) -> Any:
    pool = SimpleNamespace(names=[])
    core = SimpleNamespace(pulses=[], known=[], lines=[], pool=pool)
    router = SimpleNamespace(core={})
    counts = Counts(known=1, unbound=0, held=1, out=0, own=0)
    desk = SimpleNamespace(
        lane=number, core=core, counts=counts, router=router, told_rate=lambda _id: None, rates=[]
    )
    return SimpleNamespace(number=number, desk=desk if ours else None)


def parts_of(bus: Bus, *, ours: tuple[bool, ...]) -> Parts:
    lanes = [lane(number, ours=mine) for number, mine in enumerate(ours)]
    return Parts("here", cast(Any, bus), cast(Any, None), cast(Any, lanes), {})


def part(instance: str, number: int) -> bytes:
    counts = LaneCounts(lane=number, known=2, unbound=0, held=0, out=2, own=0, watched=0)
    return json_encode(Part(instance=instance, lanes=[counts]))


async def test_nobody_is_asked_while_all_lanes_are_ours() -> None:
    bus = Bus()

    [own] = await parts_of(bus, ours=(True, True)).gather(Question())

    assert [each.lane for each in own.lanes] == [0, 1]
    assert bus.sent == []


async def test_the_others_are_asked_until_every_lane_is_heard_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Our own echo is passed over, and what is not understood is said."""
    bus = Bus()
    bus.answers = [b"{", part("here", 0), part("there", 1), part("yonder", 2)]

    found = await parts_of(bus, ours=(True, False, False)).gather(Question())

    assert [each.instance for each in found] == ["here", "there", "yonder"]
    assert caplog.messages == ["part not understood"]
    assert bus.sinks == {}, "nobody listens for more"


async def test_a_lane_that_nobody_answers_for_is_left_out_after_a_while(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(parts_module, "GATHER_S", 0.0)
    bus = Bus()
    caplog.set_level("INFO")

    found = await parts_of(bus, ours=(True, False)).gather(Question())

    assert [each.instance for each in found] == ["here"]
    assert [(r.message, r.__dict__["lane"]) for r in caplog.records] == [
        ("lanes not heard of", [1]),
    ]


async def test_who_asks_is_answered_unless_there_is_nothing_to_tell(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = Bus()
    running = asyncio.create_task(parts_of(bus, ours=(True,)).run())
    idle = parts_of(Bus(), ours=(False,))
    await asyncio.sleep(0)
    asked = bus.sinks[subjects.PARTS]

    asked(b"", b"reply", b"", json_encode(Question()))
    asked(b"", b"reply", b"", json_encode(Question(routed=["gone"])))
    asked(b"", b"", b"", json_encode(Question()))
    idle._asked(b"", b"reply", b"", json_encode(Question()))
    assert len(bus.sent) == 2

    asked(b"", b"reply", b"", b"nonsense")
    bus.too_large = True
    asked(b"", b"reply", b"", json_encode(Question()))
    running.cancel()
    await asyncio.wait([running])

    assert len(bus.sent) == 2
    assert caplog.messages == ["part not given"] * 2
    assert bus.sinks == {}
