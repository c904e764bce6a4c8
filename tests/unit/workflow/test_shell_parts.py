"""Parts of the shell that need no server: inbox, timers, shares, answers, limits of a batch."""

import asyncio

import msgspec
import pytest

from services.workflow import batch as batch_module
from services.workflow.answers import may_answer
from services.workflow.batch import Batch
from services.workflow.core.commands import CONTINUE, Control, Start, TimerKind
from services.workflow.core.effects import Ask, Timer
from services.workflow.core.state import Run
from services.workflow.core.statuses import RunPhase
from services.workflow.frame_sizes import MAX_ASK_BYTES, MAX_FRAME_BYTES
from services.workflow.inbox import Addressed, Arrival, Inbox
from services.workflow.outgoing import Frames
from services.workflow.ownership import to_give_up
from services.workflow.parking import wakes_at
from services.workflow.slots import Slot, Written, new_row
from services.workflow.sweeping import has_cause, is_stalled
from services.workflow.telling import event_commands, log_messages
from services.workflow.timers import Timers
from stretto.contracts import events as ev
from stretto.contracts.asks import Ask as AskOf
from stretto.contracts.asks import Ref
from stretto.contracts.codec import unpack_log
from stretto.contracts.public import ControlRequest
from stretto.testkit.clock import FakeClock
from tests.unit.workflow.builders import RUN_ID, START_US, graph, task


def slot_of(*names: str, needs: bool = False) -> Slot:
    steps = [task(name, needs=(i - 1,) if needs and i else ()) for i, name in enumerate(names)]
    row = new_row(RUN_ID, "default", "wf", 1, START_US)
    return Slot(Run(RUN_ID, graph(*steps)), row, 4, stored=False)


def begun(slot: Slot, value: bytes = b"{}") -> Batch:
    batch = Batch()
    batch.now_us = START_US
    assert batch.run(slot, Start(namespace="default", input=value)) is None
    return batch


# --- sharing


@pytest.mark.parametrize("partitions", [1, 4, 7, 16, 256])
@pytest.mark.parametrize(
    "held", [[1, 0], [9, 0, 0], [3, 3, 0], [5, 1, 1, 0], [2, 2, 2, 2, 0], [4, 4]]
)
def test_giving_up_and_taking_ends_even_and_stays_so(partitions: int, held: list[int]) -> None:
    shares = [n * partitions // max(sum(held), 1) for n in held]
    for _ in range(partitions + len(held)):
        for mine in range(len(shares)):
            surplus = to_give_up(partitions, shares, mine)
            shares[mine] -= surplus
            room = -(-partitions // len(shares)) - shares[mine]
            if not surplus and room > 0:
                shares[mine] += min(room, partitions - sum(shares))

    assert sum(shares) == partitions
    assert max(shares) - min(shares) <= 1
    assert not any(to_give_up(partitions, shares, mine) for mine in range(len(shares)))


# --- inbox


async def test_the_inbox_holds_up_who_brings_too_many_records() -> None:
    inbox = Inbox(limit=2)
    item = Addressed(RUN_ID, CONTINUE)
    await inbox.put([Arrival(items=[item, item, item])])
    more = asyncio.ensure_future(inbox.put([Arrival(items=[item])]))
    await asyncio.sleep(0)
    assert not more.done() and len(inbox) == 3

    taken = await inbox.take(10, 10)

    await more
    assert len(taken) == 1 and len(inbox) == 1
    assert inbox.messages == []


class Heavy:
    """A message of so many bytes."""

    def __init__(self, size: int) -> None:
        self.data = bytes(size)


async def test_the_inbox_holds_up_who_brings_too_many_bytes() -> None:
    inbox = Inbox(limit_bytes=10)
    item = Addressed(RUN_ID, CONTINUE)
    heavy = [Arrival(items=[item], message=Heavy(8), partition=p) for p in (0, 1)]  # type: ignore[arg-type]
    await inbox.put(heavy)
    more = asyncio.ensure_future(inbox.put([Arrival(items=[item])]))
    await asyncio.sleep(0)
    assert not more.done()

    assert inbox.remove(lambda arrival: arrival.partition == 1) == heavy[1:]
    assert inbox.remove(lambda arrival: arrival.partition == 7) == []
    await more
    assert await inbox.take(10, 8) == heavy[:1]
    assert len(await inbox.take(10, 8)) == 1


# --- timers


async def test_timers_that_nobody_waits_for_do_not_pile_up() -> None:
    timers = Timers(FakeClock(), Inbox(), clean_from=10)
    timers.wanted = lambda run_id, _timer: run_id == b"open"

    for number in range(1_000):
        timers.add(b"closed", Timer(number, "a", TimerKind.STEP))
        timers.add(b"open", Timer(7, "a", TimerKind.STEP))  # set again and again

    assert len(timers) <= 10


async def test_timers_fire_when_they_are_due_and_no_sooner() -> None:
    clock, inbox = FakeClock(), Inbox()
    timers = Timers(clock, inbox)
    running = asyncio.ensure_future(timers.run())
    await asyncio.sleep(0)
    timers.add(b"r", Timer(clock.now_us(), "now", TimerKind.WAIT))
    timers.add(b"r", Timer(clock.now_us() + 60_000_000, "later", TimerKind.WAIT))

    [arrival] = await inbox.take(10, 10)

    assert [item.command.path for item in arrival.items] == ["now"]  # type: ignore[union-attr]
    assert len(timers) == 1
    running.cancel()


# --- answers


@pytest.mark.parametrize("reply", ["_INBOX.abc.1", "app.answers", "a"])
def test_a_usual_reply_subject_is_answered(reply: str) -> None:
    assert may_answer(reply) == reply


@pytest.mark.parametrize(
    "reply",
    [None, "", "$JS.API.STREAM.DELETE.X", "$SYS", "stretto.results.0", "a b", "a.*", "a.>", "a..b",
     ".a", "a.", "a\r\nPUB x", "x" * 300, "a\0b"],
)  # fmt: skip
def test_a_reply_subject_that_could_do_harm_is_not(reply: str | None) -> None:
    assert may_answer(reply) is None


# --- batches


def test_a_run_with_too_many_events_fails_and_in_the_end_is_terminated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slot = slot_of("a")
    begun(slot)
    monkeypatch.setattr(batch_module, "MAX_EVENTS_PER_RUN", slot.run.seq)
    batch = Batch()
    assert batch.run(slot, Control(request=ControlRequest(command="pause"))) is None

    types = [w.type for w in batch.touched[RUN_ID].written]
    assert types == ["run.failing", "step.cancelled", "run.failed"]
    assert slot.run.failure is not None and slot.run.failure.type == "LimitReached"

    other = slot_of("a")
    begun(other)
    other.run.phase = RunPhase.FAILING
    monkeypatch.setattr(batch_module, "MAX_EVENTS_OF_ENDING", 0)
    last = Batch()
    last.run(other, Control(request=ControlRequest(command="cancel")))
    assert [w.type for w in last.touched[RUN_ID].written] == ["run.terminated"]


def test_a_run_that_makes_too_much_at_once_goes_on_in_the_next_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_module, "MAX_COMMIT_BYTES", 100)
    slot = slot_of("a", "b", "c")

    batch = begun(slot, b'"%b"' % (b"x" * 200))

    assert batch.unfinished == [RUN_ID]
    assert list(slot.run.todo) == ["a", "b", "c"]
    assert not is_stalled(slot.run, START_US) and is_stalled(slot.run, START_US + 11_000_000)
    assert wakes_at(slot.run) == 0
    rest = Batch()
    rest.run(slot, CONTINUE)
    assert not slot.run.todo and slot.run.seq == 4


def test_a_run_of_a_batch_is_one_slot() -> None:
    slot = slot_of("a")
    batch = begun(slot)

    with pytest.raises(AssertionError):
        batch.run(slot_of("a"), Start(namespace="default", input=b"{}"))
    assert batch.rows().seqs == [1, 2]


def test_a_run_without_a_cause_is_one_that_waits_for_nothing() -> None:
    slot = slot_of("a")
    begun(slot)
    assert has_cause(slot.run)

    slot.run.open.clear()

    assert not has_cause(slot.run)
    assert wakes_at(slot.run) == 0


# --- what is sent


def test_the_events_of_one_commit_are_cut_into_messages_that_fit() -> None:
    slot = slot_of("a")
    payload = msgspec.Raw(b'"%b"' % (b"x" * (MAX_FRAME_BYTES // 2)))
    written = [
        Written(seq, START_US, ev.StepCompleted(step="a", output=payload)) for seq in range(1, 6)
    ]
    touched = batch_module.Touched(slot)
    touched.written = written

    commands = event_commands(slot, written, b"2026-01-01T00:00:00.000000Z")
    frames = [unpack_log(out.data) for out in log_messages([touched])]

    assert len(commands) == 5
    assert [c.count(b'"seq"') for c in commands] == [1] * 5
    assert all(len(c) < 2 * MAX_FRAME_BYTES for c in commands)
    seqs = [e.seq for f in frames for r in f.records for e in r.events]
    assert seqs == [1, 2, 3, 4, 5] and len(frames) == 5


def test_a_question_that_no_message_can_hold_is_answered_with_a_failure() -> None:
    refs = tuple(Ref(root="step", step=i) for i in range(2))
    slot = slot_of("a", "b")
    slot.run.phase = RunPhase.FINISHING
    slot.run.turn = 7
    for name in ("a", "b"):
        slot.run.node(name).output = b'"%b"' % (b"x" * (MAX_ASK_BYTES // 2 + 100))
    frames = Frames(START_US, 1)

    frames.add(slot, [Ask("", 7, AskOf(plan=b"{}", refs=refs))])

    [answer] = frames.too_large
    assert answer.command.record.error.type == "TooLarge"  # type: ignore[union-attr]
    assert frames.messages() == []


def test_an_effect_of_no_kind_is_a_fault() -> None:
    with pytest.raises(AssertionError):
        Frames(START_US, 1).add(slot_of("a"), ["nonsense"])
