"""Mistakes in the text of an expression: where they are, what is said, what was probably meant."""

import pytest

from stretto.expression import ExpressionError, Kind, ScopeTypes, compile_expression
from stretto.expression.limits import MAX_SOURCE_CHARS

SCHEMA = {
    "type": "object",
    "required": ["region"],
    "additionalProperties": False,
    "properties": {
        "region": {"type": "string"},
        "total": {"type": "number"},
        "count": {"type": "integer"},
        "express": {"type": "boolean"},
        "note": {"type": ["string", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "sizes": {"type": "array", "items": {"type": "integer"}},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"sku": {"type": "string"}}},
        },
        "address": {"type": "object", "properties": {"city": {"type": "string"}}},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
SCOPE = ScopeTypes.of(
    "run",
    "index",
    input=SCHEMA,
    item={"type": "object", "properties": {"sku": {"type": "string"}}},
    steps={
        "charge": {"type": "object", "properties": {"id": {"type": "string"}}},
        "a-b": None,
    },
)

MISTAKES = [
    # source, line, column, the message begins with, suggestion
    ("", 1, 1, "expected an expression, but it is empty", None),
    ("   ", 1, 1, "expected an expression, but it is empty", None),
    ("1 +", 1, 4, "expected a value, but the expression ends", None),
    ("1 + + 1", 1, 5, "expected a value, but got `+`", None),
    ("(1 + 2", 1, 7, "expected `)`, but the expression ends", None),
    ("input.region ==", 1, 16, "expected a value, but the expression ends", None),
    ("1 2", 1, 3, "expected the end, but got `2`", None),
    ("'open", 1, 1, "expected an expression, but got `'open`", None),
    ("input.é", 1, 7, "expected an expression, but got `é`", None),
    ("input.in", 1, 7, 'expected a field, but `in` is a word: write `["in"]`', None),
    ("input.a..b", 1, 9, "expected an expression, but cannot read `..`", None),
    ("steps.a-b.output", 1, 9, 'expected a declared name, but `b` is not (a name with', None),
    ("run.a-index + q", 1, 15, "expected a declared name, but `q` is not", None),
    ("1 + input.regoin - b", 1, 20, "expected a declared name, but `b` is not", None),
    ("[1, 2", 1, 6, "expected one of", None),
    ("input.recursion +", 1, 18, "expected a value, but the expression ends", None),
    ("a && \n\n  b", 1, 1, "expected a declared name, but `a` is not", None),
    ("true &&\n  inptu.x", 2, 3, "expected a declared name, but `inptu` is not", "input"),
    ("inputt", 1, 1, "expected a declared name, but `inputt` is not", "input"),
    ("step.charge", 1, 1, "expected a declared name, but `step` is not", "steps"),
    ("mth.abs(1)", 1, 1, "expected a declared name, but `mth` is not", "math"),
    ("device.id", 1, 1, "expected a name that is known here, but `device` is not", None),
    ("vars", 1, 1, "expected a name that is known here, but `vars` is not", None),
    ("steps.chrage.output", 1, 7, "expected a field of `steps`, but it has no `chrage`", "charge"),
    ("steps['a-c'].output", 1, 7, "expected a field of `steps`, but it has no `a-c`", "a-b"),
    ("steps.charge.outptu", 1, 14, "expected a field of `steps.charge`, but it has no", "output"),
    ("input.regoin", 1, 7, "expected a field of `input`, but it has no `regoin`", "region"),
    ("has(input.regoin)", 1, 11, "expected a field of `input`, but it has no", "region"),
    ("input.?regoin", 1, 8, "expected a field of `input`, but it has no", "region"),
    ("1 + input['cuont']", 1, 11, "expected a field of `input`, but it has no", "count"),
    ("input.region.x", 1, 14, "expected `input.region` to be a map with `x`, but its", None),
    ("input.region[0]", 1, 14, "expected `input.region` to be a list, but its schema", None),
    ("input.tags.x", 1, 12, "expected `input.tags` to be a map with `x`, but its schema", None),
    ("input.note.x", 1, 12, "expected `input.note` to be a map with `x`, but its schema", None),
    ("item.sku.x", 1, 10, "expected `item.sku` to be a map with `x`, but its schema", None),
    ("size(1)", 1, 5, "expected arguments that `size` takes, but got (int)", None),
    ("1 + 'a'", 1, 3, "expected operands that `+` takes, but got (int, string)", None),
    ("1 && true", 1, 3, "expected operands that `&&` takes, but got (int, bool)", None),
    ("1 ? 2 : 3", 1, 3, "expected operands that `? :` takes, but got", None),
    ("null.a", 1, 5, "expected a map to take a field of, but got null", None),
    ("'a' == 1", 1, 5, "expected operands that `==` takes, but got (string, int)", None),
    ("1 in ['a']", 1, 3, "expected operands that `in` takes, but got", None),
    ("input.region + 1", 1, 14, "expected operands that `+` takes, but got (string, int)", None),
    ("input['region'] + 1", 1, 17, "expected operands that `+` takes, but got", None),
    ("1 + input.express", 1, 3, "expected operands that `+` takes, but got (int, bool)", None),
    ("input.count.size()", 1, 17, "expected arguments that `size` takes, but got (int)", None),
    ("size(input.count)", 1, 5, "expected arguments that `size` takes, but got (int)", None),
    ("input.total > 'x'", 1, 13, "expected operands that `>` takes, but got", None),
    ("input.total && true", 1, 13, "expected operands that `&&` takes, but got", None),
    ("input.total.startsWith('1')", 1, 23, "expected arguments that `startsWith` takes", None),
    ("input.note + 1", 1, 12, "expected operands that `+` takes, but got", None),
    ("input.tags.all(t, t > 1)", 1, 21, "expected operands that `>` takes, but got", None),
    ("input.tags[0] + 1", 1, 15, "expected operands that `+` takes, but got", None),
    ("input.sizes.exists(s, s == 'L')", 1, 25, "expected operands that `==` takes", None),
    ("input.items[0].sku + 1", 1, 20, "expected operands that `+` takes, but got", None),
    ("input.headers.host + 1", 1, 20, "expected operands that `+` takes, but got", None),
    ("input.address > 1", 1, 15, "expected operands that `>` takes, but got", None),
    ("steps.charge.output.id + 1", 1, 24, "expected operands that `+` takes, but got", None),
    ("steps.charge.status + 1", 1, 21, "expected operands that `+` takes, but got", None),
    ("true &&\n(input.region + 1 == 'a')", 2, 15, "expected operands that `+` takes", None),
    ("siez([1])", 1, 1, "expected a known function, but `siez` is not", "size"),
    ("lenght('abc')", 1, 1, "expected a known function, but `lenght` is not", "size"),
    ("'abc'.toLowerCase()", 1, 7, "expected a known function, but `toLowerCase`", "lowerAscii"),
    ("now()", 1, 1, "expected a known function, but there is no clock; `run.started_at` is", None),
    ("uuid()", 1, 1, "expected a known function, but there is no chance; `run.id` is", None),
    ("true and false", 1, 6, "expected the end, but got `and`", "&&"),
    ("true or false", 1, 6, "expected the end, but got `or`", "||"),
    ("1 = 1", 1, 3, "expected an expression, but got `=`", "=="),
    ("if true then 1 else 2", 1, 1, "expected an expression, but `if` is none: write `cond", None),
    ("'a'.startWith('b')", 1, 5, "expected a known function, but `startWith` is not", "startsWith"),
    ("startsWith('a', 'b')", 1, 1, "expected `startsWith` on a value", None),
    ("always(1)", 1, 1, "expected arguments that `always` takes, but got others", None),
    ("pick(input)", 1, 1, "expected 2 arguments for `pick(source: map, fields: list of", None),
    ("[text.slug()]", 1, 7, "expected 1 to 2 arguments for `text.slug(", None),
    ("text.slugg('a')", 1, 6, "expected a known function, but `text.slugg` is not", "text.slug"),
    ("[1].map(text, text.slug('a'))", 1, 8, "expected another name for the loop variable", None),
    ("text.slug(1)", 1, 10, "expected arguments that `text.slug` takes, but got (int)", None),
    ("text.slug('a') + 1", 1, 16, "expected operands that `+` takes, but got (string, int)", None),
    ("input.tags.map(input, 1)", 1, 15, "expected another name for the loop variable", None),
    ("[1].map(math, 1)", 1, 8, "expected another name for the loop variable", None),
    ("[1].map(__x, 1)", 1, 8, "expected another name for the loop variable", None),
    ("[1].map(x, y)", 1, 12, "expected a declared name, but `y` is not", None),
    ("[1].map(item2, itme2)", 1, 16, "expected a declared name, but `itme2` is not", "item2"),
    ("cel.bind(steps, 1, 2)", 1, 9, "expected another name for the loop variable", None),
    ("google.protobuf.Duration{seconds: 1}", 1, 1, "expected JSON values, but", None),
    ("{'a': 1}.transformMap(k, v, v)", 1, 22, "expected a macro that works, but", None),
    ("99999999999999999999", 1, 1, "expected an expression, but invalid int literal", None),
    ("(" * 40 + "1" + ")" * 40, 1, 1, "expected an expression nested at most 32 deep", None),
    ("+".join(["1"] * 60), 1, 1, "expected an expression nested at most 32 deep", None),
]  # fmt: skip


@pytest.mark.parametrize(("source", "line", "column", "message", "suggestion"), MISTAKES)
def test_a_mistake_is_said_with_its_place(
    source: str, line: int, column: int, message: str, suggestion: str | None
) -> None:
    with pytest.raises(ExpressionError) as raised:
        compile_expression(source, SCOPE)

    error = raised.value
    assert error.message.startswith(message), error.message
    assert (error.line, error.column, error.suggestion) == (line, column, suggestion)


RIGHT = [
    "input.total > 0",
    "input.total > 0.5",
    "input.total == 1",
    "input.total * 2 > 1.5",
    "input.total / 3 + 1",
    "input.total * input.count",
    "input.total in [1, 2.5]",
    "input.count > 0.5",
    "size(input.tags) > 1.5",
    "input.note == null",
    "input.note == 'a'",
    "input.region == null",
    "input.note != null && input.note.startsWith('a')",
    "has(input.note) && input.note + 'x' == 'yx'",
    "has(input.total)",
    "has(input.address.city)",
    "input.express ? 1 : 'a'",
    "input.express ? input.total : 1",
    "[input.region, input.total, null]",
    "input.tags.all(t, t.startsWith('x'))",
    "input.tags + ['a']",
    "input.items.map(i, i.sku + 'x')",
    "input.items[0].sku.startsWith('a')",
    "input.headers.host.startsWith('a')",
    "input.headers['x-id'] == 'a'",
    "steps['a-b'].output.anything.at.all",
    "steps.charge.output.id.startsWith('ch')",
    "steps.charge.failure.type == 'Declined'",
    "run.id + 1",
    "index + 1",
    "always() && !failed()",
    "json.parse(input.region).x",
    "input.region == 'eu' /* not a comment */".replace(" /* not a comment */", ""),
    "input\n.region\n== 'eu'",
    "(input).region == 'eu'",
]


@pytest.mark.parametrize("source", RIGHT)
def test_what_is_right_for_some_value_compiles(source: str) -> None:
    compile_expression(source, SCOPE)


def test_an_unknown_field_of_an_open_object_is_only_a_warning() -> None:
    program = compile_expression("item.skuu == 'a'", SCOPE)

    (warning,) = program.warnings
    assert warning.message == "expected a field that the schema of `item` names, but got `skuu`"
    assert (warning.column, warning.suggestion) == (6, "sku")


def test_an_excerpt_shows_the_line_with_a_caret() -> None:
    with pytest.raises(ExpressionError) as raised:
        compile_expression("true &&\n\tinptu.x")

    assert raised.value.excerpt == "\tinptu.x\n\t^"
    assert str(raised.value) == (
        "2:2: expected a declared name, but `inptu` is not (did you mean `input`?)\n\tinptu.x\n\t^"
    )


def test_a_source_that_is_too_long_is_refused() -> None:
    with pytest.raises(ExpressionError, match=f"at most {MAX_SOURCE_CHARS} characters"):
        compile_expression(" " * MAX_SOURCE_CHARS + "1")


@pytest.mark.parametrize(
    ("source", "expect", "given"),
    [
        ("input.region", Kind.BOOL, "string"),
        ("input.note", Kind.LIST, "null or string"),
        ("1 + 1", Kind.BOOL, "number"),
        ("input.tags", Kind.BOOL, "list"),
        ("{'a': 1}", Kind.LIST, "map"),
        ("timestamp(0)", Kind.NUMBER, "string"),
    ],
)
def test_a_result_that_is_surely_not_the_expected_kind_is_refused(
    source: str, expect: Kind, given: str
) -> None:
    with pytest.raises(ExpressionError) as raised:
        compile_expression(source, SCOPE, expect)

    assert raised.value.message == f"expected a {expect}, but this gives a {given}"


@pytest.mark.parametrize(
    ("source", "expect"),
    [
        ("input.express", Kind.BOOL),
        ("input.express && true", Kind.BOOL),
        ("input.note", Kind.STRING),
        ("run.anything", Kind.BOOL),
        ("run.anything + run.other", Kind.LIST),
        ("input.?tags", Kind.LIST),
    ],
)
def test_a_result_that_may_be_of_the_expected_kind_compiles(source: str, expect: Kind) -> None:
    compile_expression(source, SCOPE, expect)
