"""Attempts on devices that asked to be watched: silence fails them, what they said goes on."""

from msgspec import Raw

from services.execution.core.attempt import Attempt
from services.execution.core.on_route import At, Routed, Still
from services.execution.core.routed import Routes
from stretto.contracts.codec import decode_task, json_encode
from stretto.contracts.public import Task
from stretto.contracts.routes import RouteRecord

from .test_routed import S, Story, sent


def watched(story: Story, id_: str = "a", heartbeat_s: float = 1.0) -> Attempt:
    """Admit an attempt that asks for signs of life, and let it begin on device `d`."""
    task = Task(id=id_, run_id="r", step="s", attempt=1, task="t", input=Raw(b"1"), reply="r")
    attempt = Attempt(
        id_=id_, namespace="default", task="t", queue=None, payload=json_encode(task), reply="r",
        heartbeat_s=heartbeat_s,
    )  # fmt: skip
    routed = Routed(attempt, RouteRecord(b"{}", ()), (), story.now)
    story.routes.admit(routed, story.now)
    assert sent(story.rank("d")) == [(id_, "d", True)]
    story.routes.accepted(id_, story.now)
    story.tick()
    return attempt


def alive(routes: Routes, story: Story, id_: str, details: bytes | None = None) -> None:
    routes.alive(id_, story.now, details)


def test_accepted_it_may_wait_and_from_its_first_sign_on_it_may_not_be_silent() -> None:
    story = Story("d")
    attempt = watched(story)
    for _ in range(10):
        assert story.tick(S) == []
    alive(story.routes, story, "a", b'{"row":1}')
    assert story.tick(S) == []
    assert story.tick(1) == [Still(attempt, "d", b'{"row":1}')]
    assert story.routes.get("a") is None
    assert len(story.routes.pulses) == 0
    assert story.roster.free("default", "d") == 1, "its slot is free"


def test_signs_of_attempts_that_are_nowhere_or_want_none_count_nothing() -> None:
    story = Story("d")
    watched(story, heartbeat_s=0.0)
    alive(story.routes, story, "a")
    alive(story.routes, story, "unknown")
    assert len(story.routes.pulses) == 0
    story.admit("waits")
    alive(story.routes, story, "waits")
    assert len(story.routes.pulses) == 0


def test_silence_does_not_count_while_nobody_could_be_heard() -> None:
    story = Story("d")
    watched(story)
    alive(story.routes, story, "a")
    assert story.tick(3 * S) == [], "we were stalled"
    story.now += S - 1
    story.routes.deaf(story.now)
    assert story.tick(S) == []
    assert story.at("a") is At.ACCEPTED


def test_taken_to_another_device_it_goes_on_from_what_it_said() -> None:
    story = Story("d", "e")
    attempt = watched(story)
    alive(story.routes, story, "a", b'{"row":7}')
    story.present("d", gone=True)
    story.tick()
    assert sent(story.rank("e")) == [("a", "e", True)]
    assert bytes(decode_task(attempt.payload).details) == b'{"row":7}'
    assert len(story.routes.pulses) == 0


def test_with_its_result_it_is_watched_no_more() -> None:
    story = Story("d")
    watched(story)
    alive(story.routes, story, "a")
    story.routes.finished("a")
    assert len(story.routes.pulses) == 0 and story.tick(2 * S - 1) == []
