"""Broken definitions: switches."""

from tests.unit.definition.broken import Broken

SWITCHES = (
    Broken(
        "switch mapping",
        """\
workflow: w
steps:
  a:
    switch: {if: true, then: b}
  b: {task: t}
""",
        (
            (
                "4:13: steps.a.switch: expected a list of cases, but got a mapping; "
                "begin each case with - if:"
            ),
        ),
    ),
    Broken(
        "switch empty",
        """\
workflow: w
steps:
  a: {switch: []}
""",
        ("3:15: steps.a.switch: expected from 1 to 1000 cases, but got 0",),
    ),
    Broken(
        "switch no then",
        """\
workflow: w
steps:
  a:
    switch:
      - if: ${{ input.x }}
""",
        ('5:9: steps.a.switch[0]: expected a case to have "then", but it has not',),
    ),
    Broken(
        "switch else first",
        """\
workflow: w
steps:
  a:
    switch:
      - else: b
      - if: ${{ input.x }}
        then: b
  b: {task: t}
""",
        (('5:9: steps.a.switch[0]: expected "else" to be the last case, but others follow'),),
    ),
    Broken(
        "switch unknown",
        """\
workflow: w
steps:
  a:
    switch:
      - if: ${{ input.x }}
        then: shp
      - else: [ship, revew]
  ship: {task: t}
  review: {task: t}
""",
        (
            (
                '6:15: steps.a.switch[0].then: expected the name of a step, but "shp" '
                'is none; did you mean "ship"?'
            ),
            (
                "7:22: steps.a.switch[1].else[1]: expected the name of a step, but "
                '"revew" is none; did you mean "review"?'
            ),
        ),
    ),
    Broken(
        "switch itself",
        """\
workflow: w
steps:
  a: {switch: [{else: a}]}
""",
        (
            (
                "3:23: steps.a.switch[0].else: expected another step, but a switch "
                "cannot choose itself"
            ),
        ),
    ),
    Broken(
        "switch case text",
        """\
workflow: w
steps:
  a: {switch: [b]}
  b: {task: t}
""",
        (
            (
                "3:16: steps.a.switch[0]: expected a case (a mapping of if and then, "
                'or of else), but got "b"'
            ),
        ),
    ),
    Broken(
        "switch case both",
        """\
workflow: w
steps:
  a: {switch: [{if: true, then: b, else: b}]}
  b: {task: t}
""",
        (
            (
                '3:36: steps.a.switch[0].else: expected a known key, but got "else"; '
                "known are if, then"
            ),
        ),
    ),
    Broken(
        "chosen by two",
        """\
workflow: w
steps:
  a: {switch: [{else: c}]}
  b: {switch: [{else: c}]}
  c: {task: t}
""",
        (
            (
                '4:23: steps.b.switch[0].else: expected "c" to be chosen by one '
                'switch, but "a" and "b" both choose it; let both switches choose '
                "steps of their own that a third one needs"
            ),
        ),
    ),
)
