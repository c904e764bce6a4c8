"""How decisions came out, as a person reads it."""

from stretto.cli.decision_counts import MAX_OUTCOMES, over_time, rows_of
from stretto.contracts.decisions import DecisionCounts, Period, RouteCounts


def counts(
    outcomes: dict[str, int], kind: str = "switch", route: RouteCounts | None = None
) -> DecisionCounts:
    total = sum(outcomes.values())
    shares = {name: n / total for name, n in outcomes.items()}
    periods = [
        Period(at="2030-01-01T10:00:00Z", outcomes={"a": 1}, count=1, mean_ms=2, max_ms=2),
        Period(at="2030-01-01T12:00:00Z", outcomes={"a": 1, "b": 3}, count=4, mean_ms=5, max_ms=9),
    ]
    return DecisionCounts(
        namespace="default", workflow="order", version=2, step="way[]", kind=kind, count=total,
        outcomes=outcomes, shares=shares, p50_ms=2.0, p99_ms=30.0, hours=periods,
        days=periods[:1], route=route,
    )  # fmt: skip


def test_each_outcome_has_a_row_and_what_is_said_of_all_stands_in_the_first() -> None:
    first, second = rows_of(counts({"case 0": 3, "none": 1}))
    assert first == ("way[]", "order v2", "4", "2.0 ms", "30 ms", "case 0: 3", "75.0%")
    assert second == ("", "", "", "", "", "none: 1", "25.0%")


def test_more_outcomes_than_are_shown_are_counted() -> None:
    *_, last = rows_of(counts({f"case {n}": 1 for n in range(MAX_OUTCOMES + 3)}))
    assert last[5] == "3 more"


def test_of_a_route_it_is_said_how_many_fitted_and_whether_attempts_moved() -> None:
    plain = counts({"device a": 1}, "route", RouteCounts(fitting=2.5, first=0.5))
    assert list(rows_of(plain))[-1][5] == "2.5 fit on average, the best got 50%"
    told = RouteCounts(fitting=1, first=1.0, explored=0.05, moved=0.125)
    moved = counts({"device a": 1}, "route", told)
    assert list(rows_of(moved))[-1][5] == (
        "1 fit on average, the best got 100%, 5.0% explored, 12.5% moved to another device"
    )


def test_over_time_the_latest_period_comes_first() -> None:
    latest, before = over_time(counts({"a": 1}), "hour")
    assert latest == (
        "way[]", "order v2", "2030-01-01 12:00", "4", "5.0 ms", "9.0 ms", "b 75%, a 25%"
    )  # fmt: skip
    assert before[:4] == ("", "", "2030-01-01 10:00", "1")
    [day] = over_time(counts({"a": 1}), "day")
    assert day[2] == "2030-01-01"
