"""The `rate` of a task: how many attempts of one key may go out in a time."""

import pytest

from stretto.contracts.graph import KeyRate, Rate

from .test_cache import told as mistakes_of
from .test_compile import graph_of

STEP = """
input: {{type: object, properties: {{customer: {{type: string}}}}}}
steps:
  send: {{task: mail.send, rate: {rate}}}
"""


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        ("{key: acme}", KeyRate(key="acme")),
        (
            "{key: 7, limit: 20/m, burst: 3}",
            KeyRate(key="7", limit=Rate(count=20, per_s=60.0), burst=3),
        ),
        (
            '{key: "${{ input.customer }}", limit: 5/10s}',
            KeyRate(limit=Rate(count=5, per_s=10.0)),
        ),
    ],
)
def test_a_rate_is_read(rate: str, expected: KeyRate) -> None:
    task = graph_of("workflow: w" + STEP.format(rate=rate)).root.steps[0].task
    assert task is not None and task.charged
    assert task.rate == expected


@pytest.mark.parametrize(
    ("rate", "place"),
    [
        ("20/m", "rate"),
        ("{limit: 20/m}", "rate"),
        ("{key: a, limit: often}", "rate.limit"),
        ("{key: a, burst: 2}", "rate.burst"),
        ("{key: a, limit: 1/s, burst: 0}", "rate.burst"),
        ('{key: "${{ input.nobody + }}"}', "rate.key"),
        (f"{{key: {'x' * 300}}}", "rate.key"),
    ],
)
def test_what_is_no_rate_is_told_with_its_place(rate: str, place: str) -> None:
    text = STEP.format(rate=rate)
    assert [each for each in mistakes_of(text) if f"steps.send.{place}" in each]


def test_a_step_that_asks_no_worker_has_no_rate() -> None:
    [mistake] = mistakes_of("steps: {a: {wait: 1s, rate: {key: a}}}")
    assert 'expected "rate" in a step of kind task' in mistake
