"""Where an attempt is, in sentences."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stretto.client import NotReachable, explaining
from stretto.client.explaining import Fleet
from stretto.contracts.answers import QueueView, ResourceView
from stretto.contracts.bindings import RoutedAttempt
from stretto.contracts.public import RunningAttempt
from stretto.contracts.routes import Otherwise

from .canned import CannedBus

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
HELD = QueueView(namespace="default", queue="q", waiting=3)
RUN = "01a2042f-94ec-713c-9ece-d0e079461e01"


def worker(name: str, *tasks: str, **more: Any) -> explaining._Worker:
    return explaining._Worker(
        device=name, queue="q", tasks=list(tasks), seen_at="2026-01-01T11:59:58Z", **more
    )


def told(fleet: Fleet, **more: Any) -> dict[str, Any]:
    cause: dict[str, Any] = {
        "step": "a", "cause": "attempt", "attempt": 1, "task": "t.do", "queue": "q",
        "since": "2026-01-01T11:00:00Z", "sentence": "",
    } | more  # fmt: skip
    explaining._tell_attempt(cause, RUN, fleet, NOW)
    return cause


@pytest.mark.parametrize(
    ("fleet", "more", "text"),
    [
        (Fleet([], []), {}, "no worker is present on queue 'q', so nobody does 't.do'"),
        (
            Fleet([worker("w", "t.dot")], []),
            {},
            "knows the task 't.do' (is 't.dot' meant?); the one there does 't.dot'",
        ),
        (
            Fleet([worker("w", "x"), worker("v", "y")], []),
            {"queue": None},
            "no worker that is present knows the task 't.do'; the 2 there do 'x', 'y'",
        ),
        (
            Fleet([worker("w", "t.do", slots=2, busy=2)], [HELD]),
            {},
            "for a free slot of 'w' on queue 'q': 2 of 2 slots are taken, 3 attempts are held",
        ),
        (Fleet([worker("w", "t.do")], []), {}, "'t.do' is with 'w' on queue 'q' or on its way"),
        (Fleet([worker("w")], []), {}, "'t.do' is with 'w' on queue 'q' or on its way"),
        (
            Fleet([worker("w")], [HELD]),
            {},
            "'t.do' is with 'w' on queue 'q' or on its way, 3 attempts are held",
        ),
        (Fleet([], []), {"task": "std.sleep"}, "the execution service runs 'std.sleep' itself"),
        (
            Fleet([], []),
            {"worker": "w"},
            "worker 'w' began 't.do' 1 h 0 min ago and is not present any more; another",
        ),
        (
            Fleet([], []),
            {"worker": "w", "sent": True},
            "'t.do' was sent to 'w', which has not said that it began and is not present any more.",
        ),
        (
            Fleet([worker("w", "t.do")], []),
            {"worker": "w", "sent": True},
            "'t.do' was sent to 'w', which has not said that it began.",
        ),
        (
            Fleet([worker("w", "t.do")], []),
            {"worker": "w", "progress": 0.5},
            "worker 'w' began 't.do' 1 h 0 min ago (50% done).",
        ),
        (
            Fleet(
                [
                    worker(
                        "w",
                        "t.do",
                        running=[RunningAttempt(id=f"{RUN}:a:1", since="2025-12-30T11:00:00Z")],
                    )
                ],
                [],
            ),
            {"message": "copying"},
            "worker 'w' has run 't.do' for 2 d 1 h; its last sign of life came 2 s ago ('copying')",
        ),
    ],
)  # fmt: skip
def test_where_an_attempt_is(fleet: Fleet, more: dict[str, Any], text: str) -> None:
    assert text in told(fleet, **more)["sentence"]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"unbounded": True}, "It has no timeout: nothing but its result ends it."),
        ({"until": "2026-01-01T13:00:00Z"}, "At the latest at 2026-01-01T13:00:00Z its time is up"),
        ({}, "Its timeout begins when a worker does."),
    ],
)
def test_what_bounds_it(more: dict[str, Any], text: str) -> None:
    assert text in told(Fleet([], []), **more)["sentence"]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"worker": "w", "heartbeat_s": 3.0}, "It fails when it gives no sign of life for 3 s."),
        ({"worker": "w"}, "Its result ends it."),
        ({"worker": "w", "heartbeat_s": 3.0, "sent": True}, "Its timeout begins when a worker"),
        ({"heartbeat_s": 3.0}, "Its timeout begins when a worker does."),
    ],
)
def test_what_bounds_an_attempt_that_has_begun(more: dict[str, Any], text: str) -> None:
    assert text in told(Fleet([worker("w", "t.do")], []), **more)["sentence"]


def test_what_a_route_does_when_nobody_fits_is_what_bounds_its_attempt() -> None:
    until = "2026-01-01T12:00:10Z"
    for then, more, text in (
        (Otherwise(fail="no"), {}, f"If nobody fits until {until}, it fails with NoDevice."),
        (Otherwise(queue="man"), {}, f"If nobody fits until {until}, it goes to queue 'man'."),
        (Otherwise(fail="no"), {"until": "2026-01-01T12:00:05Z"}, "At the latest at"),
        (None, {"unbounded": True}, "It has no timeout"),
    ):
        waiting = RoutedAttempt(id="x", at="waiting", since=until, until=until, then=then)
        cause = {"step": "a", "task": "t.do", "attempt": 1, **more}
        explaining._tell_routed(cause, waiting)
        assert text in cause["sentence"]
        assert then is None or cause["until"] == more.get("until", until)


def test_an_attempt_that_waits_for_resources_is_with_nobody() -> None:
    there = [worker("w", "t.do")]
    taken = ResourceView(name="gpu", capacity=1, used=1, waiting=1)

    cause = told(Fleet(there, [], [taken]), resources={"gpu": 1}, until="2026-01-01T13:00:00Z")
    assert "'t.do' waits for gpu. It needs 1 gpu, there is 1 in all, 1 taken." in cause["sentence"]
    assert cause["until"] == "2026-01-01T13:00:00Z"

    cause = told(Fleet(there, [], [taken]), resources={"gpu": 1, "arm": 2}, unbounded=True)
    assert "waits for gpu and arm." in cause["sentence"]
    assert "If nobody brings more within 30 s, it fails with ResourceShortage." in cause["sentence"]
    assert datetime.fromisoformat(cause["until"]) - timedelta(seconds=30) == (
        datetime.fromisoformat(cause["since"])
    )
    assert cause["remedy"].startswith("More arm: `Worker(resources=…)`")

    free = ResourceView(name="gpu", capacity=1)
    cause = told(Fleet(there, [], [free]), resources={"gpu": 1})
    assert "is with 'w' on queue 'q' or on its way" in cause["sentence"]


def test_many_names_are_cut() -> None:
    assert explaining._names([str(n) for n in range(10)]).endswith("'7' and 2 more")


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [
        (
            {"cause": "rollout", "owner": "person"},
            "`stretto approve RUN --step a` lets the next wave begin, "
            "`stretto reject RUN --step a` ends the rollout.",
        ),
        ({"cause": "rollout", "owner": "worker"}, None),
        ({"cause": "rollout", "owner": "timer"}, None),
        ({"cause": "signal", "signal": "go"}, "`stretto signal RUN go` sends it."),
        ({"cause": "approval"}, "`stretto approve RUN` or `stretto reject RUN` decides."),
        (
            {"cause": "approval", "by": ["ops", "ann"]},
            "`stretto approve RUN --by ops` or `stretto reject RUN --by ops` decides.",
        ),
    ],
)
def test_what_waits_for_a_person_says_what_the_person_can_do(
    cause: dict[str, Any], remedy: str | None
) -> None:
    cause["step"] = "a"
    explaining._remedy(cause)
    assert cause.get("remedy") == remedy


@pytest.mark.parametrize(
    ("present", "more"),
    [
        ([], " Now no worker is present, so nobody does 't.do'."),
        ([worker("w", "t.dot")], " Now no worker that is present knows the task 't.do' (is"),
        ([worker("w", "t.do")], ""),
        (NotReachable("x", "nobody"), ""),
    ],
)
async def test_who_does_what_nobody_began_in_time_is_told_as_it_is_now(
    present: Any, more: str
) -> None:
    devices = present if isinstance(present, Exception) else {"devices": present}
    failure = {"type": "QueueTimeout", "message": "none did", "step": "a"}
    bus = CannedBus(
        {
            "workflow.explain": {"status": "failed", "failure": failure, "task": "t.do"},
            "execution.devices": devices,
            "execution.queues": {"queues": []},
        }
    )

    said = (await explaining.explain(bus.asks(), RUN))["sentence"]

    assert said.startswith(f"Step 'a' failed: QueueTimeout: none did.{more}")
    assert more or said.endswith("none did.")
