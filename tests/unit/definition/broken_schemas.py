"""Broken definitions: input schemas.

A line that ends with … is the beginning of one: the rest is said by the expression library.
"""

from tests.unit.definition.broken import Broken

SCHEMAS = (
    Broken(
        "schema type",
        """\
workflow: w
input: {type: objekt}
steps: {a: {task: t}}
""",
        (
            (
                "2:15: input.type: expected a type (array, boolean, integer, null, "
                'number, object, string), but got "objekt"; did you mean "object"?'
            ),
        ),
    ),
    Broken(
        "schema several",
        """\
workflow: w
input:
  type: object
  required: a
  properties: {a: {type: strng}, b: {minimum: x}}
steps: {a: {task: t}}
""",
        (
            '4:13: input.required: expected a list, but got "a"',
            (
                "5:26: input.properties.a.type: expected a type (array, boolean, "
                'integer, null, number, object, string), but got "strng"; did you mean '
                '"string"?'
            ),
            '5:47: input.properties.b.minimum: expected a number, but got "x"',
        ),
    ),
    Broken(
        "schema list",
        """\
workflow: w
input: [a]
steps: {a: {task: t}}
""",
        ("2:8: input: expected a JSON Schema (a mapping), but got a list",),
    ),
    Broken(
        "schema pattern",
        """\
workflow: w
input: {properties: {a: {pattern: '('}}}
steps: {a: {task: t}}
""",
        (
            (
                "2:35: input.properties.a.pattern: expected a JSON Schema (2020-12), "
                'but "(" is not a "regex"'
            ),
        ),
    ),
    Broken(
        "schema ref out",
        """\
workflow: w
input: {$ref: 'http://example.com/s.json'}
steps: {a: {task: t}}
""",
        (
            (
                "2:15: input.$ref: expected a reference within the schema (#/…), but "
                'got "http://example.com/s.json"; nothing is fetched: put the schema '
                "under $defs"
            ),
        ),
    ),
    Broken(
        "schema ref missing",
        """\
workflow: w
input: {properties: {a: {$ref: '#/$defs/b'}}}
steps: {a: {task: t}}
""",
        (
            (
                "2:32: input.properties.a.$ref: expected a reference to a part of the "
                'schema, but "#/$defs/b" is not there'
            ),
        ),
    ),
    Broken(
        "schema dialect",
        """\
workflow: w
input: {$schema: 'http://foo/bar'}
steps: {a: {task: t}}
""",
        (
            (
                "2:18: input.$schema: expected a dialect of JSON Schema that is known, "
                'but got "http://foo/bar"; leave it out, or write '
                "https://json-schema.org/draft/2020-12/schema"
            ),
        ),
    ),
)
