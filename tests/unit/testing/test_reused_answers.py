"""Files of tests may say that an equal step gave something before, and what is kept is reused."""

from pathlib import Path

from stretto.testing.files import run_files

OFFERS = """
workflow: offers
steps:
  price:
    for_each: [a, a]
    max_parallel: 1
    task: prices.fetch
    with: {sku: "${{ item }}"}
    cache: 1h
output: {prices: "${{ steps.price.output }}"}
"""
TESTS = """
workflow: offers.yaml
tests:
  - name: what is kept is reused within a run
    tasks: {prices.fetch: [{output: 1}, {output: 2}]}
    expect: {output: {prices: [1, 1]}, calls: {prices.fetch: 1}}
  - name: what an equal step gave before is taken
    tasks: {prices.fetch: [{when: {sku: a}, reused: 7}]}
    expect: {output: {prices: [7, 7]}, calls: {prices.fetch: 0}}
"""


def test_a_file_of_tests_says_what_is_reused(tmp_path: Path) -> None:
    (tmp_path / "offers.yaml").write_text(OFFERS)
    (tmp_path / "offers.test.yaml").write_text(TESTS)

    [result] = run_files([tmp_path / "offers.test.yaml"])

    assert not result.mistakes, result.mistakes
    assert [str(each) for test in result.tests for each in test.differences] == []
    assert len(result.tests) == 2
