"""How many workers a queue wants: enough, steadily."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from services.execution.core.scaling import MAX_WANTED, Advisor, Load, needed_now
from stretto.contracts.scaling import whole_workers

S = 1_000_000


def wanted_now(load: Load, target_s: float, slots: int) -> int:
    return whole_workers((needed_now(load, target_s, slots),))


SLOTS = 20


def advised(advisor: Advisor, load: Load, now_us: int) -> int:
    return whole_workers((advisor.advise(load, now_us),))


def test_a_queue_with_nothing_to_do_wants_nobody() -> None:
    assert wanted_now(Load(workers=3, slots=60), 10, SLOTS) == 0


@pytest.mark.parametrize(
    ("load", "wanted"),
    [
        (Load(out=1, mean_s=0.001), 1),
        (Load(waiting=199, out=1, mean_s=1.0), 1),
        (Load(waiting=200, out=1, mean_s=1.0), 2),
        (Load(waiting=5_000, mean_s=1.0), 25),
        (Load(waiting=40, mean_s=3_600.0), 2),  # no more slots than attempts
        (Load(waiting=200), 1),  # nobody knows yet how long one takes: a second
        (Load(waiting=10**9, mean_s=60.0), MAX_WANTED),
    ],
)
def test_as_many_are_wanted_as_are_done_with_it_in_time(load: Load, wanted: int) -> None:
    assert wanted_now(load, 10, SLOTS) == wanted


def test_a_queue_that_nobody_serves_wants_somebody() -> None:
    advisor = Advisor(10, 30)
    assert advised(advisor, Load(waiting=1), 0) == 1
    assert advised(advisor, Load(waiting=1_000, mean_s=1), S) == 10


def test_a_short_lull_stops_nobody() -> None:
    advisor = Advisor(10, 30)
    busy, idle = Load(waiting=1_000, mean_s=1, workers=5, slots=100), Load(workers=5, slots=100)
    assert advised(advisor, busy, 0) == 5
    assert [advised(advisor, idle, s * S) for s in range(1, 31)] == [5] * 30
    assert advised(advisor, idle, 31 * S) == 0
    # Upwards at once.
    assert advised(advisor, busy, 32 * S) == 5


def drained(backlog: int, low: int, high: int, *, seed: int | None = None) -> list[int]:
    """Drain a backlog of one-second attempts with workers of 20 slots that start in 2 s, look every
    second; the numbers of workers there were."""
    chance = random.Random(seed)
    advisor, ready, seen = Advisor(10, 30), [0.0] * low, []
    waiting = backlog
    for second in range(600):
        workers = sum(at <= second for at in ready)
        out = min(waiting, workers * SLOTS)
        load = Load(waiting - out, out, workers, workers * SLOTS, 1.0)
        if seed is not None:  # ends come unevenly, the mean is a guess
            out -= chance.randint(0, out // 2)
            load = load._replace(mean_s=chance.uniform(0.7, 1.4))
        wanted = min(max(advised(advisor, load, second * S), low), high)
        while len(ready) < wanted:
            ready.append(second + 2)
        del ready[wanted:]
        seen.append(wanted)
        waiting -= out
    assert waiting == 0
    return seen


def turns(seen: list[int]) -> int:
    """How often it went from more to fewer or back."""
    steps = [b - a for a, b in pairwise(seen) if a != b]
    return sum((a > 0) != (b > 0) for a, b in pairwise(steps))


def test_a_backlog_of_5000_is_drained_with_one_to_eight_workers_and_back() -> None:
    seen = drained(5_000, 1, 8)
    assert (seen[0], max(seen), seen[-1]) == (8, 8, 1)
    assert turns(seen) == 0  # up once, down once: nothing that began is stopped and begun again
    assert seen.count(8) < 90  # 5000 s of work on 160 slots, and half a minute


@pytest.mark.parametrize("seed", range(20))
def test_uneven_loads_do_not_make_it_flap(seed: int) -> None:
    seen = drained(3_000, 1, 8, seed=seed)
    assert seen[-1] == 1 and turns(seen) == 0, (seed, seen)


@pytest.mark.parametrize(("attempts", "parts", "wanted"), [(4, 4, 1), (200, 2, 1), (1_000, 4, 5)])
def test_parts_of_a_queue_want_together_what_one_would(
    attempts: int, parts: int, wanted: int
) -> None:
    shares = [Advisor(10, 30).advise(Load(attempts // parts, 0, 1, SLOTS, 1.0), 0)] * parts
    assert whole_workers(shares) == wanted
    assert advised(Advisor(10, 30), Load(attempts, 0, 1, SLOTS, 1.0), 0) == wanted
