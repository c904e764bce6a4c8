"""Every kind of step through the real services, with real workers."""

from __future__ import annotations

from .conftest import Whole

INNER = """
workflow: whole-inner
input: {type: object, properties: {n: {type: integer}}}
steps:
  doubled: {set: {n: "${{ input.n * 2 }}"}}
  told: {task: whole.echo, queue: whole, with: {n: "${{ steps.doubled.output.n }}"}}
output: {n: "${{ steps.told.output.n }}"}
"""

MANY = """
workflow: whole-many
input: {type: object, properties: {n: {type: integer}}}
steps:
  first: {task: whole.echo, queue: whole, with: {n: "${{ input.n }}"}}
  choose:
    needs: first
    switch:
      - {if: "${{ steps.first.output.n > 2 }}", then: group}
      - {else: never}
  never: {fail: {type: Never, message: not chosen}}
  group:
    steps:
      a: {task: whole.echo, queue: whole, with: {v: 1}}
      b: {task: whole.echo, queue: whole, with: {v: "${{ steps.a.output.v + 1 }}"}}
    output: ${{ steps.b.output.v }}
  each:
    needs: group
    for_each: ${{ [1, 2, 3] }}
    max_parallel: 2
    task: whole.echo
    queue: whole
    with: {v: "${{ item * 10 }}"}
  loop:
    needs: group
    repeat:
      steps:
        once: {task: whole.echo, queue: whole, with: {i: "${{ loop.index }}"}}
      until: ${{ loop.index == 2 }}
      limit: 5
      output: ${{ steps.once.output.i }}
  child: {needs: [each, loop], workflow: whole-inner, with: {n: "${{ input.n }}"}}
  pause: {needs: child, wait: {for: 100ms}}
  said: {needs: pause, emit: {type: whole.done, n: "${{ steps.child.output.n }}"}}
  caught:
    needs: said
    task: whole.fail
    queue: whole
    catch:
      - on: CardDeclined
        steps:
          again: {task: whole.echo, queue: whole, with: {why: "${{ error.type }}"}}
        output: ${{ steps.again.output.why }}
  signalled: {needs: caught, signal: go}
  approved: {needs: signalled, approval: {by: [ops]}}
output:
  group: ${{ steps.group.output }}
  each: ${{ steps.each.output.map(e, e.v) }}
  loop: ${{ steps.loop.output }}
  child: ${{ steps.child.output.n }}
  caught: ${{ steps.caught.output }}
  signal: ${{ steps.signalled.output.x }}
  by: ${{ steps.approved.output.by }}
"""

UNDONE = """
workflow: whole-undone
on_failure: compensate
steps:
  reserve:
    task: whole.echo
    queue: whole
    with: {what: reserved}
    compensate: {task: whole.echo, queue: whole, with: {what: released}}
  group:
    needs: reserve
    steps:
      charge:
        task: whole.echo
        queue: whole
        compensate: {task: whole.echo, queue: whole}
      breaks: {needs: charge, task: whole.fail, queue: whole}
"""

RACE = """
workflow: whole-race
steps:
  quick: {task: whole.echo, queue: whole}
  slow: {task: whole.slow, queue: whole, with: {seconds: 60}}
  stop: {needs: quick, cancel: slow}
  after: {needs: stop, task: whole.echo, queue: whole, with: {ok: true}}
"""


def test_all_kinds_go_together_to_one_output(whole: Whole) -> None:
    whole.apply(INNER)
    run = whole.start(MANY, n=5)
    whole.waits(run, "signal")
    whole.dev.call("signal", run, "go", "-i", "x=7", "--by", "ada", "--reason", "a test")
    whole.waits(run, "approval")
    whole.dev.call("approve", run, "--by", "ops", "--reason", "fine")

    events = whole.ended(run)
    assert whole.dev.json("show", run)["output"] == {
        "group": 2,
        "each": [10, 20, 30],
        "loop": 2,
        "child": 10,
        "caught": "CardDeclined",
        "signal": 7,
        "by": "ops",
    }
    [came] = [e["data"] for e in events if e["type"] == "signal.received"]
    assert (came["by"], came["reason"]) == ("ada", "a test")
    steps = {s["step"]: s["status"] for s in whole.dev.json("show", run)["steps"]}
    assert steps["never"] == "skipped"
    assert set(steps.values()) == {"completed", "skipped"}


def test_what_was_done_is_undone_when_a_group_fails(whole: Whole) -> None:
    run = whole.start(UNDONE)
    events = whole.ended(run, expect=1)
    undone = [e["step"] for e in events if e["type"] == "step.completed" and "~" in e["step"]]
    assert undone == ["group.charge~compensate", "reserve~compensate"]
    assert events[-1]["type"] == "run.failed"


def test_a_step_cancels_another_that_runs_at_a_worker(whole: Whole) -> None:
    run = whole.start(RACE)
    events = whole.ended(run)
    assert {"step.cancelled slow", "step.completed after"} <= {
        f"{e['type']} {e.get('step')}" for e in events
    }
