"""Attempts with a route: bound late, sent again, taken elsewhere, never lost."""

from typing import Any

import pytest

from services.execution.core.attempt import Attempt, Demand
from services.execution.core.on_route import (
    At,
    NoDevice,
    Routed,
    RouteEffect,
    Send,
    StopAt,
    ToQueue,
    Unheard,
)
from services.execution.core.resources import Pool
from services.execution.core.roster import Roster
from services.execution.core.routed import LOOK_AGAIN_US, RESEND_US, RETURN_US, Routes
from stretto.contracts.failures import Failure
from stretto.contracts.public import Presence
from stretto.contracts.routes import MAX_QUESTIONS, Candidate, Otherwise, Ranked, RouteRecord

S = 1_000_000


class Story:
    """Routes, a roster, and a clock that is moved."""

    def __init__(self, *devices: str, slots: int = 1, pool: Pool | None = None) -> None:
        self.roster = Roster()
        self.rung = 0
        self.routes = Routes(self.roster, self._ring, pool)
        self.now = 10 * S
        for device in devices:
            self.present(device, slots=slots)

    def _ring(self) -> None:
        self.rung += 1

    def present(self, device: str, **said: Any) -> None:
        self.roster.hear("default", device, Presence(**{"tasks": ["t"], **said}), self.now)

    def admit(
        self,
        id_: str,
        *otherwise: Otherwise,
        avoid: str | None = None,
        device: str | None = None,
        demand: Demand | None = None,
    ) -> list[RouteEffect]:
        attempt = Attempt(
            id_=id_, namespace="default", task="t", queue=None, payload=b"{}", reply="r",
            demand=demand,
        )  # fmt: skip
        route = RouteRecord(b"{}", (), avoid, device)
        return self.routes.admit(Routed(attempt, route, otherwise, self.now), self.now)

    def rank(self, *devices: str, **fields: Any) -> list[RouteEffect]:
        """Answer everything that is asked with these devices."""
        candidates = [Candidate(device=d, score=1.0, why="it fits") for d in devices]
        answer = Ranked(candidates=candidates, **fields)
        effects: list[RouteEffect] = []
        for routed in self.routes.to_rank():
            effects += self.routes.ranked(routed, answer, self.now)
        return effects

    def tick(self, after_us: int = 250_000) -> list[RouteEffect]:
        self.now += after_us
        return self.routes.tick(self.now)

    def at(self, id_: str) -> At:
        routed = self.routes.get(id_)
        assert routed is not None
        return routed.at


def sent(effects: list[RouteEffect]) -> list[tuple[str, str | None, bool]]:
    return [(e.routed.attempt.id, e.routed.device, e.first) for e in effects if isinstance(e, Send)]


def test_an_attempt_goes_to_the_first_with_a_free_slot() -> None:
    story = Story("a", "b")
    story.present("a", busy=1)
    story.admit("1")
    assert sent(story.rank("a", "b")) == [("1", "b", True)]
    story.routes.accepted("1", story.now)
    assert story.at("1") is At.ACCEPTED
    done = story.routes.finished("1")
    assert done is not None and done.attempt.id == "1"
    assert len(story.routes) == 0
    assert story.routes.finished("1") is None


def test_an_attempt_waits_until_it_is_on_a_device() -> None:
    story = Story("a")
    story.admit("1")
    assert story.routes.waits("1")
    story.rank("a")
    assert not story.routes.waits("1")
    story.routes.accepted("1", story.now)
    assert not story.routes.waits("1") and not story.routes.waits("unknown")


def test_who_finds_all_slots_taken_gets_the_next_that_is_free() -> None:
    story = Story("a")
    story.admit("1")
    story.admit("2")
    story.admit("3")
    assert sent(story.rank("a")) == [("1", "a", True)]
    assert (story.at("2"), story.at("3")) == (At.WAITING, At.WAITING)
    story.routes.finished("1")
    assert sent(story.rank("a")) == [("2", "a", True)], "the one that waits longest"
    assert story.at("3") is At.WAITING


def test_better_to_wait_for_a_slot_than_to_take_the_last_resort() -> None:
    story = Story("good", "bad")
    story.present("good", busy=1)
    story.admit("1")
    better = Candidate(device="good", score=1.0)
    worse = Candidate(device="bad", score=2.0, last=True)
    [asked] = story.routes.to_rank()
    assert story.routes.ranked(asked, Ranked(candidates=[better, worse]), story.now) == []
    story.tick(LOOK_AGAIN_US)
    [asked] = story.routes.to_rank()
    [sent_to] = story.routes.ranked(asked, Ranked(candidates=[worse]), story.now)
    assert isinstance(sent_to, Send) and asked.device == "bad", "nobody else is left"


def test_slots_that_a_device_says_are_busy_are_free_again_when_results_came() -> None:
    story = Story("a", slots=1)
    story.admit("1")
    story.rank("a")
    story.present("a", busy=1)
    story.routes.finished("1")
    story.admit("2")
    assert sent(story.rank("a")) == [("2", "a", True)]


def test_what_is_not_accepted_is_sent_again_and_then_goes_elsewhere() -> None:
    story = Story("deaf", "b")
    story.admit("1")
    story.rank("deaf", "b")
    for _ in range(2):
        assert sent(story.tick(RESEND_US + 1)) == [("1", "deaf", False)]
    [unheard] = story.tick(RESEND_US + 1)
    assert isinstance(unheard, Unheard) and unheard.device == "deaf"
    [asked] = story.routes.to_rank()
    assert asked.avoid == ["deaf"]
    answer = Ranked(candidates=[Candidate(device="b", score=1.0)])
    assert sent(story.routes.ranked(asked, answer, story.now)) == [("1", "b", True)]


@pytest.mark.parametrize("accepted", [True, False])
def test_when_a_device_goes_its_attempts_go_elsewhere(accepted: bool) -> None:
    story = Story("a", "b")
    story.admit("1")
    story.rank("a")
    if accepted:
        story.routes.accepted("1", story.now)
    story.present("a", gone=True)
    assert story.tick() == []
    assert story.at("1") is At.RANKING
    assert sent(story.rank("b")) == [("1", "b", True)]


def test_nobody_fits_and_the_ways_out_are_taken_in_order() -> None:
    story = Story()
    story.admit("1", Otherwise(wait_s=5.0), Otherwise(queue="manual"))
    assert story.rank() == []
    assert story.at("1") is At.WAITING
    routed = story.routes.get("1")
    assert routed and routed.next_way() == (story.now + 5 * S, Otherwise(queue="manual"))
    routed.otherwise = routed.otherwise[:1]
    assert routed.next_way() is None, "after the wait it waits on"
    routed.otherwise = (*routed.otherwise, Otherwise(queue="manual"))
    assert story.tick(LOOK_AGAIN_US) == [] and story.rank() == []
    assert story.tick(2 * LOOK_AGAIN_US) == []
    [way] = story.rank()
    assert isinstance(way, ToQueue) and way.queue == "manual"
    assert way.ranked.candidates == []
    assert story.routes.get("1") is None


def test_somebody_who_comes_while_it_waits_gets_it_at_once() -> None:
    story = Story()
    story.admit("1")
    story.tick()
    story.rank()
    assert story.tick() == [] and story.at("1") is At.WAITING
    story.present("a")
    story.tick()
    assert sent(story.rank("a")) == [("1", "a", True)]


def test_failing_is_a_way_out_and_so_is_a_route_that_cannot_be_worked_out() -> None:
    story = Story("a")
    story.admit("1", Otherwise(fail="no scanner here"))
    [failed] = story.rank()
    assert isinstance(failed, NoDevice) and failed.reason == "no scanner here"
    story.admit("2")
    broken = Failure(type="ExpressionError", message="no such path", retryable=False)
    [failed] = story.rank(failure=broken)
    assert isinstance(failed, NoDevice) and failed.reason == "no such path"
    assert len(story.routes) == 0


def test_when_nobody_can_be_asked_it_is_asked_again() -> None:
    story = Story("a")
    story.admit("1")
    asked = story.routes.to_rank()
    assert story.routes.to_rank() == []
    before = story.rung
    story.routes.not_ranked(asked, story.now)
    assert story.rung == before + 1
    assert sent(story.rank("a")) == [("1", "a", True)]
    story.routes.not_ranked(asked, story.now)
    assert story.at("1") is At.SENT, "an answer that came meanwhile holds"


def test_what_was_out_before_a_restart_is_looked_for_where_it_was() -> None:
    story = Story("a")
    assert sent(story.admit("1", device="a")) == [("1", "a", False)], "told already"
    assert story.admit("2", device="b") == []
    assert story.tick() == [] and story.at("2") is At.WAITING
    story.present("b")
    assert sent(story.tick()) == [("2", "b", False)]
    assert story.admit("3", device="c") == []
    story.tick(RETURN_US + 1)
    assert story.at("3") is At.RANKING


def test_an_attempt_that_is_dispatched_again_is_asked_after_at_its_device() -> None:
    story = Story("a")
    story.admit("1")
    story.rank("a")
    story.routes.accepted("1", story.now)
    routed = story.routes.get("1")
    assert routed is not None
    assert story.routes.repeated(routed, story.now, again=True) == []
    story.now += RESEND_US + 1
    assert story.routes.repeated(routed, story.now, again=False) == []
    assert sent(story.routes.repeated(routed, story.now, again=True)) == [("1", "a", False)]


def test_what_nobody_wants_is_stopped_at_its_device() -> None:
    story = Story("a")
    story.admit("1")
    story.admit("2")
    story.rank("a")
    assert story.routes.withdraw("2") == []
    [stop] = story.routes.withdraw("1")
    assert isinstance(stop, StopAt) and stop.device == "a"
    assert story.routes.withdraw("1") == []
    assert list(story.routes.known) == []
    story.admit("3")
    [asked] = story.routes.to_rank()
    story.routes.withdraw("3")
    assert story.routes.ranked(asked, Ranked(), story.now) == []


def test_an_attempt_that_was_withdrawn_while_it_waits_to_be_ranked_is_not_asked_for() -> None:
    story = Story("a")
    story.admit("1")
    story.admit("2")
    story.routes.withdraw("1")
    assert [routed.attempt.id for routed in story.routes.to_rank()] == ["2"]


def test_only_so_many_are_asked_for_at_once() -> None:
    story = Story("a")
    for number in range(MAX_QUESTIONS + 1):
        story.admit(f"{number}")
    assert len(story.routes.to_rank()) == MAX_QUESTIONS
    assert len(story.routes.to_rank()) == 1


def test_a_word_that_comes_late_changes_nothing() -> None:
    story = Story("a")
    story.admit("1")
    story.routes.accepted("1", story.now)
    story.routes.accepted("unknown", story.now)
    assert story.at("1") is At.RANKING


def test_a_device_that_was_avoided_and_is_lost_again_is_noted_once() -> None:
    story = Story("a")
    story.admit("1", avoid="a")
    story.rank("a")
    story.present("a", gone=True)
    story.tick()
    [asked] = story.routes.to_rank()
    assert asked.avoid == ["a"]


def test_a_free_slot_is_nothing_for_those_that_nobody_fits() -> None:
    story = Story("a")
    story.admit("1")
    story.rank("a")
    story.admit("2")
    story.rank()
    story.routes.finished("1")
    assert story.at("2") is At.WAITING


def test_resources_come_with_the_device_and_go_with_the_result() -> None:
    pool = Pool({"dock": 1}, dict)
    story = Story("d1", "d2", pool=pool)
    story.admit("a", demand=(("dock", 1),))
    story.admit("b", demand=(("dock", 1),))
    [sent] = story.rank("d1", "d2")
    assert isinstance(sent, Send) and sent.routed.attempt.id == "a"
    assert (pool.used, story.at("b")) == ({"dock": 1}, At.WAITING)
    routed = story.routes.get("b")
    assert routed is not None and routed.reason == "for resources (taken by others)"
    story.routes.finished("a")
    assert pool.used == {}
    story.tick(LOOK_AGAIN_US)
    [sent] = story.rank("d1", "d2")
    assert isinstance(sent, Send) and sent.routed.attempt.id == "b"
    story.routes.withdraw("b")
    assert pool.used == {}


def test_more_than_there_is_is_said_of_an_attempt_with_a_route() -> None:
    story = Story("d1", pool=Pool({"dock": 1}, lambda: {"scope": 1}))
    story.admit("a", demand=(("scope", 2),))
    assert story.rank("d1") == []
    routed = story.routes.get("a")
    assert routed is not None
    assert routed.reason == "for resources (needs 2 scope, there is 1 in all)"
    story.admit("b", demand=(("dock", 2),))
    [failed] = story.rank("d1")
    assert isinstance(failed, NoDevice)
    assert failed.reason == "for resources (needs 2 dock, there is 1 in all)"
