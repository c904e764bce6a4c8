"""Signs of life."""

import asyncio

from msgspec import Raw

from stretto.contracts.public import Progress
from stretto.worker.pulse import MIN_INTERVAL_S, Pulse


class Ear:
    def __init__(self) -> None:
        self.heard: list[Progress] = []
        self._changed = asyncio.Event()

    def send(self, progress: Progress) -> None:
        self.heard.append(progress)
        self._changed.set()

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.heard) < count:
                self._changed.clear()
                await self._changed.wait()


async def test_the_first_sign_comes_at_once_and_the_others_in_time() -> None:
    ear, began = Ear(), asyncio.get_running_loop().time()
    pulse = Pulse("a", "w", 0.3, ear.send)
    pulse.start()
    assert ear.heard == [Progress(id="a", worker="w")]
    await ear.wait(4)
    took_s = asyncio.get_running_loop().time() - began
    pulse.stop()
    assert 0.28 < took_s < 0.9
    assert len(ear.heard) == 4


async def test_without_an_interval_it_speaks_only_when_the_handler_does() -> None:
    ear = Ear()
    pulse = Pulse("a", "w", None, ear.send)
    pulse.start()
    assert ear.heard == []
    pulse.say(0.5, "half")
    assert ear.heard == [Progress(id="a", progress=0.5, message="half", worker="w")]
    pulse.stop()
    assert len(ear.heard) == 1


async def test_what_is_said_too_often_is_joined() -> None:
    ear = Ear()
    pulse = Pulse("a", "w", None, ear.send)
    for percent in range(100):
        pulse.say(percent / 100, None)
    assert [p.progress for p in ear.heard] == [0.0]
    await ear.wait(2)
    assert [p.progress for p in ear.heard] == [0.0, 0.99]


async def test_what_is_said_comes_before_the_next_regular_sign() -> None:
    ear, loop = Ear(), asyncio.get_running_loop()
    pulse = Pulse("a", "w", 60.0, ear.send)
    pulse.start()
    began = loop.time()
    pulse.say(0.1, None)
    pulse.say(0.2, None)
    await ear.wait(2)
    assert loop.time() - began < MIN_INTERVAL_S * 10
    assert ear.heard[1].progress == 0.2
    pulse.stop()


async def test_the_last_word_is_sent_at_the_end() -> None:
    ear = Ear()
    pulse = Pulse("a", "w", None, ear.send)
    pulse.say(0.9, None)
    pulse.say(1.0, "done")
    pulse.stop()
    assert [p.progress for p in ear.heard] == [0.9, 1.0]
    pulse.stop()
    assert len(ear.heard) == 2


async def test_what_to_go_on_from_is_sent_when_it_is_new_and_kept() -> None:
    ear = Ear()
    pulse = Pulse("a", "w", None, ear.send)
    pulse.say(None, None, Raw(b"1"))
    pulse.say(0.5, None)
    pulse.say(None, None, Raw(b"2"))
    pulse.stop()
    assert [bytes(said.details) for said in ear.heard] == [b"1", b"2"]
    assert bytes(pulse.details) == b"2"
