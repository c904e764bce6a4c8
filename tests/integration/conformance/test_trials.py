"""Each rule of the protocol, tried on a worker that keeps it and on workers that do not."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from stretto.bus.connection import connect
from stretto.conformance import (
    Target,
    Verdict,
    check_worker,
    delivery_trials,
    life_trials,
    payload_trials,
    trials,
)
from stretto.conformance.findings import Finding
from stretto.conformance.stage import Stage, on_stage, prepare
from stretto.payloads import Carrier

from .crooked import crooked

_numbers = itertools.count()

WRONG: tuple[tuple[str, trials.Trial, str], ...] = (
    ("presence garbage", life_trials.presence, "expected a presence message"),
    ("other name", life_trials.presence, "as the subject says"),
    ("no slots", life_trials.presence, "at least 1 slot"),
    ("present once", life_trials.presence, "it would count as gone"),
    ("silent", trials.completes, "it answered +WPI"),
    ("replies garbage", trials.completes, "done!"),
    ("wrong echo", trials.completes, "to complete with its input"),
    ("never accepts", trials.accepts, "as `accept` was true, but none came"),
    ("accepts late", trials.accepts, "before its result"),
    ("first only", delivery_trials.acknowledges_late, "but one is missing"),
    ("never acknowledges", delivery_trials.acknowledges_late, "delivered again and again"),
    ("negative", delivery_trials.acknowledges_late, "-NAK"),
    ("acknowledges early", delivery_trials.acknowledges_late, "before it: when the worker dies"),
    ("silent", delivery_trials.duplicates, "for an attempt that came twice, but none"),
    ("forgets duplicates", delivery_trials.duplicates, "but one is not"),
    ("answers otherwise", delivery_trials.duplicates, "but they differ"),
    ("ignores unknown", trials.unknown_task, "but none came"),
    ("swallows failures", trials.failure, "but none came"),
    ("fails without why", trials.failure, "with a type and a message"),
    ("dies of garbage", delivery_trials.garbage, "after it was not answered"),
    ("leaves garbage", delivery_trials.garbage, "come again for ever"),
    ("silent", payload_trials.large, "or a failure, but none came"),
    ("large cut", payload_trials.large, "letters, but 1 came"),
    ("large inline", payload_trials.large, "expected at most 1 MiB"),
    ("large lost", payload_trials.large, "whose `text` can be read"),
    ("silent", payload_trials.large_input, "but none came"),
    ("no references", payload_trials.large_input, "what is this"),
    ("other reference", payload_trials.large_input, "but another came"),
    ("no heartbeat", life_trials.lives_and_withdraws, "but 0 came"),
    ("odd heart", life_trials.lives_and_withdraws, "but 0 came"),
    ("slow heart", life_trials.lives_and_withdraws, "passed without one"),
    ("lets go", life_trials.lives_and_withdraws, "expected +WPI"),
    ("completes withdrawn", life_trials.lives_and_withdraws, "but it is `completed`"),
)  # fmt: skip

COSTLY: tuple[tuple[str, trials.Trial, str], ...] = (
    ("no presence", life_trials.presence, "but none came"),
    ("no tasks", life_trials.presence, "names no tasks"),
    ("nameless", trials.completes, "which `worker`"),
    ("no times", trials.completes, "began and ended"),
    ("odd times", trials.completes, "began and ended"),
    ("accepts twice", trials.accepts, "accepted 2 times"),
    ("does twice", delivery_trials.duplicates, "answered 2 times"),
    ("large fails", payload_trials.large, "bytes fails"),
    ("not withdrawn", life_trials.lives_and_withdraws, "it goes on, for nothing"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The workers of these tests are quick: nobody waits as long as for a stranger's."""
    for module in (trials, delivery_trials, life_trials, payload_trials):
        monkeypatch.setattr(module, "ANSWER_S", 1.0)
    for module in (trials, delivery_trials):
        monkeypatch.setattr(module, "SHORT_MS", 150)
    monkeypatch.setattr(life_trials, "PRESENT_S", 1.0)
    monkeypatch.setattr(life_trials, "WORK_ACK_WAIT_S", 4.5)
    yield


@asynccontextmanager
async def tried(nats_url: str, fault: str, *, device: bool = False) -> AsyncIterator[Stage]:
    name = f"p{next(_numbers)}"
    target = Target(device=name) if device else Target(queue=name)
    async with await connect(nats_url, "check") as connection:
        await prepare(connection, target)
        async with on_stage(connection, target) as ours, crooked(nats_url, target, fault):
            yield ours


def told(found: list[Finding], verdict: Verdict) -> str:
    assert verdict in [finding.verdict for finding in found], found
    assert all(f.remedy for f in found if f.verdict in (Verdict.WRONG, Verdict.WARNING))
    return " ".join(finding.sentence for finding in found if finding.verdict is verdict)


@pytest.mark.parametrize(("fault", "trial", "sentence"), WRONG)
async def test_what_a_worker_does_wrong_is_said(
    nats_url: str, fault: str, trial: trials.Trial, sentence: str
) -> None:
    async with tried(nats_url, fault) as ours:
        if trial is life_trials.lives_and_withdraws:
            await life_trials.presence(ours)
        assert sentence in told(await trial(ours), Verdict.WRONG)


@pytest.mark.parametrize(("fault", "trial", "sentence"), COSTLY)
async def test_what_only_costs_something_is_a_warning(
    nats_url: str, fault: str, trial: trials.Trial, sentence: str
) -> None:
    async with tried(nats_url, fault) as ours:
        assert sentence in told(await trial(ours), Verdict.WARNING)


async def test_a_device_must_say_that_it_is_there(nats_url: str) -> None:
    async with tried(nats_url, "no presence", device=True) as ours:
        assert "but none came" in told(await life_trials.presence(ours), Verdict.WRONG)


async def test_acknowledgements_of_others_are_not_noted(nats_url: str) -> None:
    async with tried(nats_url, "") as ours:
        for subject in (
            b"$JS.ACK",
            b"$JS.ACK.OTHER.consumer.1.2.3.4.5",
            b"$JS.ACK.a.b.c.d.e.f.g.h",
        ):
            ours.hear_ack(subject, b"", b"", b"+ACK")
        assert ours.acks == []


async def test_an_input_that_cannot_be_stored_is_not_tried(nats_url: str) -> None:
    async with tried(nats_url, "") as ours:
        ours.carrier = Carrier(ours.connection, ours.publisher, limit=0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("stretto.payloads.carrier.MAX_STORED_BYTES", 10)
            assert "does not take it" in told(
                await payload_trials.large_input(ours), Verdict.NOT_TRIED
            )


async def test_an_output_that_cannot_be_read_is_said(nats_url: str) -> None:
    async with tried(nats_url, "nowhere") as ours:
        assert "that can be read" in told(await payload_trials.large_input(ours), Verdict.WRONG)


async def test_an_output_that_names_a_lost_payload_is_said(nats_url: str) -> None:
    async with tried(nats_url, "lost reference") as ours:
        assert "another came" in told(await payload_trials.large_input(ours), Verdict.WRONG)


@pytest.mark.parametrize("device", [False, True])
async def test_a_worker_that_keeps_the_protocol_is_found_to(nats_url: str, device: bool) -> None:
    target = Target(device="good") if device else Target(queue="good")
    heard: list[Finding] = []
    async with await connect(nats_url, "check") as connection:
        await prepare(connection, target)
        async with crooked(nats_url, target, ""):
            report = await check_worker(connection, target, heard.append)
    assert report.conforms and report.findings == heard, report
    verdicts = [finding.verdict for finding in report.findings]
    assert verdicts.count(Verdict.NOT_TRIED) == device and Verdict.WARNING not in verdicts
    assert report.place == ("device good" if device else "queue good")


async def test_a_worker_that_does_nothing_is_tried_no_further(nats_url: str) -> None:
    target = Target(queue="dead")
    async with await connect(nats_url, "check") as connection:
        report = await check_worker(connection, target)
    assert [f.rule for f in report.findings] == ["presence", "completes"]
    assert not report.conforms and report.worker == ""


async def test_what_a_worker_has_no_handler_for_is_not_tried(nats_url: str) -> None:
    target = Target(queue="few")
    async with await connect(nats_url, "check") as connection:
        await prepare(connection, target)
        async with crooked(nats_url, target, "few tasks"):
            report = await check_worker(connection, target)
    not_tried = [f.rule for f in report.findings if f.verdict is Verdict.NOT_TRIED]
    assert len(not_tried) == 6 and "large output" in not_tried
    assert report.conforms


async def test_replies_that_cannot_be_read_are_told_at_the_end(nats_url: str) -> None:
    target = Target(queue="babbling")
    async with await connect(nats_url, "check") as connection:
        await prepare(connection, target)
        async with crooked(nats_url, target, "babbles"):
            report = await check_worker(connection, target)
    assert report.findings[-1].rule == "replies" and not report.conforms
