"""Broken definitions: the document, its names and steps; each with everything that is said of it.

A line that ends with … is the beginning of one: the rest is said by the expression library.
"""

from tests.unit.definition.broken import Broken

DOCUMENTS = (
    Broken(
        "empty document",
        "",
        ("1:1: expected a mapping with a workflow, but the document is empty",),
    ),
    Broken(
        "only a comment",
        """\
# nothing
""",
        ("1:1: expected a mapping with a workflow, but the document is empty",),
    ),
    Broken(
        "document is a list",
        """\
- a
- b
""",
        ("1:1: expected a mapping with the keys workflow and steps, but got a list",),
    ),
    Broken(
        "document is a text",
        """\
hello\
""",
        ('1:1: expected a mapping with the keys workflow and steps, but got "hello"',),
    ),
    Broken(
        "nothing in it",
        """\
{}\
""",
        (
            '1:1: expected a definition to have "workflow", but it has not',
            '1:1: expected a definition to have "steps", but it has not',
        ),
    ),
    Broken(
        "no steps",
        """\
workflow: w
""",
        ('1:1: expected a definition to have "steps", but it has not',),
    ),
    Broken(
        "steps is a list",
        """\
workflow: w
steps:
  - task: t
""",
        ("3:3: steps: expected steps by name (a mapping), but got a list",),
    ),
    Broken(
        "steps is empty",
        """\
workflow: w
steps: {}
""",
        ("2:8: steps: expected from 1 to 10000 steps, but got 0",),
    ),
    Broken(
        "steps is null",
        """\
workflow: w
steps:
""",
        ("2:7: steps: expected steps by name (a mapping), but got nothing",),
    ),
    Broken(
        "unknown top key",
        """\
workflow: w
step: {}
steps: {a: {task: t}}
""",
        ('2:1: step: expected a known key, but got "step"; did you mean "steps"?',),
    ),
    Broken(
        "unknown top key far",
        """\
workflow: w
xyzzy: {}
steps: {a: {task: t}}
""",
        (
            (
                '2:1: xyzzy: expected a known key, but got "xyzzy"; known are '
                "workflow, description, input, timeout, defaults, on_failure, labels, "
                "concurrency, steps, output"
            ),
        ),
    ),
    Broken(
        "workflow name upper",
        """\
workflow: Order Fulfilment
steps: {a: {task: t}}
""",
        (
            (
                "1:11: workflow: expected the name of a workflow (a–z, 0–9, - and _, "
                'not beginning with - or _), but got "Order Fulfilment"; write '
                '"order-fulfilment"'
            ),
        ),
    ),
    Broken(
        "workflow name number",
        """\
workflow: 5
steps: {a: {task: t}}
""",
        (
            (
                "1:11: workflow: expected the name of a workflow, but got the integer "
                '5; write "5" in quotes'
            ),
        ),
    ),
    Broken(
        "workflow name long",
        "workflow: " + "a" * 101 + "\nsteps: {a: {task: t}}\n",
        (
            (
                "1:11: workflow: expected the name of a workflow of at most 100 "
                "characters, but got 101"
            ),
        ),
    ),
    Broken(
        "step name dot",
        """\
workflow: w
steps:
  a.b: {task: t}
""",
        (
            (
                '3:3: steps["a.b"]: expected the name of a step (a–z, 0–9, - and _, '
                'not beginning with - or _), but got "a.b"; write "a-b"'
            ),
        ),
    ),
    Broken(
        "step name number",
        """\
workflow: w
steps:
  1: {task: t}
""",
        (
            (
                "3:3: steps: expected a key to be a string, but got the integer 1; "
                'write "1" in quotes'
            ),
        ),
    ),
    Broken(
        "step not a mapping",
        """\
workflow: w
steps:
  a: do it
""",
        (
            (
                "3:6: steps.a: expected a step (a mapping with one of task, set, "
                "switch, decide, wait, signal, approval, workflow, steps, repeat, "
                "emit, cancel, fail), "
                'but got "do it"'
            ),
        ),
    ),
    Broken(
        "step null",
        """\
workflow: w
steps:
  a:
""",
        (
            (
                "3:5: steps.a: expected a step (a mapping with one of task, set, "
                "switch, decide, wait, signal, approval, workflow, steps, repeat, "
                "emit, cancel, fail), "
                "but got nothing"
            ),
        ),
    ),
    Broken(
        "unknown step key",
        """\
workflow: w
steps:
  a:
    task: t
    retries: 3
""",
        (('5:5: steps.a.retries: expected a known key, but got "retries"; did you mean "retry"?'),),
    ),
    Broken(
        "unknown step key far",
        """\
workflow: w
steps:
  a:
    task: t
    zzz: 3
""",
        (('5:5: steps.a.zzz: expected a known key, but got "zzz"'),),
    ),
    Broken(
        "everything at once",
        """\
workflow: W
timeout: x
steps:
  a: {tsk: t, needs: [b]}
  b: {task: t, needs: [a, c], retry: {max_attempts: -1}}
  d: {set: {x: "${{ steps.q.output }}"}}
output: ${{ steps.e.output }}
""",
        (
            (
                "1:11: workflow: expected the name of a workflow (a–z, 0–9, - and _, "
                'not beginning with - or _), but got "W"; write "w"'
            ),
            (
                "2:10: timeout: expected a duration like 200ms, 30s, 5m or 1h30m, or a "
                'number of seconds, but got "x"'
            ),
            ('4:7: steps.a.tsk: expected a known key, but got "tsk"; did you mean "task"?'),
            (
                "4:23: steps.a.needs[0]: expected needs without a ring, but these "
                "steps wait for one another: a → b → a; take one of these needs away"
            ),
            '5:27: steps.b.needs[1]: expected the name of a step, but "c" is none',
            (
                "5:53: steps.b.retry.max_attempts: expected a number of attempts from "
                "1 to 1000, but got -1"
            ),
            '6:21: steps.d.set.x: expected the name of a step, but "q" is none',
            '7:13: output: expected the name of a step, but "e" is none',
        ),
    ),
)
