"""Broken definitions: what is no YAML, or more of it than is read.

A line that ends with … is the beginning of one: the rest is said by the expression library.
"""

from tests.unit.definition.broken import Broken

YAML = (
    Broken(
        "merge key",
        """\
workflow: w
steps:
  a: &a {task: t}
  b:
    <<: *a
""",
        (
            (
                '5:5: steps.b["<<"]: expected a known key, but merge keys are not part '
                "of YAML 1.2; write the keys out, or give the whole value by an alias"
            ),
        ),
    ),
    Broken(
        "duplicate step",
        """\
workflow: w
steps:
  a: {task: t}
  a: {task: u}
""",
        ('4:3: steps.a: expected each key once, but "a" was given in line 3 already',),
    ),
    Broken(
        "duplicate top",
        """\
workflow: w
workflow: v
steps: {a: {task: t}}
""",
        (('2:1: workflow: expected each key once, but "workflow" was given in line 1 already'),),
    ),
    Broken(
        "yaml tab",
        "workflow: w\nsteps:\n\ta: {task: t}\n",
        (
            (
                "3:1: expected the document to be YAML or JSON, but found character "
                "that cannot start any token; indent with spaces, not with tabs"
            ),
        ),
    ),
    Broken(
        "yaml colon",
        """\
workflow: w
steps:
  a: {task: t}
  b:
    fail: no: stock
""",
        (
            (
                "5:13: expected the document to be YAML or JSON, but mapping values "
                "are not allowed in this context; put text that holds a colon in "
                "quotes"
            ),
        ),
    ),
    Broken(
        "yaml flow expr",
        """\
workflow: w
steps:
  a: {task: t, with: {x: ${{ input.a }}}}
""",
        (
            (
                "3:27: expected the document to be YAML or JSON, but did not find "
                "expected ',' or '}'; put the expression in quotes: \"${{ … }}\""
            ),
        ),
    ),
    Broken(
        "yaml unclosed",
        """\
workflow: w
steps: {a: {task: t}
""",
        (("3:1: expected the document to be YAML or JSON, but did not find expected ',' or '}'"),),
    ),
    Broken(
        "two documents",
        """\
workflow: w
steps: {a: {task: t}}
---
workflow: v
""",
        ("3:1: expected one document, but got a second one",),
    ),
    Broken(
        "unknown alias",
        """\
workflow: w
steps:
  a: *b
""",
        ("3:6: expected an anchor &b before, but there is none",),
    ),
    Broken(
        "alias inside",
        """\
workflow: w
steps:
  a: &a {task: t, with: *a}
""",
        ("3:25: expected the alias *a to stand outside its anchor, but it is inside",),
    ),
    Broken(
        "tag",
        """\
workflow: !!binary w
steps: {a: {task: t}}
""",
        ('1:11: workflow: expected no tag, but got "tag:yaml.org,2002:binary"',),
    ),
    Broken(
        "infinity",
        """\
workflow: w
steps:
  a: {task: t, with: {x: .inf, y: 99999999999999999999}}
""",
        (
            (
                "3:26: steps.a.with.x: expected a number that JSON can hold, but got "
                "infinity or not a number"
            ),
            ("3:35: steps.a.with.y: expected an integer of at most 64 bits, but got a larger one"),
        ),
    ),
    Broken(
        "nul",
        """\
workflow: w
steps:
  a: {task: t, with: {x: "a\\0b"}}
""",
        ("3:26: steps.a.with.x: expected text, but it holds the character U+0000",),
    ),
    Broken(
        "control char",
        "workflow: w\nsteps:\n  a: {task: \x01}\n",
        (
            (
                "3:13: expected the document to be YAML or JSON, but control "
                "characters are not allowed"
            ),
        ),
    ),
    Broken(
        "surrogate",
        "workflow: w\nsteps:\n  a: {task: \ud800}\n",
        ("3:13: expected Unicode text, but got a lone surrogate code point",),
    ),
    Broken(
        "json",
        """\
{"workflow": "w",
 "steps": {
  "a": {"task": "t", "need": []}}}
""",
        (('3:22: steps.a.need: expected a known key, but got "need"; did you mean "needs"?'),),
    ),
)
