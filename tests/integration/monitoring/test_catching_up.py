"""The projection is rebuilt, made up for and taken over, whatever was lost, repeated or broken."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import msgspec
import pytest

from services.monitoring import catching_up, history, intake
from services.monitoring.service import main
from services.monitoring.settings import MonitoringSettings
from stretto.bus.api import Answer, ask_api
from stretto.client import Client, Rejected
from stretto.contracts import ids
from stretto.contracts.codec import pack
from stretto.contracts.frames import LogEvent, LogFrame, LogRecord
from stretto.runtime import topology
from stretto.runtime.clock import now_us
from stretto.testkit.fake_workflow import FakeWorkflow
from stretto.testkit.service_host import hosted
from tests.integration.monitoring.hosts import Monitoring

from .conftest import eventually


async def test_repeated_reordered_and_missing_events_change_nothing(
    client: Client, monitoring: Monitoring, workflow: FakeWorkflow
) -> None:
    run = await workflow.start("echo", 1)
    await eventually(client.runs, lambda p: bool(p.runs) and p.runs[0].status == "completed")
    before = await client.runs()
    count = (await client.stats()).runs

    workflow._logs = False
    other = await workflow.start("hold", 1)
    third = await workflow.start("echo", 1)
    # again, backwards, one by one, with holes; the last event only, of a run never heard of
    await workflow.publish_log(workflow.record(run))
    for seq in range(len(run.log), 0, -1):
        await workflow.publish_log(workflow.record(run, seq))
    await workflow.publish_log(workflow.record(other, 2), workflow.record(third, len(third.log)))
    await workflow.publish_log(workflow.record(other, 1))
    page = await eventually(client.runs, lambda p: len(p.runs) == 3)
    listed = {r.run_id: r for r in page.runs}
    assert listed[other.id_text].status == "running"
    assert listed[other.id_text].steps == {"open": 1}
    assert listed[third.id_text].status == "completed"
    assert listed[third.id_text].steps == {"completed": 2}
    assert listed[run.id_text] == before.runs[0]
    assert count == {"completed": 1}
    assert (await client.stats()).runs == {"completed": 2, "running": 1}


async def test_a_run_that_the_log_does_not_have_any_more_is_shown_as_far_as_it_is_known(
    client: Client, monitoring: Monitoring, workflow: FakeWorkflow
) -> None:
    run_id = ids.uuid7(time.time_ns() // 1_000_000, b"gone")
    events = [
        LogEvent(7, "step.completed", now_us(), b'{"step":"a","attempt":1}'),
        LogEvent(8, "step.skipped", now_us(), b'{"step":1}'),
        LogEvent(9, "later.thing", now_us(), b"{}"),
        LogEvent(10, "run.completed", now_us(), b"{}"),
    ]
    await workflow.publish_log(LogRecord(run_id, "default", "gone", 1, None, events))
    page = await eventually(client.runs, lambda p: bool(p.runs))
    assert page.runs[0].status == "completed" and page.runs[0].steps == {"completed": 1}
    shown = await client.show(ids.run_id_text(run_id))
    assert shown.run.workflow == "gone"


async def test_what_cannot_be_read_goes_to_the_dead_letters(
    client: Client, monitoring: Monitoring, workflow: FakeWorkflow
) -> None:
    letters: asyncio.Queue[bytes] = asyncio.Queue()
    await client.connection.subscribe(
        "stretto.dlq.monitoring", lambda _s, _r, _b, data: letters.put_nowait(data)
    )
    await client.connection.flush()
    record = LogRecord(bytes(16), "abc", "w", 1, None, [])
    no_text = pack(LogFrame(0, [record])).replace(b"abc", b"\xff\xfe ")
    for data in (b"nonsense", no_text):
        await workflow._publisher.publish("stretto.log.0", data)
        await client.connection.publish("stretto.stats.workflow", b'{"service":"\xff"}')
    await client.start("echo")
    for _ in range(2):
        letter = msgspec.json.decode(await asyncio.wait_for(letters.get(), 10))
        assert letter["reason"]["code"] == "frame_unreadable"
    await eventually(client.runs, lambda p: len(p.runs) == 1)


async def test_a_value_that_postgres_cannot_hold_does_not_stop_the_others(
    client: Client, monitoring: Monitoring, workflow: FakeWorkflow
) -> None:
    bad = ids.uuid7(time.time_ns() // 1_000_000, b"bad")
    failure = b'{"failure":{"type":"T","message":"a\\u0000b"}}'
    events = [
        LogEvent(1, "run.started", now_us(), b'{"namespace":"default","workflow":"w","version":1}'),
        LogEvent(2, "run.failed", now_us(), failure),
    ]
    record = LogRecord(bad, "default", "w", 1, None, events)
    good = await workflow.start("echo", 1)
    await workflow.publish_log(record, workflow.record(good))
    page = await eventually(client.runs, lambda p: len(p.runs) == 1)
    assert page.runs[0].run_id == good.id_text
    await client.start("echo", 2)
    await eventually(client.runs, lambda p: len(p.runs) == 2)


async def test_a_new_schema_is_filled_from_the_log(
    settings: MonitoringSettings, client: Client, workflow: FakeWorkflow
) -> None:
    for n in range(5):
        await workflow.start("echo", n)
    await workflow.start("hold", 1)
    async with hosted("monitoring", settings, main) as host:
        await host.ready()
        stats = await eventually(
            client.stats,
            lambda s: s.runs == {"completed": 5, "running": 1} and s.task_latency != {},
        )
        assert stats.task_latency["echo"].count == 5


async def test_it_goes_on_where_it_was_and_notices_what_it_missed(
    settings: MonitoringSettings, client: Client, workflow: FakeWorkflow
) -> None:
    async with hosted("monitoring", settings, main) as host:
        await host.ready()
        held = await workflow.start("hold", 1)
        await eventually(lambda: client.runs(status="open"), lambda p: len(p.runs) == 1)
    # Nobody keeps the frames for it: the stream is made anew.
    await _delete_stream(client)
    await client.start("echo", "missed")
    workflow.runs[held.id_text].append(_cancelled(), now_us())
    async with hosted("monitoring", settings, main) as host:
        await host.ready()
        stats = await eventually(client.stats, lambda s: s.runs == {"completed": 1, "cancelled": 1})
        assert stats.workflows == {"echo": {"completed": 1}, "hold": {"cancelled": 1}}


async def test_a_stream_that_is_lost_while_it_works_is_made_up_for(
    client: Client,
    monitoring: Monitoring,
    workflow: FakeWorkflow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await client.start("echo", 1)
    await eventually(client.runs, lambda p: len(p.runs) == 1)
    workflow._logs = False
    await client.start("echo", "missed", wait_accepted=True)
    await _delete_stream(client)
    await eventually(client.runs, lambda p: len(p.runs) == 2)


async def test_a_stream_that_was_nearly_full_is_made_up_for(
    client: Client,
    monitoring: Monitoring,
    workflow: FakeWorkflow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await client.start("echo", 1)
    await eventually(client.runs, lambda p: len(p.runs) == 1)
    workflow._logs = False
    await client.start("echo", "missed", wait_accepted=True)
    monkeypatch.setattr(catching_up, "FULL", -1.0)
    await eventually(client.runs, lambda p: len(p.runs) == 2)


async def test_a_rebuild_repairs_what_was_damaged(
    client: Client, monitoring: Monitoring, monitoring_dsn: str
) -> None:
    await client.start_many([("echo", n) for n in range(4)])
    await eventually(client.stats, lambda s: s.runs == {"completed": 4})
    connection = await asyncpg.connect(monitoring_dsn)
    await connection.execute("update monitoring.run set counts = '{}', status = 'failed'")
    await connection.execute("update monitoring.run_count set status = 'failed'")
    assert (await client.stats()).runs == {"failed": 4}
    assert await client._link.asks.ask("monitoring", "rebuild", {}, dict) == {"accepted": True}
    await eventually(client.stats, lambda s: s.runs == {"completed": 4})
    page = await client.runs()
    assert {r.status for r in page.runs} == {"completed"}
    assert page.runs[0].steps == {"completed": 2}
    # the view shows the steps as rows
    rows = await connection.fetch("select step, status, task, attempts from monitoring.step")
    assert len(rows) == 8 and {tuple(r) for r in rows} == {
        ("one", "completed", "echo", 1),
        ("two", "completed", "upper", 1),
    }
    await connection.close()


async def test_another_instance_takes_over(
    settings: MonitoringSettings, client: Client, workflow: FakeWorkflow
) -> None:
    async with hosted("monitoring", settings, main, instance="one") as one:
        await one.ready()
        async with hosted("monitoring", settings, main, instance="two") as two:
            await two.ready()
            held = await client.start("hold", 1, wait_accepted=True)
            await eventually(client.runs, lambda p: len(p.runs) == 1)
            await one.stop()
            await held.signal("go")
            await eventually(client.stats, lambda s: s.runs == {"completed": 1})


@pytest.fixture
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a frame that was not acknowledged come again soon."""
    monkeypatch.setattr(topology, "MONITORING_ACK_WAIT_S", 2.0)


async def test_a_lost_session_gives_up_and_goes_on(
    soon_again: None, client: Client, monitoring: Monitoring, monitoring_dsn: str
) -> None:
    held = await client.start("hold", 1, wait_accepted=True)
    await eventually(client.runs, lambda p: len(p.runs) == 1)
    connection = await asyncpg.connect(monitoring_dsn)
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )
    await connection.close()
    await held.signal("go")
    await client.start("echo")

    async def stats() -> dict[str, int]:
        try:
            return (await client.stats()).runs
        except Rejected:  # its own connections were cut, too
            return {}

    # A frame that was on its way to the loop that gave up comes again after its time.
    await eventually(stats, lambda runs: runs == {"completed": 2}, 60.0)


async def test_old_runs_are_forgotten(
    settings: MonitoringSettings,
    client: Client,
    workflow: FakeWorkflow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "KEEPING_S", 0.2)
    async with hosted("monitoring", settings.model_copy(update={"keep_days": 1e-9}), main) as host:
        await host.ready()
        await client.start("hold")
        await client.start("echo")
        stats = await eventually(client.stats, lambda s: s.runs == {"running": 1})
        assert stats.workflows == {"hold": {"running": 1}}
        assert len((await client.runs()).runs) == 1


async def _delete_stream(client: Client) -> None:
    await ask_api(
        client.connection, "STREAM.DELETE.STRETTO_LOG", None, Answer, asked="delete the stream"
    )


def _cancelled() -> object:
    from stretto.contracts.events import RunCancelled
    from stretto.contracts.failures import Failure

    return RunCancelled(failure=Failure(type="Cancelled"))


async def test_a_rebuild_waits_for_the_workflow_service_and_survives_a_restart(
    settings: MonitoringSettings,
    client: Client,
    workflow: FakeWorkflow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(catching_up, "RETRY_S", 0.05)
    workflow._logs = False
    for n in range(3):
        await workflow.start("echo", n)
    damaged = await workflow.start("echo", 4)
    seq, type_, at, _, step = damaged.log[1]
    damaged.log[1] = (seq, type_, at, b'{"step":7}', step)
    workflow.deaf = True
    for last in (False, True):
        async with hosted("monitoring", settings, main) as host:
            await host.ready()
            workflow.deaf = not last
            if last:
                await eventually(client.stats, lambda s: s.runs == {"completed": 4})


async def test_a_running_instance_hears_of_a_stream_that_was_deleted_before_it_looks(
    client: Client, monitoring: Monitoring
) -> None:
    """The position of the stream that is gone is not that of the new one."""
    await client.start("echo")
    await eventually(client.runs, lambda p: len(p.runs) == 1)
    for n in range(3):
        await _delete_stream(client)
        await client.start("echo", wait_accepted=True)
        await eventually(client.runs, lambda p, n=n: len(p.runs) == n + 2)  # type: ignore[misc]
