"""What monitoring answers about runs that happened before it, beside it, and without it."""

from __future__ import annotations

import msgspec
import pytest

from services.monitoring import history, reads
from stretto.client import Client, NotReachable, Rejected
from stretto.contracts import events as ev
from stretto.contracts.codec import json_encode
from stretto.contracts.frames import ServiceStats
from stretto.runtime.clock import now_us
from stretto.testkit.fake_workflow import FakeWorkflow
from tests.integration.monitoring.hosts import Monitoring

from .conftest import eventually


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


async def test_nobody_there_is_not_reachable(client: Client) -> None:
    with pytest.raises(NotReachable):
        await client._link.asks.ask("monitoring", "stats", {}, dict, 0.3)


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
