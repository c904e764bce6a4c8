"""Resources, priorities and rates, as a person meets them."""

from __future__ import annotations

import time
from typing import Any

from ..whole.conftest import Whole

SHARED = """
workflow: adm-shared
steps:
  work:
    for_each: ${{ [0, 1, 2, 3, 4, 5, 6, 7] }}
    task: admission.hold
    queue: admission
    with: {seconds: 0.2, n: "${{ item }}"}
    resources: {gpu: 1}
  both:
    for_each: ${{ [0, 1] }}
    task: admission.hold
    queue: admission
    with: {seconds: 0.2, n: "${{ item }}"}
    resources: {"licence/cad": 1, gpu: 1}
output: ${{ steps.work.output + steps.both.output }}
"""
TOO_MUCH = """
workflow: adm-too-much
steps:
  work: {task: admission.hold, queue: admission, resources: {gpu: 3}}
"""
BROUGHT = """
workflow: adm-brought
steps:
  work: {task: admission.hold, queue: admission, resources: {scope: 1}}
  more: {task: admission.hold, queue: admission, resources: {scope: 2}}
"""


def holding(
    name: str, *more: str, queue: str = "admission", seconds: float, n: str = "item"
) -> str:
    """A workflow that holds once for each of its input's items; `more`: lines of its step."""
    lines = [f"queue: {queue}", f'with: {{seconds: {seconds}, n: "${{{{ {n} }}}}"}}', *more]
    return (
        f"workflow: {name}\n"
        "input: {type: object, properties: {items: {type: array, items: {type: integer}}}}\n"
        "steps:\n  work:\n    for_each: ${{ input.items }}\n    task: admission.hold\n"
        + "".join(f"    {line}\n" for line in lines)
        + "output: ${{ steps.work.output }}\n"
    )


URGENT = holding("adm-urgent", 'priority: "${{ item % 2 == 0 ? 9 : 1 }}"', seconds=0.1)
RATED = holding("adm-rated", queue="admission-slow", seconds=0.0)
KEYED = holding(
    "adm-keyed", 'rate: {key: "${{ item % 2 }}", limit: 4/s, burst: 1}', seconds=0.0, n="item % 2"
)
SELDOM = """
workflow: adm-seldom
steps:
  first: {task: std.echo, rate: {key: acme, limit: 1/h}}
  second: {needs: first, task: std.echo, rate: {key: acme, limit: 1/h}}
"""
RING = """
workflow: adm-ring
input: {type: object, properties: {depth: {type: integer}}}
concurrency: {key: all, limit: 1}
steps:
  again:
    if: ${{ input.depth < 1 }}
    workflow: adm-ring
    with: {depth: "${{ input.depth + 1 }}"}
"""
CROSSED = """
workflow: adm-{own}
input: {{type: object, properties: {{deep: {{type: boolean}}}}}}
concurrency: {{key: all, limit: 1}}
steps:
  first: {{task: admission.hold, queue: admission, with: {{seconds: 4.0}}}}
  other:
    needs: first
    if: ${{{{ !input.deep }}}}
    workflow: adm-{other}
    with: {{deep: true}}
    catch:
      - on: [Deadlock]
        output: ${{{{ error.message }}}}
output: ${{{{ steps.other.output }}}}
"""
NESTED = """
workflow: adm-parent
steps:
  before: {task: admission.hold, queue: admission, resources: {gpu: 2}}
  child: {needs: before, workflow: adm-child}
"""
CHILD = """
workflow: adm-child
steps:
  work: {task: admission.hold, queue: admission, resources: {gpu: 2}}
"""


def output(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = events[-1]["data"]["output"]
    return found


def at_once(spans: list[dict[str, Any]]) -> int:
    """How many of some attempts ran at once, at most."""
    return max(
        sum(other["began"] <= each["began"] < other["ended"] for other in spans) for each in spans
    )


def test_no_more_run_at_once_than_there_is_for(whole: Whole) -> None:
    spans = output(whole.ended(whole.start(SHARED)))

    assert len(spans) == 10
    assert at_once(spans) == 2
    assert at_once(spans[8:]) == 1


def test_what_can_never_be_is_refused_where_the_configuration_says_so(whole: Whole) -> None:
    file = whole._folder / "much.yaml"
    file.write_text(TOO_MUCH)
    done = whole.dev.call("apply", str(file), expect=2)

    assert "needs 3 gpu, and there are 2 in all" in done.stderr + done.stdout


def test_what_workers_bring_is_given_and_too_much_is_told_and_fails(whole: Whole) -> None:
    run = whole.start(BROUGHT)
    causes = whole.waits(run, "attempt")

    assert [cause["step"] for cause in causes] == ["more"]
    assert "It needs 2 scope, there is 1 in all" in causes[0]["sentence"]
    whole.dev.eventually("queues", until="scope: 0 of 1 taken; 1 wait")
    events = whole.ended(run, expect=1)
    assert events[-1]["data"]["failure"]["type"] == "ResourceShortage"
    assert "needs 2 scope, there is 1 in all" in events[-1]["data"]["failure"]["message"]


def test_the_urgent_go_first(whole: Whole) -> None:
    spans = output(whole.ended(whole.start(URGENT, items=list(range(24)))))

    went = [each["n"] % 2 for each in sorted(spans, key=lambda s: s["began"])]
    # What the slots had before the order was known is not passed: a few at most.
    assert sum(went[:12]) <= 3


def test_a_parent_holds_nothing_while_it_waits_for_a_child_that_needs_all(whole: Whole) -> None:
    whole.apply(CHILD)
    events = whole.ended(whole.start(NESTED))

    assert events[-1]["type"] == "run.completed"


def test_a_child_that_waits_for_its_parent_is_found_told_and_failed(whole: Whole) -> None:
    whole.apply(RING)
    began = time.monotonic()
    parent = whole.dev.call("start", "adm-ring", "-i", "depth=0").stdout.strip()
    events = whole.ended(parent, expect=1)
    took_s = time.monotonic() - began

    assert took_s < 20
    failure = events[-1]["data"]["failure"]
    assert failure["type"] == "Deadlock"
    assert f"which run {parent} has, and that waits for its child" in failure["message"]
    [scheduled] = [e for e in events if e["type"] == "step.scheduled"]
    assert scheduled["step"] == "again"
    later = whole.dev.call("start", "adm-ring", "-i", "depth=1").stdout.strip()
    assert whole.ended(later)[-1]["type"] == "run.completed"


def test_a_queue_with_a_rate_begins_no_more_than_that(whole: Whole) -> None:
    spans = output(whole.ended(whole.start(RATED, items=list(range(25)))))

    began = sorted(each["began"] for each in spans)
    # Ten at once, the others at ten a second.
    assert began[-1] - began[0] >= 1.4


def test_a_ring_over_two_workflows_gives_way_at_one_place(whole: Whole) -> None:
    for own, other in (("left", "right"), ("right", "left")):
        whole.apply(CROSSED.format(own=own, other=other))
    runs = [
        whole.dev.call("start", f"adm-{name}", "-i", "deep=false").stdout.strip()
        for name in ("left", "right")
    ]
    said = [str(whole.ended(run)[-1]["data"]["output"]) for run in runs]

    told = [text for text in said if "wait for each other" in text]
    assert len(told) == 1
    assert all(run in told[0] for run in runs)
    assert told[0].count("waits for a place of key 'all'") == 2


def test_a_rate_of_a_key_holds_for_each_key_by_itself(whole: Whole) -> None:
    spans = output(whole.ended(whole.start(KEYED, items=list(range(6)))))

    for key in (0, 1):
        began = sorted(each["began"] for each in spans if each["n"] == key)
        assert len(began) == 3
        assert began[-1] - began[0] >= 0.4


def test_who_waits_for_the_rate_of_a_key_is_told_how_long_and_can_be_cancelled(
    whole: Whole,
) -> None:
    run = whole.start(SELDOM)

    said = whole.dev.eventually("explain", run, until="it waits for the rate of key 'acme'")
    assert "1/h, 1 in 3" in " ".join(said.split())
    whole.dev.call("cancel", run)
    assert whole.ended(run, expect=1)[-1]["type"] == "run.cancelled"
