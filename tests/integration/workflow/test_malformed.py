"""What cannot be understood, and values that cannot be stored: answered, and nobody else harmed."""

import json

import msgspec
import pytest

from stretto.contracts import subjects
from stretto.contracts.codec import pack
from stretto.contracts.frames import (
    ControlRecord,
    DecidedFrame,
    DecidedRecord,
    GrantRecord,
    InboxFrame,
    StartRecord,
)
from stretto.contracts.ids import parse_run_id, run_id_text, uuid7
from tests.integration.workflow.definitions import ONE, TWO, WAITS
from tests.integration.workflow.partners import attempt_of, silent
from tests.integration.workflow.world import World, until

UNKNOWN = run_id_text(uuid7(1_700_000_000_000, b"unknown"))


def forwarded(
    *, run_id: bytes = b"r" * 16, workflow: str = "one", parent: str | None = None
) -> StartRecord:
    return StartRecord(run_id, "default", workflow, None, None, b"{}", {}, 1, parent=parent)


MALFORMED = [
    ("stretto.start.default.one", b"not json"),
    ("stretto.start.default.one", b'{"input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ("stretto.start.default.one", b'{"input": ' + b"[" * 100 + b"]" * 100 + b"}"),
    ("stretto.start.default.one", b'{"input": "' + b"x" * (1024 * 1024) + b'"}'),
    ("stretto.start.default.one", b'{"more": "' + b"x" * (3 * 1024 * 1024) + b'"}'),
    ("stretto.start.default.one", b'{"input": {"a": "\\ud800"}}'),
    ("stretto.start.default.one", b'{"run_id": "nobody"}'),
    ("stretto.start.default.one", b'{"parent": "nobody"}'),
    ("stretto.start.default.one", b'{"id": ""}'),
    ("stretto.start.default.one", b'{"id": "%s"}' % (b"x" * 300)),
    ("stretto.start.default.one", b'{"labels": {"": "x"}}'),
    (
        "stretto.start.default.one",
        json.dumps({"labels": {str(n): "" for n in range(40)}}).encode(),
    ),
    ("stretto.start.default.ONE", b"{}"),
    ("stretto.control.default.nobody", b'{"command": "cancel"}'),
    ("stretto.start.default.one", b'{"fork": {"run_id": "%s", "at_seq": 0}}' % UNKNOWN.encode()),
    (
        "stretto.start.default.one",
        b'{"fork": {"run_id": "%s", "at_seq": %d}}' % (UNKNOWN.encode(), 2**70),
    ),
    (f"stretto.control.default.{UNKNOWN}", b'{"command": "migrate", "version": %d}' % (2**40,)),
    (f"stretto.control.default.{UNKNOWN}", b'{"command": "migrate", "version": 0}'),
    (f"stretto.control.default.{UNKNOWN}", b"[]"),
    (f"stretto.control.default.{UNKNOWN}", b'{"command": "%s"}' % (b"x" * 300)),
    (
        f"stretto.control.default.{UNKNOWN}",
        b'{"command": "signal", "payload": ' + b"[" * 100 + b"]" * 100 + b"}",
    ),
    (f"stretto.control.default.{UNKNOWN[:-2]}--", b'{"command": "signal", "name": "go"}'),
    ("stretto.start.default.one", b'{"run_id": "%b  "}' % UNKNOWN[:-2].encode()),
    ("stretto.start.default.one", b'{"input": [%b]}' % b",".join([b"1e130000"] * 300)),
]


async def test_malformed_requests_are_answered_and_go_to_the_dead_letters(world: World) -> None:
    await world.define(ONE)

    answers = [await world.ask(subject, data) for subject, data in MALFORMED]

    assert {a["rejected"]["code"] for a in answers} == {"message_unreadable"}
    await until(lambda: len(world.dead()) == len(MALFORMED))
    assert [d["subject"] for d in world.dead()] == [subject for subject, _ in MALFORMED]
    told = [a["rejected"]["message"] for a in answers]
    assert any(each.startswith("expected JSON, but it is none: ") for each in told)
    assert [d["reason"]["message"] for d in world.dead()] == told
    assert world.rejected() == ["message_unreadable"] * len(MALFORMED)
    run = await world.start("one")  # nothing is blocked
    await world.status(run, "completed")


async def test_malformed_frames_go_to_the_dead_letters_and_block_nothing(world: World) -> None:
    await world.define(ONE)
    wanted = {f"stretto.{k}.{p}" for k in ("results", "decided", "inbox") for p in range(2)}

    for subject in wanted:
        await world.publisher.publish(subject, b"\xff\xfe no frame")

    await until(lambda: {d["subject"] for d in world.dead()} == wanted)
    assert {d["reason"]["code"] for d in world.dead()} == {"message_unreadable"}
    run = await world.start("one")
    await world.status(run, "completed")


NOBODY = parse_run_id(UNKNOWN)
NO_TEXT = b"\xff\xfe\xff"

HOSTILE_FRAMES = {
    "no_utf_8": ("inbox", pack(InboxFrame([], [ControlRecord(NOBODY, "abc", b"{}", 0)]))),
    "parent": ("inbox", pack(InboxFrame([forwarded(parent="x:y:1")], []))),
    "names": ("inbox", pack(InboxFrame([forwarded(workflow="a.b")], []))),
    "start_of": ("inbox", pack(InboxFrame([forwarded(run_id=b"short")], []))),
    "control_of": ("inbox", pack(InboxFrame([], [ControlRecord(b"", "d", b"{}", 0)]))),
    "grant_to": ("inbox", pack(InboxFrame([], [], [GrantRecord(b"short", "")]))),
    "decided_of": ("decided", pack(DecidedFrame([DecidedRecord(b"short", "do", 1)]))),
    "decided_no_utf_8": ("decided", pack(DecidedFrame([DecidedRecord(NOBODY, "abc", 1)]))),
    "results_no_utf_8": ("results", b'{"results":[{"id":"abc","status":"completed"}]}'),
}


@pytest.mark.parametrize("kind", HOSTILE_FRAMES)
async def test_a_frame_that_nobody_of_ours_has_written_ends_nobody(world: World, kind: str) -> None:
    await world.define(ONE)
    place, data = HOSTILE_FRAMES[kind]

    for partition in range(2):
        data = data.replace(b"abc", NO_TEXT)
        await world.publisher.publish(f"stretto.{place}.{partition}", data)

    await until(lambda: len(world.dead()) == 2)
    run = await world.start("one")
    await world.status(run, "completed")


async def test_a_forwarded_frame_with_a_control_that_is_none_is_a_dead_letter(world: World) -> None:
    frame = InboxFrame([], [ControlRecord(parse_run_id(UNKNOWN), "default", b"[]", 0)])

    await world.publisher.publish(subjects.inbox(0), pack(frame))

    await until(lambda: [d["subject"] for d in world.dead()] == ["stretto.inbox.0"])


async def test_one_bad_id_of_a_results_message_does_not_spoil_the_others(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    run = await world.start("one")
    await until(lambda: world.execution.held)
    record = world.execution.held.popleft()
    results = [{"id": bad, "status": "completed"} for bad in ("nobody", f"{UNKNOWN}:do:x")]
    results.append({"id": attempt_of(record), "status": "completed"})
    message = {"accepted": ["nothing"], "results": results}

    world.execution.say(record.partition, json.dumps(message).encode())

    await world.status(run, "completed")
    [dead] = world.dead()
    assert dead["reason"]["message"].count("expected an attempt id") >= 2


BAD_VALUES = [
    b'{"a": "\\u0000"}',
    b'{"a": "\xff"}',
    b'{"a": 1e400000}',
]


async def test_starts_whose_input_cannot_be_stored_are_refused_alone(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define("workflow: free\nsteps:\n  do: {task: work}\n")
    await world.define(ONE)

    for _ in range(5):
        await world.publisher.publish("stretto.start.default.one", b"{}")
    answers = [
        await world.ask("stretto.start.default.free", b'{"input": %b}' % value)
        for value in BAD_VALUES
    ]
    run = await world.start("one")

    assert [a["rejected"]["code"] for a in answers] == ["value_invalid"] * 3
    await until(lambda: len(world.execution.held) == 6)
    assert world.rejected() == ["value_invalid"] * 3
    assert [d.path for d in world.execution.dispatched] == ["do"] * 6
    assert (await world.state(run))["status"] == "running"


async def test_an_input_that_is_no_utf_8_does_not_fit_a_schema(world: World) -> None:
    await world.define(ONE)

    answer = await world.ask("stretto.start.default.one", b'{"input": {"a": "\xff"}}')

    assert answer["rejected"]["code"] == "input_invalid"


async def test_results_that_cannot_be_stored_fail_their_attempts_for_good(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    outputs = [b"1", *BAD_VALUES, b"2"]
    runs = [await world.start("one") for _ in outputs]
    await until(lambda: len(world.execution.held) == len(runs))
    by_run = {run_id_text(r.run_id): r for r in world.execution.held}

    for run, output in zip(runs, outputs, strict=True):
        record = by_run[run]
        worker = b"w" if output in (b"1", b"2") else b"\\u0000"
        told = b'{"results": [{"id": "%b", "status": "completed", "worker": "%b", "output": %b}]}'
        world.execution.say(record.partition, told % (attempt_of(record).encode(), worker, output))

    for run in (runs[0], runs[-1]):
        await world.status(run, "completed")
    for run in runs[1:-1]:
        failed = await world.status(run, "failed")
        assert failed["failure"]["type"] == "InvalidOutput"


async def test_what_is_too_large_or_too_deep_fails_its_attempt(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    runs = [await world.start("one") for _ in range(2)]
    await until(lambda: len(world.execution.held) == 2)
    by_run = {run_id_text(r.run_id): r for r in world.execution.held}

    for run, output in zip(runs, ("[" * 80 + "]" * 80, '"' + "x" * (1 << 20) + '"'), strict=True):
        told = f'{{"results": [{{"id": "{attempt_of(by_run[run])}", "status": "completed", '
        told += f'"output": {output}}}]}}'
        world.execution.say(by_run[run].partition, told.encode())

    for run in runs:
        assert (await world.status(run, "failed"))["failure"]["type"] == "TooLarge"


async def test_a_failure_is_cut_to_what_can_be_shown(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    run = await world.start("one")
    await until(lambda: world.execution.held)
    deep: object = 0
    for _ in range(200):
        deep = [deep]
    failure = {"type": "T" * 999, "message": "m" * 9_999, "retryable": False, "details": deep}

    world.execution.answer(world.execution.held.popleft(), status="failed", failure=failure)

    state = await world.status(run, "failed")
    assert len(state["failure"]["type"]) == 200
    assert len(state["failure"]["message"]) == 4_000
    assert "details" not in state["failure"]


async def test_a_worker_that_gives_no_reason_has_failed_all_the_same(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define("workflow: once\nsteps:\n  do: {task: work, retry: {max_attempts: 1}}\n")
    run = await world.start("once")
    await until(lambda: world.execution.held)

    world.execution.answer(world.execution.held.popleft(), status="failed")

    failed = await world.status(run, "failed")
    assert failed["failure"]["message"] == "the worker gave no reason"


async def test_decisions_that_cannot_be_stored_fail_their_steps(world: World) -> None:
    await world.define(TWO)
    large = b'"' + b"x" * (1 << 20) + b'"'
    for answer, failure in (
        ({"output": b'{"n": "\\u0000"}'}, "ExpressionError"),
        ({"items": [large]}, "TooLarge"),
    ):
        world.decision.losing = 1
        world.decision.asked.clear()
        run = await world.start("two", {"n": 1})
        await until(lambda: world.decision.asked)
        ask = world.decision.asked[0]

        record = msgspec.structs.replace(DecidedRecord(ask.run_id, ask.path, ask.turn), **answer)
        await world.publisher.publish(subjects.decided(ask.partition), pack(DecidedFrame([record])))

        assert (await world.status(run, "failed"))["failure"]["type"] == failure


async def test_a_control_that_cannot_be_stored_is_refused_and_its_run_goes_on(
    world: World,
) -> None:
    await world.define(WAITS)
    run = await world.start("waits", {"for": 0.4})
    await world.waits(run, "timer")

    answer = await world.control(run, "signal", name="a\0b")

    assert answer["rejected"]["code"] == "value_invalid"
    await world.status(run, "completed")  # its timer was not lost


async def test_headers_that_are_no_text_do_not_stop_anybody(world: World) -> None:
    await world.define(ONE)
    block = b"NATS/1.0\r\nStretto-Reply: \xff\xfe\r\ntraceparent: \xff\r\n\r\n"

    for data in (b"{}", b"nothing"):
        size = len(block)
        world.bus.send(
            b"HPUB stretto.start.default.one %d %d\r\n%b%b\r\n"
            % (size, size + len(data), block, data)
        )

    await until(lambda: len(world.execution.of("do")) == 1 and len(world.dead()) == 1)


async def test_a_floating_point_number_is_one_after_a_restart_too(alone: World) -> None:
    async with alone.service():
        await alone.define("workflow: num\nsteps:\n  s: {signal: go}\noutput: ${{ input }}\n")
        run = await alone.start("num", {"n": 1e22, "m": 5})
        await alone.waits(run, "signal")
        here = (await alone.state(run))["input"]

    async with alone.service():
        there = (await alone.state(run))["input"]
        assert here == there == {"n": 1e22, "m": 5}
        assert type(here["n"]) is type(there["n"]) is float
