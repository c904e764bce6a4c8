"""Frames in, frames out, on a real bus."""

import asyncio
import json
import re
from collections import Counter

import msgspec
import nats
import pytest

from services.decision import answering as answering_module
from services.decision.answering import Answering
from stretto.bus.connection import Connection
from stretto.bus.ensure import ensure
from stretto.bus.publisher import Publisher
from stretto.bus.pull import PullLoop
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode, pack
from stretto.contracts.frames import DecidedRecord, DecideFrame, DecideRecord
from stretto.contracts.public import DeadLetter
from stretto.runtime import streams, topology
from stretto.runtime.context import ServiceContext
from stretto.runtime.settings import ServiceSettings
from tests.integration.decision.asking import DEADLINE_S, ECHO, Asker, asks, key_of
from tests.integration.decision.conftest import Decision, decision_service
from tests.unit.decision.plans import failure_of, plan


async def answered(asker: Asker, frame: DecideFrame) -> list[DecidedRecord]:
    await asker.publish(frame)
    keys = [key_of(record) for record in frame.records]
    await asker.read(keys)
    return [asker.answers[key] for key in keys]


async def stats(bus: Connection) -> dict[str, object]:
    reply = await bus.request(subjects.api("decision", "stats"))
    told: dict[str, object] = json.loads(reply.data)
    return told


async def dead_letters(bus: Connection, count: int) -> list[DeadLetter]:
    """Wait for so many dead letters and return them."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            info = json.loads((await bus.request("$JS.API.STREAM.INFO.STRETTO_DLQ")).data)
            if info["state"]["messages"] >= count:
                break
            await asyncio.sleep(0.02)
    found = []
    for number in range(info["state"]["first_seq"], info["state"]["last_seq"] + 1):
        asked = json_encode({"seq": number})
        reply = json.loads((await bus.request("$JS.API.STREAM.MSG.GET.STRETTO_DLQ", asked)).data)
        found.append(
            msgspec.json.decode(
                msgspec.json.decode(json_encode(reply["message"]["data"]), type=bytes),
                type=DeadLetter,
            )
        )
    return found


async def left(bus: Connection) -> tuple[int, int]:
    """Return how many frames wait, and how many are delivered and not acknowledged."""
    name = "$JS.API.CONSUMER.INFO.STRETTO_DECIDE.decision"
    info = json.loads((await bus.request(name)).data)
    return info["num_pending"], info["num_ack_pending"]


async def until_nothing_is_left(bus: Connection) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await left(bus) != (0, 0):  # noqa: ASYNC110 - the server's state
            await asyncio.sleep(0.02)


async def test_every_record_is_answered_on_its_partition(
    decision: Decision, asker: Asker, bus: Connection
) -> None:
    answers = await answered(asker, asks(range(20)))
    assert [answer.output for answer in answers] == [b'{"echo":%d}' % n for n in range(20)]
    for partition, records in asker.frames:
        assert {int.from_bytes(record.run_id, "big") % 4 for record in records} == {partition}
    await until_nothing_is_left(bus)


async def test_a_batch_is_answered_with_one_frame_a_partition(
    nats_url: str, asker: Asker, bus: Connection
) -> None:
    for begin in range(0, 80, 8):
        await asker.publish(asks(range(begin, begin + 8)))
    async with decision_service(nats_url):
        await asker.read([(n.to_bytes(16, "big"), "step", 1) for n in range(80)])
    assert Counter(partition for partition, _ in asker.frames) == {0: 1, 1: 1, 2: 1, 3: 1}


async def test_what_is_no_frame_becomes_a_dead_letter_and_blocks_nothing(
    decision: Decision, asker: Asker, bus: Connection
) -> None:
    await asker.publish(b"\x00not a frame")
    (answer,) = await answered(asker, asks([7]))
    assert answer.output == b'{"echo":7}'
    (letter,) = await dead_letters(bus, 1)
    assert (letter.service, letter.subject) == ("decision", "stretto.decide")
    assert letter.reason.code == "decision.not_a_frame"
    assert letter.excerpt == "\x00not a frame"
    await until_nothing_is_left(bus)
    assert (await stats(bus))["dead_letters"] == 1


async def test_a_record_for_nobody_becomes_a_dead_letter_and_the_others_are_answered(
    decision: Decision, asker: Asker, bus: Connection
) -> None:
    frame = asks([1, 2])
    lost = DecideRecord(b"x" * 16, "lost", 1, 256, 0, (0,))
    await asker.publish(msgspec.structs.replace(frame, records=[*frame.records, lost]))
    await asker.read(key_of(record) for record in frame.records)
    (letter,) = await dead_letters(bus, 1)
    assert letter.reason.code == "decision.no_such_partition"
    assert letter.reason.message.endswith("but got 256")
    await until_nothing_is_left(bus)


async def test_a_record_that_cannot_be_evaluated_does_not_stop_the_others(
    decision: Decision, asker: Asker, bus: Connection
) -> None:
    broken = plan("input", template="${{ ( }}")
    frame = DecideFrame(
        plans=[ECHO, broken],
        values=[b'{"n":1}', b"no json"],
        records=[
            DecideRecord(b"a" * 16, "fine", 1, 0, 0, (0,)),
            DecideRecord(b"b" * 16, "syntax", 1, 0, 1, (0,)),
            DecideRecord(b"c" * 16, "value", 1, 0, 0, (1,)),
            DecideRecord(b"d" * 16, "plan", 1, 0, 9, (0,)),
            DecideRecord(b"e" * 16, "also fine", 1, 0, 0, (0,)),
        ],
    )
    fine, syntax, value, no_plan, also_fine = await answered(asker, frame)
    assert fine.output == also_fine.output == b'{"echo":1}'
    assert [failure_of(answer)[0] for answer in (syntax, value, no_plan)] == [
        "syntax",
        "invalid",
        "plan",
    ]
    assert (await stats(bus))["errors"] == 3


async def test_a_surprise_is_answered_with_an_error_and_logged(
    decision: Decision,
    asker: Asker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    evaluate = answering_module.evaluate

    def surprising(
        plan: object, values: object, record: DecideRecord, devices: object
    ) -> DecidedRecord:
        if record.path == "boom":
            raise RuntimeError("nobody thought of this")
        return evaluate(plan, values, record, devices)  # type: ignore[arg-type]

    monkeypatch.setattr(answering_module, "evaluate", surprising)
    frame = asks([1, 2])
    boom = DecideRecord(b"x" * 16, "boom", 1, 0, 0, (0,))
    frame = msgspec.structs.replace(frame, records=[boom, *frame.records])
    first, *others = await answered(asker, frame)
    code, message = failure_of(first)
    assert code == "internal"
    assert message.startswith("expected to evaluate it, but")
    assert [answer.error for answer in others] == [None, None]
    assert "record could not be decided" in caplog.messages


async def test_expensive_records_give_others_a_turn_and_keep_their_frames(
    decision: Decision, asker: Asker, bus: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering_module, "SLICE_NS", 0)
    monkeypatch.setattr(answering_module, "IN_PROGRESS_NS", 0)
    answers = await answered(asker, asks(range(50)))
    assert all(answer.error is None for answer in answers)
    await until_nothing_is_left(bus)


async def test_it_tells_what_it_did(decision: Decision, asker: Asker, bus: Connection) -> None:
    for _ in range(3):
        await answered(asker, asks(range(10)))
        asker.answers.clear()
    told = await stats(bus)
    assert (told["instance"], told["records"], told["frames"], told["errors"]) == (
        "decision-1",
        30,
        3,
        0,
    )
    assert told["plans"] == {
        "hits": 2,
        "misses": 1,
        "evictions": 0,
        "entries": 1,
        "hit_rate": 0.6667,
    }
    for name in ("record_us", "batch_us", "wait_us"):
        times = told[name]
        assert isinstance(times, dict)
        assert times["count"] > 0
        assert times["p50"] <= times["p99"] < 5_000_000
    assert all(answer.took_us < 5_000_000 for answer in asker.answers.values())
    text = decision.context.metrics.render()
    assert "stretto_decision_records_total 30" in text
    assert "stretto_decision_plan_cache_hits_total 2" in text


async def test_answers_that_no_stream_takes_bury_only_their_frame(
    nats_url: str, asker: Asker, bus: Connection
) -> None:
    async with decision_service(nats_url):
        # given a stream of answers that refuses all but small messages
        small = msgspec.structs.replace(streams.DECIDED, max_message_bytes=2_000)
        await ensure(bus, [small])
        large = plan("input", template=["x" * 3_000, "${{ input.n }}"])
        async with asyncio.TaskGroup() as group:
            group.create_task(asker.publish(asks([1], large)))
            group.create_task(asker.publish(asks([2])))
            group.create_task(asker.publish(asks([3])))
        await asker.read([(n.to_bytes(16, "big"), "step", 1) for n in (2, 3)])
        (letter,) = await dead_letters(bus, 1)
        assert letter.reason.code == "bus.store_refused"
        await until_nothing_is_left(bus)


async def test_what_cannot_be_published_now_is_not_acknowledged(
    decision: Decision, asker: Asker, bus: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """An answering of its own, whose publisher gives up soon, on a bus without answers' stream."""
    given = decision.context
    publisher = Publisher(bus, deadline_s=0.2)
    context = ServiceContext(
        service="decision",
        instance="decision-2",
        settings=given.settings,
        connection=bus,
        publisher=publisher,
        topology=given.topology,
        health=given.health,
        metrics=given.metrics,
        tracer=given.tracer,
        clock=given.clock,
        stopping=asyncio.Event(),
        group=given._group,
    )
    source = topology.Stream(name="TEST", subjects=("test.asks",), retention="workqueue")
    consumer = topology.Consumer(stream="TEST", name="test", ack_wait_s=30)
    await ensure(bus, [source], [consumer])
    large = plan("input", template=["x" * 3_000, "${{ input.n }}"])
    frame = asks([1], large)
    nowhere = msgspec.structs.replace(frame.records[0], partition=250)
    await publisher.publish("test.asks", pack(msgspec.structs.replace(frame, records=[nowhere])))
    await ensure(bus, [msgspec.structs.replace(streams.DECIDED, subjects=("stretto.decided.0",))])
    async with PullLoop(bus, "TEST", "test", 1) as loop:
        messages = await loop.next_batch(timeout_s=DEADLINE_S)
        await Answering(context).take(messages)
        info = json.loads((await bus.request("$JS.API.CONSUMER.INFO.TEST.test")).data)
        assert info["num_ack_pending"] == 1
    assert "frames are left to another delivery" in caplog.messages
    await publisher.close()


async def deliver(nats_url: str, times: int) -> None:
    """Take the one frame that waits and give it back, so that it was delivered so often."""
    async with await nats.connect(nats_url) as client:
        pull = await client.jetstream().pull_subscribe_bind("decision", "STRETTO_DECIDE")
        for _ in range(times):
            (message,) = await pull.fetch(1)
            await message.nak()


async def test_a_frame_that_was_delivered_often_is_taken_apart(
    nats_url: str, asker: Asker, bus: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    await asker.publish(asks(range(3)))
    await deliver(nats_url, answering_module.SUSPECT_DELIVERIES - 1)
    async with decision_service(nats_url):
        await asker.read([(n.to_bytes(16, "big"), "step", 1) for n in range(3)])
        told = await stats(bus)
        await until_nothing_is_left(bus)
    assert (told["frames"], told["records"]) == (3, 3)
    assert "frame is suspected of ending the process" in caplog.messages
    assert all(answer.error is None for answer in asker.answers.values())


async def test_a_single_record_is_suspected_for_a_while_and_then_given_up(
    nats_url: str, asker: Asker, bus: Connection
) -> None:
    await asker.publish(asks([1]))
    await deliver(nats_url, answering_module.SUSPECT_DELIVERIES)
    async with decision_service(nats_url):
        await asker.read([((1).to_bytes(16, "big"), "step", 1)])
    assert asker.answers[(1).to_bytes(16, "big"), "step", 1].output == b'{"echo":1}'

    await asker.publish(asks([2]))
    await deliver(nats_url, answering_module.GIVE_UP_DELIVERIES - 1)
    async with decision_service(nats_url):
        await asker.read([((2).to_bytes(16, "big"), "step", 1)])
        await until_nothing_is_left(bus)
    code, message = failure_of(asker.answers[(2).to_bytes(16, "big"), "step", 1])
    assert code == "crashed"
    # Once more where the last delivery ran out while the service was starting.
    assert re.fullmatch(
        r"expected to evaluate it, but the process ended [78] times meanwhile", message
    )


async def test_texts_that_are_no_utf_8_end_nobody(
    decision: Decision, asker: Asker, bus: Connection
) -> None:
    data = pack(asks([1]))
    run_id = (1).to_bytes(16, "big")
    await asker.publish(data.replace(b"step", b"\xff\xfe\xff\xfe"))
    await asker.publish(data.replace(b"if", b"\xff\xfe").replace(b"input", b"\xff\xfe\xff\xfe\xff"))
    await asker.read([(run_id, "step", 1)])
    assert failure_of(asker.answers[run_id, "step", 1])[0] == "plan"
    (letter,) = await dead_letters(bus, 1)
    assert letter.reason.code == "decision.not_a_frame"


async def test_what_is_no_frame_and_was_delivered_often_is_buried_too(
    nats_url: str, asker: Asker, bus: Connection
) -> None:
    await asker.publish(b"nonsense")
    await deliver(nats_url, answering_module.SUSPECT_DELIVERIES)
    async with decision_service(nats_url):
        (letter,) = await dead_letters(bus, 1)
        await until_nothing_is_left(bus)
    assert letter.reason.code == "decision.not_a_frame"


async def test_a_frame_without_records_is_acknowledged(
    decision: Decision, asker: Asker, bus: Connection
) -> None:
    await asker.publish(DecideFrame([], [], []))
    await until_nothing_is_left(bus)


def test_settings_of_the_service_are_variables() -> None:
    from services.decision.settings import DecisionSettings

    assert issubclass(DecisionSettings, ServiceSettings)
    assert DecisionSettings(decision_batch=3).decision_batch == 3
