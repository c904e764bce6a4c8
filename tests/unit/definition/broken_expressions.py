"""Broken definitions: expressions and what they refer to; each with everything that is said of it.

A line that ends with … is the beginning of one: the rest is said by the expression library.
"""

from tests.unit.definition.broken import Broken

EXPRESSIONS = (
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
        "item in if",
        """\
workflow: w
steps:
  a:
    task: t
    for_each: ${{ input.l }}
    if: ${{ item.ok }}
""",
        (
            (
                "6:13: steps.a.if: expected a name that is known here, but item is "
                "known only in a step with for_each; if is asked once, before there "
                "are items: filter the list in for_each"
            ),
        ),
    ),
    Broken(
        "item outside",
        """\
workflow: w
steps:
  a:
    task: t
    with: {x: "${{ item.x }}", y: "${{ index }}"}
""",
        (
            (
                "5:20: steps.a.with.x: expected a name that is known here, but item is "
                "known only in a step with for_each"
            ),
            (
                "5:40: steps.a.with.y: expected a name that is known here, but index "
                "is known only in a step with for_each"
            ),
        ),
    ),
    Broken(
        "error root",
        """\
workflow: w
steps:
  a:
    task: t
    if: ${{ failed() }}
    with: {x: "${{ error.message }}"}
""",
        ("6:20: steps.a.with.x: …",),
    ),
    Broken(
        "unknown step in expr",
        """\
workflow: w
steps:
  charge: {task: t}
  b:
    task: t
    with:
      x: "a ${{ steps.chrage.output.id }}"
""",
        (
            (
                '7:17: steps.b.with.x: expected the name of a step, but "chrage" is '
                'none; did you mean "charge"?'
            ),
        ),
    ),
    Broken(
        "step with dash",
        """\
workflow: w
steps:
  charge-card: {task: t}
  b:
    task: t
    with: {x: "${{ steps.charge-card.output.id }}"}
""",
        ("6:33: steps.b.with.x: …",),
    ),
    Broken(
        "own output",
        """\
workflow: w
steps:
  a:
    task: t
    with: {x: "${{ steps.a.output.id }}"}
""",
        (
            (
                "5:20: steps.a.with.x: expected a step that ends before this one, but "
                '"a" is the step itself'
            ),
        ),
    ),
    Broken(
        "own status in compensation",
        """\
workflow: w
steps:
  a:
    task: t
    compensate: {task: u, with: {x: "${{ steps.a.status }}"}}
""",
        (
            (
                "5:42: steps.a.compensate.with.x: expected the output of the step "
                'itself, but got "status"'
            ),
        ),
    ),
    Broken(
        "step without part",
        """\
workflow: w
steps:
  a: {task: t}
  b:
    task: t
    with: {x: "${{ steps.a.id }}", y: "${{ steps.a }}", z: "${{ steps.a.outptu }}"}
""",
        (
            (
                "6:20: steps.b.with.x: expected output, status or failure of a step, "
                'but got "id"; did you mean steps.a.output.id?'
            ),
            (
                "6:44: steps.b.with.y: expected output, status or failure of a step, "
                "but got the step as a whole"
            ),
            (
                "6:65: steps.b.with.z: expected output, status or failure of a step, "
                'but got "outptu"; did you mean "output"?'
            ),
        ),
    ),
    Broken(
        "steps computed",
        """\
workflow: w
steps:
  a: {task: t}
  b:
    task: t
    with: {x: "${{ steps[input.n].output }}"}
""",
        (
            (
                "6:20: steps.b.with.x: expected steps.<name>.output, but got steps as "
                "a whole or by a computed name"
            ),
        ),
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
        "type of item",
        """\
workflow: w
input:
  properties:
    l: {type: array, items: {properties: {sku: {type: string}}, additionalProperties: false}}
steps:
  a:
    task: t
    for_each: ${{ input.l }}
    with: {x: "${{ item.skew }}"}
""",
        ("9:25: steps.a.with.x: …",),
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
    Broken(
        "output step",
        """\
workflow: w
steps:
  a: {task: t}
output: {x: "${{ steps.b.output }}", y: "${{ item }}", z: "${{ failed() }}"}
""",
        (
            '4:18: output.x: expected the name of a step, but "b" is none',
            (
                "4:46: output.y: expected a name that is known here, but item is known "
                "only in a step with for_each"
            ),
            (
                "4:59: output.z: expected no always(), failed(), cancelled() or succeeded() but in "
                "a step, and got one in what a run, a group or a loop gives; set it in a step and "
                "give that step's output"
            ),
        ),
    ),
    Broken(
        "fields of outputs that the definition writes out",
        """\
workflow: w
input: {type: object, properties: {n: {type: number}, l: {type: array}}}
steps:
  a: {set: {net: "${{ input.n }}", name: "x", deep: {k: 1}}}
  p: {approval: {}}
  g: {steps: {x: {set: {v: 1}}, y: {task: t}}}
  e: {for_each: "${{ input.l }}", set: {v: "${{ item }}"}}
  b:
    task: t
    if: steps.p.output.aproved
    with:
      x: ${{ steps.a.output.nett }}
      y: ${{ steps.a.output.deep.kk }}
      z: ${{ steps.a.output.deep.k + 'x' }}
      s: ${{ steps.a.status == 3 }}
      g: ${{ steps.g.output.z }}
      h: ${{ steps.g.output.y.any }}
      e: ${{ steps.e.output[0].w }}
      f: ${{ steps.e.output.v }}
""",
        (
            "10:24: steps.b.if: expected a field of `steps.p.output`, but it has no `aproved`; did "
            'you mean "approved"?',
            "12:29: steps.b.with.x: expected a field of `steps.a.output`, but it has no `nett`; "
            'did you mean "net"?',
            "13:34: steps.b.with.y: expected a field of `steps.a.output.deep`, but it has no `kk`; "
            'did you mean "k"?',
            "14:36: steps.b.with.z: expected operands that `+` takes, but got (int, string)",
            "15:29: steps.b.with.s: expected operands that `==` takes, but got (string, int)",
            "16:29: steps.b.with.g: expected a field of `steps.g.output`, but it has no `z`",
            "18:32: steps.b.with.e: expected a field of `steps.e.output[0]`, but it has no `w`",
            "19:29: steps.b.with.f: expected `steps.e.output` to be a map with `v`, but its schema "
            "says array",
        ),
    ),
    Broken(
        "fields of outputs deeper than is looked",
        """\
workflow: w
steps:
  a: {set: {b: {c: {d: {e: {f: {g: {h: {i: {j: {k: 1}}}}}}}}}}}
  b:
    task: t
    with:
      x: ${{ steps.a.output.b.c.d.e.f.g.h.i.j.nobody.looks }}
      y: ${{ steps.a.output.b.c.nobody }}
""",
        ("8:33: steps.b.with.y: expected a field of `steps.a.output.b.c`, but it has no `nobody`",),
    ),
)
