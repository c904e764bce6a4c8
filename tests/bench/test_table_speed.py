"""The promise about large decision tables."""

from tests.bench.table_speed import measure

PROMISED = 20.0


def test_a_table_of_a_thousand_rules_is_twenty_times_faster_than_its_rules_one_by_one() -> None:
    found = measure(1_000, questions=10)

    assert found.by_tests > PROMISED * found.by_index
    assert found.by_expressions > PROMISED * found.by_index
