"""Broken definitions: needs and rings."""

from tests.unit.definition.broken import Broken

NEEDS = (
    Broken(
        "unknown need",
        """\
workflow: w
steps:
  reserve: {task: t}
  charge: {task: t, needs: [reserv]}
""",
        (
            (
                "4:29: steps.charge.needs[0]: expected the name of a step, but "
                '"reserv" is none; did you mean "reserve"?'
            ),
        ),
    ),
    Broken(
        "need of itself",
        """\
workflow: w
steps:
  a: {task: t, needs: [a]}
""",
        (("3:24: steps.a.needs[0]: expected another step, but a step cannot need itself"),),
    ),
    Broken(
        "need twice",
        """\
workflow: w
steps:
  a: {task: t}
  b: {task: t, needs: [a, a]}
""",
        ('4:27: steps.b.needs[1]: expected each need once, but "a" is there before',),
    ),
    Broken(
        "needs a mapping",
        """\
workflow: w
steps:
  a: {task: t, needs: {b: 1}}
""",
        (
            (
                '3:24: steps.a.needs.b: expected a known key, but got "b"; known are any, '
                "at_least, of, all, rest"
            ),
        ),
    ),
    Broken(
        "needs a number",
        """\
workflow: w
steps:
  a: {task: t, needs: [7]}
""",
        (
            (
                "3:24: steps.a.needs[0]: expected the name of a step, but got the "
                'integer 7; write "7" in quotes'
            ),
        ),
    ),
    Broken(
        "ring of two",
        """\
workflow: w
steps:
  a: {task: t, needs: [b]}
  b: {task: t, needs: [a]}
""",
        (
            (
                "3:24: steps.a.needs[0]: expected needs without a ring, but these "
                "steps wait for one another: a → b → a; take one of these needs away"
            ),
        ),
    ),
    Broken(
        "ring of three",
        """\
workflow: w
steps:
  a: {task: t, needs: [b]}
  b: {task: t, needs: [c]}
  c: {task: t, needs: [a]}
""",
        (
            (
                "3:24: steps.a.needs[0]: expected needs without a ring, but these "
                "steps wait for one another: a → b → c → a; take one of these needs "
                "away"
            ),
        ),
    ),
    Broken(
        "two rings",
        """\
workflow: w
steps:
  a: {task: t, needs: [b]}
  b: {task: t, needs: [a]}
  c: {task: t, needs: [d]}
  d: {task: t, needs: [c]}
""",
        (
            (
                "3:24: steps.a.needs[0]: expected needs without a ring, but these "
                "steps wait for one another: a → b → a; take one of these needs away"
            ),
            (
                "5:24: steps.c.needs[0]: expected needs without a ring, but these "
                "steps wait for one another: c → d → c; take one of these needs away"
            ),
        ),
    ),
    Broken(
        "ring by expression",
        """\
workflow: w
steps:
  a:
    task: t
    with: {x: "${{ steps.b.output.y }}"}
  b: {task: t, needs: a}
""",
        (
            (
                "5:20: steps.a.with.x: expected needs without a ring, but these steps "
                "wait for one another: a → b → a; take one of these needs away"
            ),
        ),
    ),
    Broken(
        "ring by switch",
        """\
workflow: w
steps:
  a:
    needs: b
    switch:
      - if: ${{ input.x == 1 }}
        then: b
  b: {task: t}
""",
        (
            (
                "4:12: steps.a.needs: expected needs without a ring, but these steps "
                "wait for one another: a → b → a; take one of these needs away"
            ),
        ),
    ),
)
