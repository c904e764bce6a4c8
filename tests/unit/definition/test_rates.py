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


def test_a_compensation_has_a_rate_of_its_own() -> None:
    graph = graph_of(
        "workflow: w\ninput: {type: object, properties: {customer: {type: string}}}\n"
        "steps:\n  send:\n    task: mail.send\n    compensate:\n      task: mail.recall\n"
        '      rate: {key: "${{ input.customer }}", limit: 5/10s}\n'
    )
    send = graph.root.steps[0]
    assert send.task is not None and not send.task.charged
    assert send.compensate is not None and send.compensate.task.charged
    assert send.compensate.task.rate == KeyRate(limit=Rate(count=5, per_s=10.0))
    assert send.compensate.ask is not None, "its key is asked for"


def test_a_compensation_whose_key_is_constant_is_not_asked_for() -> None:
    graph = graph_of(
        "workflow: w\nsteps:\n  send:\n    task: mail.send\n"
        "    compensate: {task: mail.recall, with: {a: 1}, rate: {key: post, limit: 1/s}}\n"
    )
    undo = graph.root.steps[0].compensate
    assert undo is not None and undo.ask is None
    assert (undo.task.rate, undo.task.input) == (
        KeyRate(key="post", limit=Rate(count=1, per_s=1.0)),
        b'{"a":1}',
    )


def test_the_rate_of_a_compensation_is_checked() -> None:
    text = STEP.format(rate="{key: a}, compensate: {task: mail.recall, rate: {limit: 20/m}}")
    assert [each for each in mistakes_of(text) if "steps.send.compensate.rate" in each]
