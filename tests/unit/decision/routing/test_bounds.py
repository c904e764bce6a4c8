"""What routing keeps is bounded, and what does not fit is told."""

from typing import Any

import msgspec
import pytest

from services.decision.routing import answers, fleet, learning, matches, observed, ranking
from services.decision.routing.learning import Bandit
from services.decision.routing.matches import MAX_CACHED_NAMES, Matches
from services.decision.routing.observed import Observed
from stretto.contracts.codec import json_encode
from stretto.contracts.routes import RankQuestion
from tests.unit.decision.routing.fleets import NOW_US, ask, hear, names, plan, routes, took

INPUT: tuple[tuple[str, ...], ...] = (("input",),)


def question(encoded: bytes, *values: bytes) -> RankQuestion:
    return RankQuestion(
        id="a", namespace="default", task="scan", plan=msgspec.Raw(encoded),
        values=[msgspec.Raw(value) for value in values],
    )  # fmt: skip


@pytest.mark.parametrize("encoded", [b"[]", b'{"strategy": "best"}', b"["])
def test_what_is_no_route_is_said_to_be_none(encoded: bytes) -> None:
    answer = routes().answer(question(encoded), NOW_US)
    assert answer.failure is not None
    assert "expected a route" in answer.failure.message


def test_a_value_that_is_no_json_is_said_to_be_none() -> None:
    encoded = json_encode(plan(paths=INPUT, where="input == 1"))
    answer = routes(("a", {})).answer(question(encoded, b"{"), NOW_US)
    assert answer.failure is not None
    assert "expected JSON" in answer.failure.message


def test_routes_that_were_not_asked_for_long_are_compiled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answers, "MAX_ROUTES", 1)
    made = routes(("a", {}), ("b", {}))
    for name in ("a", "b", "a"):
        assert names(ask(made, where=f"device.name == '{name}'")) == [name]


def test_an_outcome_of_a_device_that_is_gone_is_learned_from_all_the_same() -> None:
    made = routes()
    took(made, "gone", 5.0)
    assert made.observed.time_ms("default", "gone", "scan") == 5.0
    assert made.bandit.cost_ms("default", "scan", "gone", 0.0) is not None


def test_only_so_many_devices_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "MAX_DEVICES", 1)
    assert names(ask(routes(("a", {}), ("b", {})))) == ["a"]


def test_attributes_that_are_no_keys_make_old_matches_void_too() -> None:
    made = routes(("a", {"attributes": {"lens": {"mm": 50}, "none": None}}))
    where = "device.attributes.lens.mm > 80"
    assert names(ask(made, where=where)) == []
    hear(made, "a", attributes={"lens": {"mm": 100}, "none": None})
    assert names(ask(made, where=where)) == ["a"]


def test_arms_times_and_turns_are_dropped_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, limit in ((learning, "MAX_ARMS"), (observed, "MAX_KEPT"), (ranking, "MAX_TURNS")):
        monkeypatch.setattr(module, limit, 1)
    bandit, seen = Bandit(), Observed()
    for device in ("old", "new"):
        bandit.learn("ns", "t", device, 0.0, 5.0, failed=False)
        seen.took("ns", device, "t", 5.0, NOW_US, failed=False)
    assert [arm["device"] for arm in bandit.inspect("ns")] == ["new"]
    assert (seen.time_ms("ns", "old", "t"), seen.time_ms("ns", "new", "t")) == (None, 5.0)
    made = routes(("a", {}), ("b", {}))

    def first(step: str) -> str:
        encoded = json_encode(msgspec.structs.replace(plan(strategy="round_robin"), step=step))
        return made.answer(question(encoded), NOW_US).candidates[0].device

    assert first("one") != first("one")
    assert first("two") == first("one"), "the turns of step one are forgotten"


def test_only_so_many_matches_are_kept_and_none_of_a_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    made = routes(*((f"d{n}", {"attributes": {"n": n}}) for n in range(3)))
    made.matches = Matches(limit=1)
    for number in (0, 1, 0):
        ask(made, where=f"device.attributes.n == {number}")
    assert made.matches.counts()[:2] == (0, 3)
    assert MAX_CACHED_NAMES > 3
    monkeypatch.setattr(matches, "MAX_CACHED_NAMES", 2)
    for _ in range(2):
        assert len(names(ask(made))) == 3
    assert made.matches.counts().hits == 0


@pytest.mark.parametrize(
    ("where", "values", "fitting"),
    [
        ("${{ device.name == 'a' }}", (), ["a"]),
        ("device.attributes.site == input.site.name", ({"site": "north"},), []),
        ("device.attributes.site == input.other", ({"site": "north"},), []),
    ],
)
def test_conditions_in_other_forms(where: str, values: tuple[Any, ...], fitting: list[str]) -> None:
    made = routes(("a", {"attributes": {"site": "north"}}), ("b", {}))
    answer = ask(made, where=where, paths=INPUT if values else (), values=values)
    assert names(answer) == fitting


def test_reasons_are_not_counted_one_by_one_in_a_crowd() -> None:
    made = routes(*((f"d{n}", {"attributes": {"n": n}}) for n in range(1001)))
    answer = ask(made, where="device.attributes.n == 7")
    assert (names(answer), answer.knowing, answer.refused) == (["d7"], 1001, {})


def test_of_a_crowd_a_part_is_looked_at_but_everybody_has_a_chance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ranking, "MAX_RATED", 4)
    made = routes(*((f"d{n}", {}) for n in range(10)))
    firsts = {names(ask(made, f"{n}", strategy="random"))[0] for n in range(200)}
    assert len(firsts) == 10
    answer = ask(made, strategy="least_loaded")
    assert (len(answer.candidates), answer.fitting) == (4, 10)
    liked = ask(made, prefer=[("device.name == 'd7'", 5.0)])
    assert liked.candidates[0].device == "d7", "preferences are asked of all"
    assert len(names(ask(made, strategy="round_robin"))) == 10
