"""Broken definitions: expressions and what they refer to; each with everything that is said of it.

A line that ends with … is the beginning of one: the rest is said by the expression library.
"""

from tests.unit.definition.broken import Broken

EXPRESSIONS = (
    Broken(
        "expressions where only constants can stand",
        """\
workflow: w
labels: {site: "${{ input.site }}"}
steps:
  a: {task: t, retry: {only: ["${{ input.boss }}"]}}
  b: {task: t, queue: "q-${{ input.site }}"}
  c: {task: t, route: {otherwise: [{fail: "nobody at ${{ input.site }}"}]}}
  d: {task: t, route: {prefer: {weighted: 3}}}
""",
        (
            (
                '2:16: labels.site: expected a string, but got "${{ input.site }}"; write a '
                "constant: no expression can stand here"
            ),
            (
                "4:31: steps.a.retry.only[0]: expected a type of failure (letters, digits and "
                '_ . -, a letter first), but got "${{ input.boss }}"; write a constant: no '
                "expression can stand here"
            ),
            (
                "5:23: steps.b.queue: expected the name of a queue (a–z, 0–9, - and _, not "
                'beginning with - or _), but got "q-${{ input.site }}"; write a constant: no '
                "expression can stand here"
            ),
            (
                '6:43: steps.c.route.otherwise[0].fail: expected a reason, but got "nobody at '
                '${{ input.site }}"; write a constant: no expression can stand here'
            ),
            (
                "7:32: steps.d.route.prefer: expected sticky or weighted with an expression, or "
                "learned with a scorer, but got weighted: the integer 3; write {sticky: "
                '"${{ input.customer }}"}'
            ),
        ),
    ),
    Broken(
        "for_each on switch",
        """\
workflow: w
steps:
  a:
    for_each: [1]
    switch: [{else: b}]
  b: {task: t}
""",
        (
            (
                '4:5: steps.a.for_each: expected "for_each" in a step of kind task or '
                "set or decide or wait or signal or approval or workflow or steps or repeat or "
                "emit, but this one is of kind switch"
            ),
        ),
    ),
    Broken(
        "for_each number",
        """\
workflow: w
steps:
  a: {task: t, for_each: 3}
""",
        (
            (
                "3:26: steps.a.for_each: expected a list, or an expression like ${{ "
                "input.items }}, but got the integer 3"
            ),
        ),
    ),
    Broken(
        "for_each map expr",
        """\
workflow: w
input: {properties: {n: {type: integer}}}
steps:
  a: {task: t, for_each: "${{ input.n }}"}
""",
        ("4:31: steps.a.for_each: …",),
    ),
    Broken(
        "for_each constant with expr",
        """\
workflow: w
steps:
  a: {task: t, for_each: [1, "${{ input.n }}"]}
""",
        (
            (
                "3:30: steps.a.for_each[1]: expected a list of constants, but got an "
                "expression inside it; write the whole list as one expression: ${{ "
                "[input.a, input.b] }}"
            ),
        ),
    ),
    Broken(
        "for_each half",
        """\
workflow: w
steps:
  a: {task: t, for_each: "x ${{ input.n }}"}
""",
        (
            (
                "3:26: steps.a.for_each: expected one expression, bare or in ${{ }}, "
                "but got more around it"
            ),
        ),
    ),
    Broken(
        "if number",
        """\
workflow: w
steps:
  a: {task: t, if: 3}
""",
        (
            (
                "3:20: steps.a.if: expected a condition like ${{ input.total > 0 }}, "
                "but got the integer 3"
            ),
        ),
    ),
    Broken(
        "if null",
        """\
workflow: w
steps:
  a:
    task: t
    if:
""",
        (("5:8: steps.a.if: expected a condition like ${{ input.total > 0 }}, but got nothing"),),
    ),
    Broken(
        "if text",
        """\
workflow: w
input: {properties: {n: {type: string}}}
steps:
  a:
    task: t
    if: ${{ input.n }}
""",
        ("6:13: steps.a.if: …",),
    ),
    Broken(
        "if syntax",
        """\
workflow: w
steps:
  a:
    task: t
    if: ${{ input.n > }}
""",
        ("5:23: steps.a.if: …",),
    ),
    Broken(
        "if unknown name",
        """\
workflow: w
steps:
  a:
    task: t
    if: ${{ inptu.n > 1 }}
""",
        ("5:13: steps.a.if: …",),
    ),
    Broken(
        "if unknown function",
        """\
workflow: w
steps:
  a:
    task: t
    if: ${{ lenght(input.n) > 1 }}
""",
        ("5:13: steps.a.if: …",),
    ),
    Broken(
        "if more around",
        """\
workflow: w
steps:
  a:
    task: t
    if: ${{ input.n }} and more
""",
        (("5:9: steps.a.if: expected one expression, bare or in ${{ }}, but got more around it"),),
    ),
    Broken(
        "if division",
        """\
workflow: w
steps:
  a:
    task: t
    if: ${{ 1 / 0 == 1 }}
""",
        ("5:9: steps.a.if: …",),
    ),
    Broken(
        "closed input",
        """\
workflow: w
input:
  additionalProperties: false
  properties: {total: {type: number}}
steps:
  a:
    task: t
    with: {x: "${{ input.totl }}"}
""",
        ("8:26: steps.a.with.x: …",),
    ),
    Broken(
        "type of input",
        """\
workflow: w
input:
  properties: {total: {type: string}}
steps:
  a:
    task: t
    if: ${{ input.total > 0.0 }}
""",
        ("7:25: steps.a.if: …",),
    ),
    Broken(
        "unclosed",
        """\
workflow: w
steps:
  a:
    task: t
    with: {x: "${{ input.a"}
""",
        ("5:16: steps.a.with.x: …",),
    ),
    Broken(
        "key with expr",
        """\
workflow: w
steps:
  a:
    task: t
    with: {"${{ input.a }}": 1}
""",
        (
            (
                '5:12: steps.a.with["${{ input.a }}"]: expected a key without an '
                "expression, but it holds ${{"
            ),
        ),
    ),
    Broken(
        "block scalar",
        """\
workflow: w
steps:
  a:
    task: t
    with:
      text: |
        first
        second ${{ input.a + }} end
""",
        ("8:30: steps.a.with.text: …",),
    ),
    Broken(
        "escapes",
        """\
workflow: w
steps:
  a:
    task: t
    with:
      text: "\\u00e9 \\"x\\" ${{ inpt.a }}"
""",
        ("6:31: steps.a.with.text: …",),
    ),
    Broken(
        "long expression",
        "workflow: w\nsteps:\n  a:\n    task: t\n    if: ${{ " + "1 + " * 1100 + "1 == 1 }}\n",
        (
            (
                "5:9: steps.a.if: expected an expression of at most 4000 characters, "
                "but got 4408; do it in a task"
            ),
        ),
    ),
)
