"""Another writer, a lost answer, a fault of one run: the log decides, nothing is applied twice."""

import asyncio
import json

import asyncpg
import pytest

from services.workflow.batch import Batch
from services.workflow.core.commands import Command, Control
from services.workflow.rows import Append
from services.workflow.slots import Slot
from services.workflow.store import Store
from stretto.contracts.ids import parse_run_id
from stretto.runtime.errors import NotReachable, TransientError
from tests.integration.workflow.definitions import ASKS, ONE, RETRIED, TWO
from tests.integration.workflow.partners import echo, silent
from tests.integration.workflow.world import World, eventually, until

INSERT = "insert into workflow.event values ($1, $2, $3, now(), $4::jsonb)"


async def test_a_writer_behind_our_back_makes_us_decide_again(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(RETRIED)
    run = await world.start("retried")
    await until(lambda: world.execution.held)
    # Somebody else records the result first, under the number that we would use.
    done = json.dumps({"step": "do", "attempt": 1, "output": "theirs"})
    await world.sql(INSERT, run, 3, "step.completed", done)
    await world.sql(INSERT, run, 4, "step.scheduled", '{"step":"after","attempt":1,"task":"echo"}')

    world.execution.answer(world.execution.held.popleft(), output="ours")

    await world.status(run, "completed")  # `after` was dispatched by us, from the log
    rows = await world.log(run)
    outputs = [json.loads(r["data"]).get("output") for r in rows if r["seq"] == 3]
    assert outputs == ["theirs"]
    await until(lambda: world.rejected() == ["attempt_not_open"])
    await until(lambda: sorted(set(world.told(run))) == [r["seq"] for r in rows])


async def test_the_answer_to_a_question_that_was_never_committed_is_dropped(world: World) -> None:
    world.execution.tasks["echo"] = lambda record: (
        echo(record) if record.path == "two" else silent(record)
    )
    await world.define(TWO)
    run = await world.start("two", {"n": 1})
    await until(lambda: world.execution.held)
    # Somebody else goes on with another result, under the numbers that we would use.
    theirs = json.dumps({"step": "one", "attempt": 1, "output": {"n": "theirs"}})
    await world.sql(INSERT, run, 4, "step.completed", theirs)
    await world.sql(INSERT, run, 5, "step.activated", '{"step": "two"}')

    world.execution.answer(world.execution.held.popleft(), output={"n": "ours"})

    await world.status(run, "completed")
    asked = [record for record in world.decision.asked if record.path == "two"]
    assert len({record.turn for record in asked}) == 2, (
        "ours was asked before it could be committed"
    )
    assert [json.loads(r.input) for r in world.execution.of("two")] == [{"got": "theirs"}]


async def test_what_only_the_log_knows_is_not_refused_by_an_old_memory(world: World) -> None:
    await world.define(ASKS)
    run = await world.start("asks")
    await world.waits(run, "signal", "approval")
    # Another owner has paused the run; by our memory it is not paused.
    await world.sql(INSERT, run, 4, "run.paused", "{}")

    assert await world.control(run, "resume") == {"run_id": run, "command": "resume"}

    assert (await world.types(run))[-2:] == ["run.paused", "run.resumed"]


async def test_two_writers_of_one_caller_id_make_one_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    first = await world.start("one", id="k")
    real = Store.open_by_caller_id
    looks = []

    async def blind(self: Store, keys: object) -> object:
        looks.append(keys)
        return {} if len(looks) == 1 else await real(self, keys)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "open_by_caller_id", blind)
    answer = await world.try_start("one", id="k")

    assert (answer["run_id"], answer["existing"], len(looks)) == (first, True, 2)


class Lossy:
    """Loses the answers of appends, after or before they are committed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, commits: bool, times: int = 1) -> None:
        self.left = times
        self.commits = commits
        real = Store.append

        async def append(store: Store, rows: Append) -> None:
            if self.left:
                self.left -= 1
                if self.commits:
                    await real(store, rows)
                raise NotReachable("postgres.not_reachable", "the answer is lost")
            await real(store, rows)

        monkeypatch.setattr(Store, "append", append)


@pytest.mark.parametrize("commits", [True, False])
async def test_a_commit_whose_answer_is_lost_is_applied_once_and_answered_as_if_it_came(
    world: World, monkeypatch: pytest.MonkeyPatch, commits: bool
) -> None:
    await world.define(ASKS)
    await world.define(TWO)

    Lossy(monkeypatch, commits=commits)
    answer = await world.try_start("asks")
    run = answer["run_id"]
    Lossy(monkeypatch, commits=commits)
    cancelled = await world.control(run, "cancel")
    Lossy(monkeypatch, commits=commits, times=3)
    other = await world.start("two", {"n": 1})

    assert "existing" not in answer
    assert cancelled == {"run_id": run, "command": "cancel"}
    assert (await world.types(run)).count("run.cancelled") == 1
    await world.status(other, "completed")
    types = await world.types(other)
    assert len(types) == 9 and types.count("run.started") == 1
    await until(lambda: world.told_once(other) == list(range(1, 10)))
    assert world.rejected() == []


async def test_a_log_that_cannot_be_asked_about_a_lost_answer_is_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.define(TWO)
    Lossy(monkeypatch, commits=True)
    real = Store.holds
    asked = []

    async def holds(self: Store, *args: object) -> bool:
        asked.append(args)
        if len(asked) < 3:
            raise TransientError("postgres.unavailable", "not now")
        return await real(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "holds", holds)
    run = await world.start("two", {"n": 1})

    await world.status(run, "completed")
    assert len(asked) == 3


async def test_a_backend_that_is_killed_in_the_middle_of_a_commit_costs_nothing(
    world: World,
) -> None:
    await world.define(TWO)
    # A lock makes the commit wait, so that it can be cut.
    keeper = await asyncpg.connect(world.dsn)
    try:
        await keeper.execute("begin; lock table only workflow.event in share mode")
        starting = asyncio.ensure_future(world.start("two", {"n": 1}))
        blocked = await eventually(
            lambda: world.sql(
                "select pid from pg_stat_activity where wait_event_type = 'Lock' "
                "and datname = current_database()"
            )
        )
        await world.sql("select pg_terminate_backend($1)", blocked[0]["pid"])
        await keeper.execute("rollback")
    finally:
        await keeper.close()

    run = await starting
    await world.status(run, "completed")
    assert len(await world.types(run)) == 9


async def test_a_run_at_fault_is_set_aside_and_what_came_with_it_is_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.define(ASKS)
    sick, sound = [await world.start("asks") for _ in range(2)]
    for run in (sick, sound):
        await world.waits(run, "signal", "approval")
    real = Batch.run

    def run_(self: Batch, slot: Slot, command: Command) -> object:
        if slot.text == sick and isinstance(command, Control) and command.request.name == "x":
            raise AssertionError("a bug")
        return real(self, slot, command)

    monkeypatch.setattr(Batch, "run", run_)
    assert world.host is not None
    answers = await asyncio.gather(
        world.control(sick, "signal", name="before"),
        world.control(sick, "signal", name="x"),
        world.control(sound, "signal", name="go"),
    )
    later = await world.control(sick, "signal", name="later")

    assert answers[1]["rejected"]["code"] == "run_at_fault"
    assert answers[2]["command"] == "signal"
    assert later["rejected"]["code"] == "run_at_fault"
    told = "rejected" not in answers[0]
    assert ("signal.received" in await world.types(sick)) is told
    await world.waits(sound, "approval")
    again = await world.try_start("asks", run_id=sick)
    assert again["existing"] is True


async def test_a_start_at_fault_is_refused_and_the_others_begin(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    real = Batch.run

    def run_(self: Batch, slot: Slot, command: Command) -> object:
        if slot.row.caller_id == "sick":
            raise OverflowError("a bug")
        return real(self, slot, command)

    monkeypatch.setattr(Batch, "run", run_)
    answers = await asyncio.gather(*(world.try_start("one", id=i) for i in ("a", "sick", "b")))

    assert answers[1]["rejected"]["code"] == "run_at_fault"
    assert all("run_id" in answers[i] for i in (0, 2))


async def test_a_repair_that_cannot_be_done_now_is_done_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.workflow.sweeping.TROUBLE_S", 0.05)
    world.execution.tasks["work"] = silent
    await world.define(RETRIED)
    run = await world.start("retried")
    await until(lambda: world.execution.held)
    await world.sql(INSERT, run, 3, "run.paused", "{}")
    real = Store.runs
    failed = []

    async def runs(self: Store, run_ids: list[bytes]) -> object:
        # The first look folds the run again, the second one is the repair.
        failed.append(run_ids)
        if len(failed) == 2:
            raise TransientError("postgres.unavailable", "not now")
        return await real(self, run_ids)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "runs", runs)
        world.execution.answer(world.execution.held.popleft(), output=1)
        await until(lambda: 3 in world.told(run))

    assert 4 in world.told(run)


async def test_a_parent_that_cannot_be_told_now_asks_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.define(ONE)
    run = await world.start("one")
    await world.status(run, "completed")
    assert world.host is not None
    parent = f"{run}:do:1"

    async def no(_self: Store, _run_ids: object) -> object:
        raise TransientError("postgres.unavailable", "not now")

    # Asked for as a child that has ended, the run is folded to tell its parent.
    with monkeypatch.context() as patch:
        real = Store.runs
        calls = []

        async def second_fails(self: Store, run_ids: list[bytes]) -> object:
            calls.append(run_ids)
            return await (no if len(calls) == 2 else real)(self, run_ids)

        patch.setattr(Store, "runs", second_fails)
        answer = await world.try_start("one", run_id=run, parent=parent)

    assert answer["existing"] is True
    assert [parse_run_id(run)] in calls
