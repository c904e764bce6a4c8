"""Broken definitions: labels, defaults, compensation and the like."""

from tests.unit.definition.broken import Broken

FIELDS = (
    Broken(
        "on_failure",
        """\
workflow: w
on_failure: compensat
steps: {a: {task: t}}
""",
        (
            (
                "2:13: on_failure: expected what follows a failure (compensate or "
                'stop), but got "compensat"; did you mean "compensate"?'
            ),
        ),
    ),
    Broken(
        "on_failure boolean",
        """\
workflow: w
on_failure: true
steps: {a: {task: t}}
""",
        (
            (
                "2:13: on_failure: expected what follows a failure (compensate or "
                "stop), but got the boolean true"
            ),
        ),
    ),
    Broken(
        "defaults",
        """\
workflow: w
defaults: {retri: {}, queue: Big Q}
steps: {a: {task: t}}
""",
        (
            ('2:12: defaults.retri: expected a known key, but got "retri"; did you mean "retry"?'),
            (
                "2:30: defaults.queue: expected the name of a queue (a–z, 0–9, - and "
                '_, not beginning with - or _), but got "Big Q"; write "big-q"'
            ),
        ),
    ),
    Broken(
        "queue upper",
        """\
workflow: w
steps:
  a: {task: t, queue: Payments}
""",
        (
            (
                "3:23: steps.a.queue: expected the name of a queue (a–z, 0–9, - and _, "
                'not beginning with - or _), but got "Payments"; write "payments"'
            ),
        ),
    ),
    Broken(
        "labels",
        """\
workflow: w
steps:
  a:
    task: t
    labels: {tier: 1, 'a b': x}
""",
        (
            (
                "5:20: steps.a.labels.tier: expected a string, but got the integer 1; "
                'write "1" in quotes'
            ),
            (
                '5:23: steps.a.labels["a b"]: expected the name of a label (letters, '
                'digits and _ . / -), but got "a b"; write "a-b"'
            ),
        ),
    ),
    Broken(
        "labels list",
        """\
workflow: w
labels: [a]
steps: {a: {task: t}}
""",
        ("2:9: labels: expected labels (a mapping of strings), but got a list",),
    ),
    Broken(
        "description",
        "workflow: w\ndescription: [a]\nsteps: {a: {task: t, description: " + "x" * 4001 + "}}\n",
        (
            "2:14: description: expected a description, but got a list",
            (
                "3:35: steps.a.description: expected a description of at most 4000 "
                "characters, but got 4001"
            ),
        ),
    ),
    Broken(
        "compensate text",
        """\
workflow: w
steps:
  a: {task: t, compensate: undo}
""",
        (
            (
                "3:28: steps.a.compensate: expected a compensation (a mapping with a "
                'task), but got "undo"'
            ),
        ),
    ),
    Broken(
        "compensate no task",
        """\
workflow: w
steps:
  a: {task: t, compensate: {with: {x: 1}}}
""",
        (
            (
                "3:28: steps.a.compensate: expected a compensation (a mapping with a "
                'task) to have "task", but it has not'
            ),
        ),
    ),
    Broken(
        "compensate unknown",
        """\
workflow: w
steps:
  a: {task: t, compensate: {task: u, wiht: {x: 1}}}
""",
        (
            (
                '3:38: steps.a.compensate.wiht: expected a known key, but got "wiht"; '
                'did you mean "with"?'
            ),
        ),
    ),
    Broken(
        "compensate on fail",
        """\
workflow: w
steps:
  a: {fail: no, compensate: {task: u}}
""",
        (
            (
                '3:17: steps.a.compensate: expected "compensate" in a step of kind '
                "task or set or decide or wait or workflow or emit, but this one is of kind fail"
            ),
        ),
    ),
)
