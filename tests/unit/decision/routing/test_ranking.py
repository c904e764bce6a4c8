"""The order of those that fit."""

from collections import Counter
from typing import Any

import pytest

from services.decision.routing.learning import Bandit
from stretto.contracts.routes import MAX_CANDIDATES
from tests.unit.decision.routing.fleets import NOW_US, ask, hear, names, routes, took

S_US = 1_000_000
TEN: tuple[tuple[str, dict[str, Any]], ...] = tuple((f"d{n}", {}) for n in range(10))


def test_the_least_loaded_is_first_and_counts_what_it_was_given() -> None:
    fleet = routes(("a", {"busy": 5}), ("b", {"busy": 1}), ("c", {"busy": 3}))
    assert names(ask(fleet)) == ["b", "c", "a"]
    firsts = [names(ask(fleet, f"id-{n}"))[0] for n in range(4)]
    assert set(firsts) == {"b", "c"}, "what was given to b is not in its word yet"
    hear(fleet, "b", busy=0)
    assert names(ask(fleet, "later"))[0] == "b"


def test_preferences_come_before_the_strategy() -> None:
    fleet = routes(("a", {"labels": {"zone": "x"}, "busy": 9}), ("b", {}), ("c", {"labels": {}}))
    answer = ask(fleet, prefer=[("device.labels.zone == 'x'", 5.0), ("device.busy > 8", -1.0)])
    assert names(answer)[0] == "a"
    assert answer.candidates[0].score > 4
    assert "+5 for device.labels.zone" in answer.candidates[0].why


def test_round_robin_takes_turns() -> None:
    fleet = routes(*TEN)
    chosen = [names(ask(fleet, f"{n}", strategy="round_robin"))[0] for n in range(20)]
    assert Counter(chosen) == {f"d{n}": 2 for n in range(10)}
    assert chosen[:10] == chosen[10:]


def test_random_is_even_and_the_same_for_the_same_attempt() -> None:
    fleet = routes(*TEN)
    chosen = Counter(names(ask(fleet, f"{n}", strategy="random"))[0] for n in range(2000))
    assert min(chosen.values()) > 140
    assert names(ask(fleet, "x", strategy="random")) == names(ask(fleet, "x", strategy="random"))


def test_weighted_follows_the_weights() -> None:
    fleet = routes(
        ("big", {"attributes": {"power": 3}}), ("small", {"attributes": {"power": 1}}),
        ("none", {}), ("zero", {"attributes": {"power": 0}}),
    )  # fmt: skip
    by = "device.attributes.power"
    chosen = Counter(names(ask(fleet, f"{n}", strategy="weighted", by=by))[0] for n in range(2000))
    assert set(chosen) == {"big", "small"}
    assert 0.7 < chosen["big"] / 2000 < 0.8


def test_sticky_moves_few_keys_when_a_device_goes() -> None:
    fleet = routes(*TEN)

    def places() -> dict[int, str]:
        return {
            key: names(ask(fleet, f"{key}", strategy="sticky", by="input", paths=(("input",),),
                           values=(key,)))[0]
            for key in range(1000)
        }  # fmt: skip

    before = places()
    assert places() == before
    hear(fleet, "d3", gone=True)
    after = places()
    moved = [key for key in before if before[key] != after[key]]
    assert all(before[key] == "d3" for key in moved), "only the keys of who went move"
    assert len(moved) < 1.3 * 1000 / 10


def test_fastest_goes_by_the_times_that_were_seen() -> None:
    fleet = routes(("slow", {}), ("quick", {}))
    for _ in range(5):
        took(fleet, "slow", 200.0)
        took(fleet, "quick", 20.0)
    answer = ask(fleet, strategy="fastest")
    assert names(answer) == ["quick", "slow"]
    assert "20 ms" in answer.candidates[0].why
    hear(fleet, "new")
    assert names(ask(fleet, "b", strategy="fastest"))[0] == "new", "who is not known is tried"


def test_a_device_that_fails_often_is_set_aside_and_tried_again_gently() -> None:
    fleet = routes(("bad", {}), ("good", {"busy": 9}))
    for _ in range(3):
        took(fleet, "bad", 5.0, failed=True)
    answer = ask(fleet)
    assert names(answer) == ["good", "bad"], "it is still there when nobody else is"
    assert answer.refused == {"set aside after failures": 1}
    later = NOW_US + 6 * S_US
    tried = ask(fleet, "x", now_us=later)
    assert names(tried)[0] == "bad" and tried.explored
    assert names(ask(fleet, "y", now_us=later))[0] == "good", "one is let through, not all"
    took(fleet, "bad", 5.0, failed=True, at_us=later)
    assert names(ask(fleet, "z", now_us=later + 6 * S_US))[0] == "good", "twice as long this time"
    assert names(ask(fleet, "w", now_us=later + 11 * S_US))[0] == "bad"
    took(fleet, "bad", 5.0, at_us=later + 11 * S_US)
    assert ask(fleet, now_us=later + 11 * S_US).refused == {}


def test_more_than_half_of_the_last_ten_is_often_too() -> None:
    fleet = routes(("bad", {}), ("good", {"busy": 9}))
    for number in range(12):
        took(fleet, "bad", 5.0, failed=number % 3 != 0)
    assert names(ask(fleet))[0] == "good"


def test_who_had_the_attempt_before_comes_last() -> None:
    fleet = routes(("a", {}), ("b", {"busy": 9}))
    assert names(ask(fleet, avoid=("a",))) == ["b", "a"]


def test_only_so_many_are_told() -> None:
    fleet = routes(*((f"d{n}", {}) for n in range(50)))
    answer = ask(fleet)
    assert (len(answer.candidates), answer.fitting) == (MAX_CANDIDATES, 50)


def test_learned_begins_by_load_and_finds_the_best() -> None:
    fleet = routes(*TEN)
    hear(fleet, "d0", busy=9)
    assert names(ask(fleet, strategy="learned"))[0] != "d0"
    for _ in range(30):
        for number in range(10):
            took(fleet, f"d{number}", 10.0 + 20 * number)
    assert names(ask(fleet, "x", strategy="learned"))[0] == "d0", "it is quick although loaded"
    for _ in range(30):
        took(fleet, "d0", 10.0, failed=True)
    assert names(ask(fleet, "y", strategy="learned"))[0] == "d1"


def test_learned_explores_within_its_bound_and_not_when_frozen() -> None:
    fleet = routes(*TEN, explore=0.2)
    for _ in range(50):
        for number in range(10):
            took(fleet, f"d{number}", 10.0 + 50 * number)
    explored = sum(ask(fleet, f"{n}", strategy="learned").explored for n in range(1000))
    assert 140 < explored < 260
    fleet.bandit.frozen = True
    assert not any(ask(fleet, f"{n}", strategy="learned").explored for n in range(100))


def test_what_was_learned_can_be_looked_at_and_reset() -> None:
    bandit = Bandit()
    bandit.learn("ns", "t", "d", 0.3, 10.0, failed=False)
    bandit.learn("ns", "t", "d", 0.3, 20.0, failed=True)
    [arm] = bandit.inspect("ns")
    assert (arm["task"], arm["device"], arm["load"]) == ("t", "d", "25%+")
    assert arm["cost_ms"] > 500
    assert bandit.inspect("other") == []
    assert bandit.reset("other") == 0
    assert bandit.reset() == 1
    bandit.frozen = True
    bandit.learn("ns", "t", "d", 0.3, 10.0, failed=False)
    assert bandit.cost_ms("ns", "t", "d", 0.3) is None
    with pytest.raises(ValueError, match="share of 0 to 1"):
        Bandit(explore=2.0)
