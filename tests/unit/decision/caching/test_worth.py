"""Plans are dear by their times, and rest when looking up does not pay."""

from services.decision.caching.worth import (
    DEAR_US,
    FIRST_REST,
    MAX_REST,
    MAX_TIMES_DEAR,
    SHARED_DEAR_US,
    TIMES_DEAR,
    WINDOW,
    Cost,
    Worth,
)


def rest_of(worth: Worth) -> int:
    count = 0
    while not worth.pays():
        count += 1
    return count


def test_a_plan_is_dear_after_some_slow_records_and_shared_only_when_very_slow() -> None:
    cost = Cost()
    for _ in range(TIMES_DEAR - 1):
        cost.took(SHARED_DEAR_US * 50)
        assert not cost.is_dear
    cost.took(DEAR_US)
    assert cost.is_dear
    # By its best time: one of them was a pause of the process.
    assert cost.mean_us == DEAR_US
    assert not cost.is_shared
    for _ in range(100):
        cost.took(2 * SHARED_DEAR_US)
    assert cost.is_shared


def test_a_cheap_plan_that_was_slow_by_accident_is_not_dear_for_long() -> None:
    cost = Cost()
    needed = TIMES_DEAR
    for _ in range(20):
        slow = 0
        while not cost.is_dear:
            cost.took(DEAR_US)
            slow += 1
        assert slow == needed
        needed = min(2 * needed, MAX_TIMES_DEAR)
        while cost.is_dear:
            cost.took(5)
    assert needed == MAX_TIMES_DEAR


def test_looking_up_rests_when_it_hits_too_rarely_and_longer_each_time() -> None:
    worth = Worth(price_us=5)
    rests = []
    for _ in range(9):
        for _ in range(WINDOW):
            assert worth.pays()
            worth.looked(100, hit=False)
        assert worth.rests
        rests.append(rest_of(worth))
    assert rests == [min(FIRST_REST * 2**n, MAX_REST) for n in range(9)]
    assert rests[-1] == MAX_REST


def test_looking_up_goes_on_as_long_as_it_saves_more_than_it_costs() -> None:
    worth = Worth(price_us=5)
    for n in range(WINDOW * 3):
        worth.looked(100, hit=n % 20 == 0)  # 5 µs saved for each 5 µs
        assert not worth.rests
    for n in range(WINDOW):
        worth.looked(50, hit=n % 20 == 0)
    assert worth.rests
    rest_of(worth)
    for _ in range(WINDOW):
        worth.looked(50, hit=True)
    for _ in range(WINDOW):
        worth.looked(50, hit=False)
    assert rest_of(worth) == FIRST_REST  # it paid meanwhile: from the beginning
