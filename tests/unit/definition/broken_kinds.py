"""Broken definitions: kinds of step; each with everything that is said of it.

A line that ends with … is the beginning of one: the rest is said by the expression library.
"""

from tests.unit.definition.broken import Broken

KINDS = (
    Broken(
        "no kind",
        """\
workflow: w
steps:
  a: {needs: []}
""",
        (
            (
                "3:6: steps.a: expected a step to have a kind (task, set, switch, decide, wait, "
                "signal, approval, workflow, steps, repeat, emit, cancel, fail), but it has none"
            ),
        ),
    ),
    Broken(
        "misspelled kind",
        """\
workflow: w
steps:
  a: {tsk: t}
""",
        (('3:7: steps.a.tsk: expected a known key, but got "tsk"; did you mean "task"?'),),
    ),
    Broken(
        "two kinds",
        """\
workflow: w
steps:
  a:
    task: t
    set: {x: 1}
""",
        (
            (
                '5:5: steps.a.set: expected a step of one kind, but it is both "task" '
                'and "set"; make two steps of it'
            ),
        ),
    ),
    Broken(
        "task number",
        """\
workflow: w
steps:
  a: {task: 5}
""",
        (
            (
                "3:13: steps.a.task: expected the name of a task, but got the integer "
                '5; write "5" in quotes'
            ),
        ),
    ),
    Broken(
        "task empty",
        """\
workflow: w
steps:
  a: {task: ''}
""",
        (
            (
                "3:13: steps.a.task: expected the name of a task (letters, digits and "
                '_ . / -), but got ""'
            ),
        ),
    ),
    Broken(
        "task spaces",
        """\
workflow: w
steps:
  a: {task: charge card}
""",
        (
            (
                "3:13: steps.a.task: expected the name of a task (letters, digits and "
                '_ . / -), but got "charge card"; write "charge.card"'
            ),
        ),
    ),
    Broken(
        "with list",
        """\
workflow: w
steps:
  a: {task: t, with: [1]}
""",
        ("3:22: steps.a.with: expected a mapping of inputs, but got a list",),
    ),
    Broken(
        "with null",
        """\
workflow: w
steps:
  a:
    task: t
    with:
""",
        ("5:10: steps.a.with: expected a mapping of inputs, but got nothing",),
    ),
    Broken(
        "with on set",
        """\
workflow: w
steps:
  a:
    set: {x: 1}
    with: {y: 2}
""",
        (
            (
                '5:5: steps.a.with: expected "with" in a step of kind task or workflow, but this '
                "one is of kind set"
            ),
        ),
    ),
    Broken(
        "wait junk",
        """\
workflow: w
steps:
  a: {wait: soon}
""",
        (
            (
                "3:13: steps.a.wait: expected a duration like 200ms, 30s, 5m or 1h30m, "
                'or a number of seconds, but got "soon"'
            ),
        ),
    ),
    Broken(
        "wait both",
        """\
workflow: w
steps:
  a: {wait: {for: 5s, until: '2030-01-01T00:00:00Z'}}
""",
        (('3:13: steps.a.wait: expected a wait to have either "for" or "until", but got both'),),
    ),
    Broken(
        "wait neither",
        """\
workflow: w
steps:
  a: {wait: {}}
""",
        (
            (
                '3:13: steps.a.wait: expected a wait to have either "for" or "until", '
                "but it has neither"
            ),
        ),
    ),
    Broken(
        "wait until date",
        """\
workflow: w
steps:
  a: {wait: {until: 2030-01-01}}
""",
        (
            (
                "3:21: steps.a.wait.until: expected an instant like "
                '2030-01-31T09:00:00Z, but got "2030-01-01"'
            ),
        ),
    ),
    Broken(
        "wait until no zone",
        """\
workflow: w
steps:
  a: {wait: {until: '2030-01-01T00:00:00'}}
""",
        (
            (
                "3:21: steps.a.wait.until: expected an instant like "
                '2030-01-31T09:00:00Z, but got "2030-01-01T00:00:00"'
            ),
        ),
    ),
    Broken(
        "wait key",
        """\
workflow: w
steps:
  a: {wait: {fro: 5s}}
""",
        (('3:14: steps.a.wait.fro: expected a known key, but got "fro"; did you mean "for"?'),),
    ),
    Broken(
        "fail empty",
        """\
workflow: w
steps:
  a: {fail: ''}
""",
        ("3:13: steps.a.fail: expected a message, but it is empty",),
    ),
    Broken(
        "fail mapping",
        """\
workflow: w
steps:
  a: {fail: {type: No Stock, retryable: yes}}
""",
        (
            '3:13: steps.a.fail: expected a fail to have "message", but it has not',
            (
                "3:20: steps.a.fail.type: expected a type of failure (letters, digits "
                'and _ . -, a letter first), but got "No Stock"; write "NoStock"'
            ),
            ('3:41: steps.a.fail.retryable: expected true or false, but got "yes"; write true'),
        ),
    ),
    Broken(
        "fail list",
        """\
workflow: w
steps:
  a: {fail: [x]}
""",
        ("3:13: steps.a.fail: expected a message, but got a list",),
    ),
    Broken(
        "set list",
        """\
workflow: w
steps:
  a: {set: [1]}
""",
        ("3:12: steps.a.set: expected a mapping of values, but got a list",),
    ),
    Broken(
        "workflow of version 0",
        """\
workflow: w
steps:
  a: {workflow: x@0}
""",
        (
            (
                "3:17: steps.a.workflow: expected a version (3), a label ([a-z][a-z0-9_-]*) or "
                "latest, but got '0'"
            ),
        ),
    ),
    Broken(
        "workflow with two versions",
        """\
workflow: w
steps:
  a: {workflow: {name: x@3, version: 2}}
  b: {workflow: {name: x, version: true}}
  c: {workflow: {name: x, version: [2]}}
""",
        (
            (
                "3:29: steps.a.workflow.version: expected the version in the name or by itself, "
                "but it is in both"
            ),
            (
                "4:36: steps.b.workflow.version: expected a version from 1 to 2147483647, or a "
                "label, but got the boolean true"
            ),
            (
                "5:36: steps.c.workflow.version: expected a version from 1 to 2147483647, or a "
                "label, but got a list"
            ),
        ),
    ),
)
