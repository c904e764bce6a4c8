"""Templates: JSON with expressions inside, filled in and written."""

from typing import Any

import msgspec
import pytest

from stretto.expression import (
    EvaluationError,
    ExpressionError,
    Kind,
    ScopeTypes,
    compile_condition,
    compile_template,
)
from stretto.expression.limits import MAX_DEPTH, MAX_RESULT_CHARS, MAX_TEMPLATE_NODES

SCOPE: dict[str, Any] = {
    "input": {
        "total": 5,
        "price": 2.5,
        "name": "Ada",
        "items": [{"sku": "a"}],
        "nothing": None,
        "yes": True,
        "big": "x" * (MAX_RESULT_CHARS // 2 + 1),
    },
    "steps": {"ship": {"status": "skipped"}},
}

FILLED = [
    (None, None),
    (True, True),
    (5, 5),
    (2.5, 2.5),
    ("", ""),
    ("plain", "plain"),
    ([], []),
    ({}, {}),
    ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
    ("${{ input.total }}", 5),
    ("${{input.total}}", 5),
    ("${{ input.total }}\n", 5),
    ("${{ input.total }} ", "5 "),
    (" ${{ input.total }}", " 5"),
    ("${{ input.items }}", [{"sku": "a"}]),
    ("${{ input.nothing }}", None),
    ("order ${{ input.name }}!", "order Ada!"),
    ("${{ input.total }}${{ input.price }}", "52.5"),
    ("${{ input.total * 2 }}/${{ input.yes }}/${{ input.nothing }}", "10/true/null"),
    ("items: ${{ input.items }}", 'items: [{"sku":"a"}]'),
    ("map: ${{ {'a': 1} }}", 'map: {"a":1}'),
    ("${{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
    ("${{ {'a': {'b': 1}}}}", {"a": {"b": 1}}),
    ("${{ '}}' }}", "}}"),
    ("${{ \"}}\" + '{{' }}", "}}{{"),
    ("${{ 'it\\'s }}' }}", "it's }}"),
    ("${{ r'\\d}}' }}", "\\d}}"),
    ("${{ '''a'}}'b''' }}", "a'}}'b"),
    ("${{ 1 // comment }}", 1),
    ("${{ 1 // don't }} stop\n + 1 }}", 2),
    ("$${{ input.name }}", "${{ input.name }}"),
    ("a $${{ b ${{ input.name }}", "a ${{ b Ada"),
    ("$$ ${{ input.name }} $", "$$ Ada $"),
    ("{{ not a template }}", "{{ not a template }}"),
    ("${ input }", "${ input }"),
    ({"amount": "${{ input.total }}", "ref": "order ${{ input.name }}", "n": 1},
     {"amount": 5, "ref": "order Ada", "n": 1}),
    (["${{ input.total }}", "x", ["${{ input.name }}"]], [5, "x", ["Ada"]]),
    ({"é\"": "${{ input.total }}"}, {"é\"": 5}),
    ({"when": "${{ timestamp(0) }}"}, {"when": "1970-01-01T00:00:00Z"}),
]  # fmt: skip


@pytest.mark.parametrize(("template", "expected"), FILLED)
def test_a_template_is_filled_in(template: Any, expected: Any) -> None:
    compiled = compile_template(template)

    value = compiled.evaluate(SCOPE)

    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(("template", "expected"), FILLED)
def test_writing_a_template_is_encoding_its_value(template: Any, expected: Any) -> None:
    assert compile_template(template).render_json(SCOPE) == msgspec.json.encode(expected)


def test_a_template_knows_what_it_refers_to() -> None:
    template = compile_template(
        {
            "a": "${{ input.total }}",
            "b": ["${{ input.name }} ${{ input.total }}", "${{ failed() }}"],
        },
        place="with",
    )

    assert template.references == (("input", "total"), ("input", "name"))
    assert template.status_functions == {"failed"}
    assert [place for place, _ in template.programs] == [
        "with.a",
        "with.b[0]",
        "with.b[0]",
        "with.b[1]",
    ]
    assert not template.is_constant


@pytest.mark.parametrize("value", [1, "x", ["a", {"b": "$${{ escaped }}"}], "${{"[:2]])
def test_a_template_without_expressions_is_constant(value: Any) -> None:
    template = compile_template(value)

    assert template.is_constant
    assert template.references == ()
    assert template.render_json({}) == msgspec.json.encode(template.evaluate({}))


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("${{ input.missing }}", "with"),
        ("x ${{ input.missing }}", "with"),
        ({"amount": "${{ input.missing }}"}, "with.amount"),
        ({"items": [1, {"sku": "${{ input.missing }}"}]}, "with.items[1].sku"),
    ],
)
def test_an_error_names_its_place(template: Any, place: str) -> None:
    compiled = compile_template(template, place="with")

    for fill_in in (compiled.evaluate, compiled.render_json):
        with pytest.raises(EvaluationError) as raised:
            fill_in(SCOPE)
        assert raised.value.place == place
        assert raised.value.code == "missing_path"
        assert str(raised.value).startswith(f"{place}: expected `input.missing`")


def test_a_lenient_template_has_null_for_what_is_missing() -> None:
    template = compile_template(
        {
            "tracking": "${{ steps.ship.output.tracking }}",
            "text": "no ${{ steps.ship.output.tracking }}",
            "total": "${{ input.total }}",
        }
    )

    assert template.evaluate(SCOPE, lenient=True) == {
        "tracking": None, "text": "no null", "total": 5,
    }  # fmt: skip
    assert msgspec.json.decode(template.render_json(SCOPE, lenient=True))["tracking"] is None


def test_a_lenient_template_still_fails_for_other_reasons() -> None:
    template = compile_template("${{ input.total / 0 }}")

    with pytest.raises(EvaluationError, match="division_by_zero"):
        template.evaluate(SCOPE, lenient=True)


def test_a_text_that_grows_too_long_is_an_error() -> None:
    template = compile_template({"t": "${{ input.big }}${{ input.big }}"}, place="with")

    with pytest.raises(EvaluationError) as raised:
        template.evaluate(SCOPE)

    assert (raised.value.code, raised.value.place) == ("too_large", "with.t")


@pytest.mark.parametrize(
    ("template", "place", "line", "column", "message"),
    [
        ("${{ input.total", "with", 1, 1, "expected `}}` after `${{`, but the text ends before"),
        ("ab ${{ 'x }}", "with", 1, 4, "expected `}}` after `${{`"),
        ("ab ${{ r'x }}", "with", 1, 4, "expected `}}` after `${{`"),
        ("ab ${{ 'x\\", "with", 1, 4, "expected `}}` after `${{`"),
        ("ab ${{ 'x\\' }}", "with", 1, 4, "expected `}}` after `${{`"),
        ("ab\n c ${{ {", "with", 2, 4, "expected `}}` after `${{`"),
        ("${{ }}", "with", 1, 4, "expected an expression, but it is empty"),
        ("${{ input.total + }}", "with", 1, 19, "expected a value, but the expression ends"),
        ("line\nx ${{ inptu.x }}", "with", 2, 7, "expected a declared name, but `inptu` is not"),
        ("x ${{ 1 &&\n  inptu }}", "with", 2, 3, "expected a declared name, but `inptu` is not"),
        ({"a": ["${{ inptu }}"]}, "with.a[0]", 1, 5, "expected a declared name"),
        ({"${{ input.x }}": 1}, "with.${{ input.x }}", 1, 1, "expected a key without expression"),
        ({"a": "nul \0"}, "with.a", 1, 1, "expected text, but it holds the character U+0000"),
    ],
)
def test_a_mistake_is_said_with_its_place(
    template: Any, place: str, line: int, column: int, message: str
) -> None:
    with pytest.raises(ExpressionError) as raised:
        compile_template(template, place="with")

    error = raised.value
    assert error.message.startswith(message)
    assert (error.place, error.line, error.column) == (place, line, column)
    assert str(error).startswith(f"{place}: {line}:{column}: ")


def test_all_mistakes_are_found_in_one_pass() -> None:
    mistakes: list[ExpressionError] = []

    compile_template(
        {"a": "${{ inptu }}", "b": "${{ input.total", "${{ c }}": 1, "d": "${{ input.total }}"},
        place="with",
        mistakes=mistakes,
    )

    assert [mistake.place for mistake in mistakes] == ["with.a", "with.b", "with.${{ c }}"]


def test_a_template_is_checked_against_its_scope() -> None:
    scope = ScopeTypes.of(input={"type": "object", "properties": {"total": {"type": "string"}}})

    with pytest.raises(ExpressionError, match=r"got \(string, int\)"):
        compile_template({"a": "${{ input.total + 1 }}"}, scope)


@pytest.mark.parametrize("value", [["x"] * MAX_TEMPLATE_NODES, "deep"])
def test_a_template_that_is_too_large_is_refused(value: Any) -> None:
    if value == "deep":
        for _ in range(MAX_DEPTH + 1):
            value = [value]

    with pytest.raises(ExpressionError, match="but the template is larger"):
        compile_template(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("input.total > 1", True),
        ("${{ input.total > 1 }}", True),
        ("  ${{ input.total > 9 }}\n", False),
        (True, True),
        (False, False),
        ("always()", True),
    ],
)
def test_a_condition_is_written_bare_or_wrapped(text: str | bool, expected: bool) -> None:
    assert compile_condition(text, expect=Kind.BOOL).evaluate(SCOPE) is expected


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("x ${{ input.total }}", 1, "expected one expression, bare or in `${{ }}`"),
        ("${{ input.a }}${{ input.b }}", 1, "expected one expression, bare or in `${{ }}`"),
        ("$${{ input.a }}", 1, "expected one expression, bare or in `${{ }}`"),
        ("${{ inptu }}", 5, "expected a declared name"),
        ("inptu", 1, "expected a declared name"),
        ("${{ 1 + 1 }}", 4, "expected a bool, but this gives a number"),
        ("${{ input.a", 1, "expected `}}` after `${{`"),
    ],
)
def test_a_condition_that_is_not_one_expression_is_refused(
    text: str, column: int, message: str
) -> None:
    with pytest.raises(ExpressionError) as raised:
        compile_condition(text, expect=Kind.BOOL, place="if")

    assert raised.value.message.startswith(message)
    assert (raised.value.place, raised.value.column) == ("if", column)


@pytest.mark.parametrize("value", [1, "true", None, []])
def test_a_condition_must_give_a_bool(value: Any) -> None:
    program = compile_condition("input.x", expect=Kind.BOOL)

    with pytest.raises(EvaluationError) as raised:
        program.evaluate({"input": {"x": value}})

    assert raised.value.code == "type_mismatch"
    assert raised.value.message.startswith("expected a bool, but got ")
