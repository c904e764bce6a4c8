"""Broken definitions: expressions that refer to what is not there.

A line that ends with … is the beginning of one: the rest is said by the expression library.
"""

from tests.unit.definition.broken import Broken

REFERENCES = (
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
