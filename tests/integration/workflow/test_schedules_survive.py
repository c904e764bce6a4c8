"""Schedules when something breaks: nothing is lost, and nothing runs twice."""

import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from services.workflow import requested, service
from services.workflow.requested import Requested
from services.workflow.schedules import keeper, policy
from services.workflow.schedules.asking import Asked
from services.workflow.schedules.records import Firing, FiringStatus
from services.workflow.schedules.requests import Requests
from services.workflow.schedules.sending import FiringSender
from services.workflow.schedules.store import Decided, Outlook, ScheduleStore
from services.workflow.schedules.targets import Targets
from services.workflow.store import ROLE
from stretto.bus.publisher import Outgoing, PubAck, Publisher
from stretto.contracts.codec import decode_scheduled
from stretto.contracts.failures import Reason
from stretto.contracts.schedules import ScheduleRequest
from stretto.postgres import Database
from stretto.postgres.errors import BadValue, Conflict
from stretto.runtime.clock import SystemClock, now_us
from stretto.runtime.errors import NotReachable, PermanentError
from tests.integration.workflow.definitions import ONE
from tests.integration.workflow.processes import instance
from tests.integration.workflow.scheduling import (
    EVERY,
    HOLDS,
    ask,
    firings,
    seldom,
    show,
    statuses,
)
from tests.integration.workflow.world import World, eventually

ALLOWED = EVERY + "overlap: allow\n"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what was not answered be sent again soon, and partitions change hands soon."""
    monkeypatch.setattr(keeper, "RESEND_S", 0.3)
    monkeypatch.setattr(service, "OWNERSHIP_S", 0.1)
    monkeypatch.setattr(service, "SETTLE_S", 0.1)


async def runs_of(world: World, name: str) -> list[str]:
    """The caller's keys of all runs that a schedule has started."""
    rows = await world.sql(
        "select caller_id from workflow.run where caller_id like $1 order by 1",
        f"schedule:{name}:%",
    )
    return [row[0] for row in rows]


async def test_after_a_restart_it_goes_on_and_says_what_it_missed(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "ON_TIME_US", 100_000)
    async with alone.service():
        await alone.define(ONE)
        await ask(alone, "apply", source=ALLOWED)
        await eventually(lambda: runs_of(alone, "often"), lambda runs: len(runs) >= 1)
    covered = (await alone.sql("select covered_at from workflow.schedule"))[0][0]

    async def due_again() -> bool:
        rows = await alone.sql("select now() > $1::timestamptz + interval '3.2 seconds'", covered)
        return bool(rows[0][0])

    await eventually(due_again)  # nobody is there for three instants
    async with alone.service():
        found = await eventually(
            lambda: firings(alone, "often"),
            lambda seen: (
                any(f["cause"] == "catch_up" and f["status"] == "ended" for f in seen)
                and (seen[0]["cause"], seen[0]["status"]) == ("time", "ended")
            ),
        )

    made_up = [f for f in found if f["cause"] == "catch_up"]
    missed = [f for f in found if f["status"] == "missed"]
    assert made_up  # the last one due; more where this machine stalls for a tenth of a second
    assert sum(f.get("count", 1) for f in missed) >= 2
    assert missed[0]["until"] < made_up[0]["instant"]
    runs = await runs_of(alone, "often")
    assert len(runs) == len(set(runs))


async def test_an_instance_that_is_killed_is_followed_by_another_and_no_instant_runs_twice(
    alone: World,
) -> None:
    async with instance(alone, "a", partitions="2") as first:
        await eventually(lambda: ready(alone))
        await alone.define(ONE)
        await ask(alone, "apply", source=ALLOWED)
        await eventually(lambda: runs_of(alone, "often"), lambda runs: len(runs) >= 2)
        first.send(signal.SIGKILL)
        before = len(await runs_of(alone, "often"))
        async with alone.service("b"):
            await eventually(lambda: runs_of(alone, "often"), lambda runs: len(runs) >= before + 3)
            found = await firings(alone, "often")

    runs = await runs_of(alone, "often")
    assert len(runs) == len(set(runs))
    instants = [f["instant"] for f in found]
    assert len(instants) == len(set(instants))


async def ready(world: World) -> bool:
    rows = await world.sql("select to_regclass('workflow.schedule') is not null")
    locks = await world.sql("select count(*) from pg_locks where locktype = 'advisory'")
    return bool(rows[0][0]) and locks[0][0] >= 3


async def test_two_instances_fire_each_instant_once(alone: World) -> None:
    async with alone.service("a"), alone.service("b"):
        await alone.define(ONE)
        for n in range(4):
            await ask(alone, "apply", source=ALLOWED.replace("often", f"often-{n}"))

        for n in range(4):
            runs = await eventually(
                lambda name=f"often-{n}": runs_of(alone, name),  # type: ignore[misc]
                lambda runs: len(runs) >= 3,
            )
            assert len(runs) == len(set(runs))


@contextmanager
def unsent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Starts are committed here and never sent, as if the process had died between."""

    async def dies(_self: FiringSender, _firings: Any) -> int:
        return 0

    with monkeypatch.context() as patch:
        patch.setattr(FiringSender, "send", dies)
        yield


async def test_a_start_that_was_committed_and_not_sent_is_sent_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.define(HOLDS)
    await ask(world, "apply", source=seldom("skip"))
    with unsent(monkeypatch):
        answer = await ask(world, "trigger", name="seldom")
        assert await statuses(world, "seldom") == ["starting"]

    await eventually(lambda: statuses(world, "seldom"), lambda s: s == ["started"])

    assert (await world.state(answer["run_id"]))["status"] == "running"
    assert len(await runs_of(world, "seldom")) == 1


async def test_a_deleted_store_loses_no_schedule_and_no_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.define(HOLDS)
    await ask(world, "apply", source=seldom("queue_all"))
    with unsent(monkeypatch):
        await ask(world, "trigger", name="seldom")
        await ask(world, "trigger", name="seldom")
        for stream in ("STRETTO_STARTS", "STRETTO_SCHEDULES"):
            await world.bus.request(f"$JS.API.STREAM.DELETE.{stream}", b"")

    await eventually(lambda: statuses(world, "seldom"), lambda s: s == ["started", "waiting"])
    again = await ask(world, "pause", name="seldom")

    assert again["revision"] == 4


async def test_a_request_that_comes_twice_is_carried_out_once(alone: World) -> None:
    async with alone.service():
        await alone.define(HOLDS)
        await ask(alone, "apply", source=seldom("allow"))
    database = await Database.open(alone.dsn, ROLE)
    try:
        store = ScheduleStore(database)
        handler = Requests(
            store=store,
            targets=Targets(database),
            sender=FiringSender(alone.bus, alone.publisher, store),
            requested=Requested(alone.publisher, None, SystemClock()),  # type: ignore[arg-type] # nothing is read here
            changed=lambda: None,
        )
        asked = Asked(
            request=ScheduleRequest(command="trigger", name="seldom"),
            key="1:2:3",
            namespace="default",
            now_us=now_us(),
        )

        first = await handler.carry_out(asked)
        second = await handler.carry_out(asked)
    finally:
        await database.close()

    assert not isinstance(first, Reason)
    assert not isinstance(second, Reason)
    assert decode_scheduled(first) == decode_scheduled(second)
    rows = await alone.sql("select count(*) from workflow.schedule_firing")
    assert rows[0][0] == 1


async def test_a_schedule_at_fault_is_left_alone_and_the_others_go_on(world: World) -> None:
    await world.define(ONE)
    await ask(world, "apply", source=ALLOWED.replace("often", "broken"))
    await world.sql(
        "update workflow.schedule set spec = jsonb_set(spec, '{timezone}', '\"No/Where\"')"
    )
    await ask(world, "apply", source=ALLOWED)

    await eventually(lambda: runs_of(world, "often"), lambda runs: len(runs) >= 2)

    assert len(await runs_of(world, "broken")) <= 1
    mended = await ask(world, "apply", source=ALLOWED.replace("often", "broken"))
    assert mended.get("changed", True)


async def test_old_firings_are_forgotten_and_changes_are_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.define(ONE)
    await ask(world, "apply", source=seldom("skip", "one"))
    await ask(world, "trigger", name="seldom")
    await eventually(lambda: statuses(world, "seldom"), lambda s: s == ["ended"])

    monkeypatch.setattr(keeper, "PRUNE_S", 0.0)
    monkeypatch.setattr(keeper, "KEEP_FIRINGS_S", 0.0)

    await eventually(lambda: statuses(world, "seldom"), lambda s: s == [])
    assert len((await show(world, "seldom"))["changes"]) == 2


async def test_a_run_that_is_not_there_any_more_blocks_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.define(ONE)
    await ask(world, "apply", source=seldom("skip", "one"))
    await ask(world, "trigger", name="seldom")
    await eventually(lambda: statuses(world, "seldom"), lambda s: s == ["ended"])
    await world.sql(
        "update workflow.schedule_firing set status = 'started', run_id = gen_random_uuid()"
    )

    monkeypatch.setattr(keeper, "PRUNE_S", 0.0)

    [found] = await eventually(
        lambda: firings(world, "seldom"), lambda seen: seen[0]["status"] == "ended"
    )
    assert found["outcome"] == "unknown"


async def test_what_the_tables_refuse_of_one_schedule_spoils_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ScheduleStore.commit

    async def refuses(self: ScheduleStore, decided: Sequence[Decided]) -> list[Decided]:
        if any(d.change is None and d.schedule.name == "broken" for d in decided):
            raise BadValue("postgres.bad_value", "expected a value that fits, but got another")
        return await right(self, decided)

    monkeypatch.setattr(ScheduleStore, "commit", refuses)
    await world.define(ONE)
    for name in ("broken", "often"):
        await ask(world, "apply", source=ALLOWED.replace("often", name))

    await eventually(lambda: runs_of(world, "often"), lambda runs: len(runs) >= 2)

    assert await runs_of(world, "broken") == []


async def test_a_request_that_the_tables_refuse_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [
        BadValue("postgres.bad_value", "expected a value that fits, but got another"),
        PermanentError("postgres.refused", "expected to be allowed, but was not"),
        ValueError("a bug"),
    ]

    async def refuses(_self: ScheduleStore, _decided: Sequence[Decided]) -> list[Decided]:
        raise errors.pop(0)

    with monkeypatch.context() as patch:
        patch.setattr(ScheduleStore, "commit", refuses)
        answers = [await ask(world, "apply", source=seldom("skip")) for _ in range(3)]

    codes = [a["rejected"]["code"] for a in answers]
    assert codes == ["value_invalid", "schedule_fault", "schedule_fault"]
    assert (await ask(world, "apply", source=seldom("skip")))["created"] is True


async def test_a_start_that_the_bus_can_never_take_is_refused_and_spoils_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Publisher.publish_many

    async def refuses(self: Publisher, messages: Iterable[Outgoing]) -> list[PubAck]:
        listed = list(messages)
        if any(m.subject == "stretto.start.default.huge" for m in listed):
            raise PermanentError("bus.message_too_large", "expected less, but got more")
        return await right(self, listed)

    monkeypatch.setattr(Publisher, "publish_many", refuses)
    await world.define(ONE)
    await ask(world, "apply", source=seldom("skip", "huge").replace("seldom", "huge"))
    await ask(world, "apply", source=seldom("skip", "one"))

    for name in ("huge", "seldom"):
        await ask(world, "trigger", name=name)

    [refused] = await eventually(
        lambda: firings(world, "huge"), lambda seen: seen[0]["status"] == "refused"
    )
    assert "bus.message_too_large" in refused["reason"]
    await eventually(lambda: statuses(world, "seldom"), lambda s: s == ["ended"])


async def test_while_postgres_is_away_nothing_is_lost_and_it_goes_on_by_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ScheduleStore.look
    fails = [3]

    async def away(self: ScheduleStore, shards: list[int]) -> Outlook:
        if fails[0]:
            fails[0] -= 1
            raise NotReachable("postgres.not_reachable", "expected an answer, but none came")
        return await right(self, shards)

    await world.define(ONE)
    monkeypatch.setattr(keeper, "LOOK_S", 0.05)
    monkeypatch.setattr(ScheduleStore, "look", away)
    await ask(world, "apply", source=ALLOWED)

    await eventually(lambda: runs_of(world, "often"), lambda runs: len(runs) >= 2)

    assert fails == [0]


async def test_a_request_waits_until_the_tables_are_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requested, "PUT_OFF_S", 0.05)
    right = ScheduleStore.commit
    fails = [2]

    async def away(self: ScheduleStore, decided: Sequence[Decided]) -> list[Decided]:
        if fails[0]:
            fails[0] -= 1
            raise NotReachable("postgres.not_reachable", "expected an answer, but none came")
        return await right(self, decided)

    monkeypatch.setattr(ScheduleStore, "commit", away)

    answer = await ask(world, "apply", source=seldom("skip"))

    assert (answer["created"], fails) == (True, [0])


async def test_who_is_always_slower_than_others_is_told_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(world, "apply", source=seldom("skip"))

    async def slower(_self: ScheduleStore, decided: Sequence[Decided]) -> list[Decided]:
        if decided[0].change is not None and decided[0].change.by == "ada":
            raise Conflict("postgres.conflict", "expected to be the first, but was not")
        return []

    with monkeypatch.context() as patch:
        patch.setattr(ScheduleStore, "commit", slower)
        answers = [await ask(world, "pause", name="seldom", by=by) for by in ("ada", "ben")]

    assert [a["rejected"]["code"] for a in answers] == ["schedule_contended"] * 2


async def test_a_start_that_could_not_be_stored_is_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Publisher.publish_many
    fails = [2]

    async def away(self: Publisher, messages: Iterable[Outgoing]) -> list[PubAck]:
        listed = list(messages)
        if fails[0] and any(m.subject.startswith("stretto.start.") for m in listed):
            fails[0] -= 1
            raise NotReachable("bus.not_reachable", "expected an answer, but none came")
        return await right(self, listed)

    monkeypatch.setattr(Publisher, "publish_many", away)
    await world.define(ONE)
    await ask(world, "apply", source=seldom("skip", "one"))
    await ask(world, "trigger", name="seldom")

    await eventually(lambda: statuses(world, "seldom"), lambda s: s == ["ended"])

    assert fails == [0]
    assert len(await runs_of(world, "seldom")) == 1


async def test_an_answer_that_nobody_understands_changes_nothing(world: World) -> None:
    await world.define(HOLDS)
    database = await Database.open(world.dsn, ROLE)
    try:
        sender = FiringSender(world.bus, world.publisher, ScheduleStore(database))
        await sender.open()
        firing = Firing(
            namespace="default",
            name="seldom",
            id="schedule:seldom:x",
            shard=0,
            instant_us=0,
            cause="time",
            overlap="skip",
            status=FiringStatus.STARTING,
            decided_us=0,
            run_id=bytes(16),
            workflow="holds",
            request=b"[]",
        )
        assert await sender.send([firing]) == 1
        for answer in (b"[", b"{}"):
            await world.publisher.publish_core(f"{sender._prefix}1", answer)
        await world.publisher.publish_core(f"{sender._prefix}x", b"{}")
        await world.bus.flush()
        await sender.note_answers()
    finally:
        await database.close()

    assert sender._answered == []
