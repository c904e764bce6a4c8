"""What monitoring answers about runs that happened before it, beside it, and without it."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import msgspec
import pytest

from services.monitoring import catching_up, history, intake, reads
from services.monitoring.service import main
from services.monitoring.settings import MonitoringSettings
from stretto.bus.api import Answer, ask_api
from stretto.client import Client, NotReachable, Rejected
from stretto.contracts import events as ev
from stretto.contracts import ids
from stretto.contracts.codec import json_encode, pack
from stretto.contracts.frames import LogEvent, LogFrame, LogRecord, ServiceStats
from stretto.runtime.clock import now_us
from stretto.runtime.topology import MONITORING_ACK_WAIT_S
from stretto.testkit.fake_workflow import FakeWorkflow
from stretto.testkit.service_host import Hosted, hosted

from .conftest import eventually

Monitoring = Hosted[MonitoringSettings]


async def test_a_run_is_listed_with_its_steps_counted(
    client: Client, monitoring: Monitoring
) -> None:
    run = await client.start("echo", {"a": 1}, id="key-1")
    page = await eventually(client.runs, lambda p: bool(p.runs) and p.runs[0].status != "running")
    [listed] = page.runs
    assert (listed.run_id, listed.workflow, listed.id) == (run.id, "echo", "key-1")
    assert listed.status == "completed" and listed.steps == {"completed": 2}
    assert listed.duration_ms is not None and listed.duration_ms >= 0
    assert page.next is None


async def test_an_open_run_is_listed_as_open_and_then_as_it_ended(
    client: Client, monitoring: Monitoring
) -> None:
    run = await client.start("hold")
    await eventually(lambda: client.runs(status="open"), lambda p: len(p.runs) == 1)
    assert (await client.runs(status="running")).runs[0].steps == {"open": 1}
    assert (await client.stats()).runs == {"running": 1}
    await run.cancel("enough")
    page = await eventually(lambda: client.runs(status="cancelled"), lambda p: len(p.runs) == 1)
    assert page.runs[0].failure and page.runs[0].failure.message == "enough"
    assert (await client.runs(status="open")).runs == []
    assert (await client.stats()).runs == {"cancelled": 1}


async def test_runs_are_found_by_all_of_the_labels_that_are_asked_for(
    client: Client, monitoring: Monitoring
) -> None:
    both = await client.start("echo", {"a": 1}, labels={"site": "eu", "team": "a b"})
    one = await client.start("echo", {"a": 1}, labels={"site": "eu"})
    await client.start("echo", {"a": 1})
    await eventually(client.runs, lambda p: len(p.runs) == 3)

    async def found(**labels: str) -> set[str]:
        return {run.run_id for run in (await client.runs(labels=labels)).runs}

    assert await found(site="eu") == {both.id, one.id}
    assert await found(site="eu", team="a b") == {both.id}
    assert await found(site="us") == set()
    assert await found(site="eu'; drop table x; --") == set()
    with pytest.raises(Rejected, match="at most 10 labels"):
        await client.runs(labels={f"k{i}": "v" for i in range(11)})
    with pytest.raises(Rejected, match=r"U\+0000"):
        await client.runs(labels={"a": "\0"})


async def test_runs_are_found_by_the_labels_of_their_steps(
    client: Client, monitoring: Monitoring, workflow: FakeWorkflow
) -> None:
    both, one = await workflow.start("hold", 1), await workflow.start("hold", 1)
    for run, labels in ((both, {"risk": "high", "team": "a=b"}), (one, {"risk": "high"})):
        run.append(ev.StepLabelled(step="wait", labels=labels), now_us())
        await workflow.publish_log(workflow.record(run))

    async def found(**labels: str) -> set[str]:
        return {run.run_id for run in (await client.runs(step_labels=labels)).runs}

    await eventually(lambda: found(risk="high"), lambda ids: len(ids) == 2)
    assert await found(risk="high", team="a=b") == {both.id_text}
    assert await found(risk="low") == set()
    with pytest.raises(Rejected, match="at most 10 labels"):
        await client.runs(step_labels={f"k{i}": "v" for i in range(11)})
    steps = {step.step: step.labels for step in (await client.show(both.id_text)).steps}
    assert steps["wait"] == {"risk": "high", "team": "a=b"}


async def test_a_run_is_shown_with_its_attempts_and_payloads(
    client: Client, monitoring: Monitoring
) -> None:
    run = await client.start("fail", {"x": 1})
    await eventually(lambda: client.runs(status="failed"), lambda p: len(p.runs) == 1)
    shown = await client.show(run.id)
    assert shown.run.status == "failed" and shown.run.failure is not None
    assert shown.run.steps == {"failed": 1}
    assert msgspec.json.decode(shown.input) == {"x": 1}
    [step] = shown.steps
    assert (step.step, step.status, step.task) == ("breaks", "failed", "fail")
    assert [(a.attempt, a.status) for a in step.attempts] == [
        (1, "failed"),
        (2, "failed"),
        (3, "failed"),
    ]
    assert step.attempts[0].retry_at and not step.attempts[2].retry_at
    assert step.duration_ms is not None

    echoed = await client.start("echo", [1])
    await echoed.result(5)
    shown = await client.show(echoed.id)
    assert msgspec.json.decode(shown.output) == [1]
    assert msgspec.json.decode(shown.steps[0].output) == [1]
    assert shown.steps[0].attempts[0].worker == "fake"


async def test_an_open_run_is_shown_as_fresh_as_the_log(
    client: Client, monitoring: Monitoring, workflow: FakeWorkflow
) -> None:
    run = await client.start("hold", wait_accepted=True)
    shown = await client.show(run.id)  # whether it is committed already or not
    assert [s.status for s in shown.steps] == ["scheduled"]
    await run.signal("go", 5)
    shown = await client.show(run.id)
    assert [s.status for s in shown.steps] == ["completed", "completed"]


async def test_what_is_not_there_is_refused(client: Client, monitoring: Monitoring) -> None:
    with pytest.raises(Rejected) as caught:
        await client.show("019aaaaa-0000-7000-8000-0000000000ff")
    assert caught.value.code == "run_unknown"
    with pytest.raises(Rejected, match="to be a UUID"):
        await client.show("x")
    for wrong, why in (
        ({"status": "odd"}, "expected a status"),
        ({"limit": 0}, "expected a limit of 1 to 1000"),
        ({"before": "x"}, "to be the 'next' of a page"),
        ({"search": "x" * 101}, "at most 100 characters"),
        ({"limit": "x"}, "expected a ListRequest"),
    ):
        with pytest.raises(Rejected, match=why):
            await client.runs(**wrong)  # type: ignore[arg-type]


async def test_pages_hold_every_run_once_and_filters_hold(
    client: Client, monitoring: Monitoring
) -> None:
    runs = await client.start_many([("echo", n) for n in range(25)] + [("fail", None)] * 5)
    await eventually(client.stats, lambda s: s.runs == {"completed": 25, "failed": 5})
    seen: list[str] = []
    before = None
    while True:
        page = await client.runs(limit=7, before=before)
        seen += [r.run_id for r in page.runs]
        before = page.next
        if before is None:
            break
    assert sorted(seen) == sorted(run.id for run in runs)
    assert len((await client.runs(workflow="fail")).runs) == 5
    assert len((await client.runs(status="failed,cancelled")).runs) == 5
    assert [r.run_id for r in (await client.runs(search=runs[3].id)).runs] == [runs[3].id]
    found = (await client.runs(search=runs[3].id[:30])).runs
    assert runs[3].id in [r.run_id for r in found]
    assert (await client.runs(search="nothing_%")).runs == []
    keyed = await client.start("hold", id="order_42%")
    await eventually(lambda: client.runs(search="order_4"), lambda p: len(p.runs) == 1)
    assert (await client.runs(id="order_42%")).runs[0].run_id == keyed.id
    assert (await client.runs(search="orderX4")).runs == []


async def test_statistics_tell_latencies_and_rates(client: Client, monitoring: Monitoring) -> None:
    await client.start_many([("echo", n) for n in range(20)])
    stats = await eventually(
        client.stats,
        lambda s: s.workflows == {"echo": {"completed": 20}} and s.steps_per_s > 0,
    )
    assert set(stats.task_latency) == {"echo", "upper"}
    assert stats.task_latency["echo"].count == 20
    assert stats.run_latency["echo"].count == 20
    assert stats.run_latency["echo"].p50_ms <= stats.run_latency["echo"].p99_ms
    assert (await client.stats("other")).runs == {}


async def test_services_that_tell_of_themselves_are_seen(
    client: Client, monitoring: Monitoring
) -> None:
    for data in (
        b"?",
        json_encode(ServiceStats(service="decision", instance="d1", at_us=now_us())),
        json_encode(ServiceStats(service="decision", instance="old", at_us=5)),
    ):
        await client.connection.publish("stretto.stats.decision", data)
    stats = await eventually(client.stats, lambda s: bool(s.services))
    assert [(s["service"], s["instance"]) for s in stats.services] == [("decision", "d1")]


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


async def test_a_lost_session_gives_up_and_goes_on(
    client: Client, monitoring: Monitoring, monitoring_dsn: str
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
    await eventually(stats, lambda runs: runs == {"completed": 2}, MONITORING_ACK_WAIT_S * 1.5)


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


async def test_nobody_there_is_not_reachable(client: Client) -> None:
    with pytest.raises(NotReachable):
        await client._link.asks.ask("monitoring", "stats", {}, dict, 0.3)


async def _delete_stream(client: Client) -> None:
    await ask_api(
        client.connection, "STREAM.DELETE.STRETTO_LOG", None, Answer, asked="delete the stream"
    )


def _cancelled() -> object:
    from stretto.contracts.events import RunCancelled
    from stretto.contracts.failures import Failure

    return RunCancelled(failure=Failure(type="Cancelled"))


async def test_a_run_is_shown_without_the_log_as_it_is_kept(
    client: Client, monitoring: Monitoring, workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await client.start("echo", [1], id="k")
    held = await client.start("hold", wait_accepted=True)
    await eventually(client.stats, lambda s: s.runs == {"completed": 1, "running": 1})
    monkeypatch.setattr(history, "TIMEOUT_S", 0.2)
    workflow.deaf = True
    shown = await client.show(run.id)
    assert [s.status for s in shown.steps] == ["completed", "completed"]
    assert shown.run.steps == {"completed": 2} and shown.input == msgspec.Raw(b"null")
    assert (await client.show(held.id)).run.status == "running"
    with pytest.raises(Rejected) as caught:
        await client.show("019aaaaa-0000-7000-8000-0000000000ff")
    assert caught.value.code == "run_unknown"


async def test_a_large_run_is_shown_without_payloads(
    client: Client, monitoring: Monitoring, workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "MAX_EVENTS_WITH_PAYLOADS", 3)
    run = await client.start("echo", [1])
    held = await client.start("hold", [1], wait_accepted=True)
    await eventually(client.stats, lambda s: s.runs == {"completed": 1, "running": 1})
    asked = workflow.asked.get("history", 0)
    assert len((await client.show(run.id)).steps) == 2
    assert workflow.asked.get("history", 0) == asked  # all of it is kept
    await held.signal("go")
    shown = await client.show(held.id)
    assert shown.run.status == "completed"


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
