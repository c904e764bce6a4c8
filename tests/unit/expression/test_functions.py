"""Our own functions: their documented examples, and their use inside of macros."""

from typing import Any

import pytest

from stretto.expression import FUNCTIONS, EvaluationError, compile_expression
from stretto.expression.functions import function

EXAMPLES = [
    (name, source, expected)
    for name, known in FUNCTIONS.items()
    for source, expected in known.examples
]
SCOPE: dict[str, Any] = {
    "input": {
        "items": [{"sku": "a", "n": 1, "j": "[1]"}, {"sku": "b", "j": "[2]"}],
        "map": {"x": '{"v": 1}', "y": '{"v": 2}'},
        "bad": ["1", "x", "3"],
        "fields": ["sku"],
    }
}


@pytest.mark.parametrize(("name", "source", "expected"), EXAMPLES)
def test_an_example_of_the_reference_is_true(name: str, source: str, expected: Any) -> None:
    assert name in source
    assert compile_expression(source).evaluate({"input": {}}) == expected


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_a_function_is_documented(name: str) -> None:
    assert FUNCTIONS[name].about.endswith(".")
    assert FUNCTIONS[name].examples


def test_a_name_is_given_once() -> None:
    def again(value: Any) -> Any:
        """Do it again."""
        return value

    with pytest.raises(AssertionError):
        function("pick", {})(again)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("pick(input.text, [])", "type_mismatch"),
        ("pick({}, input.text)", "type_mismatch"),
        ("pick({}, [1])", "type_mismatch"),
        ("omit(input.text, [])", "type_mismatch"),
        ("merge({}, input.text)", "type_mismatch"),
        ("json.parse(input)", "type_mismatch"),
        ("json.parse('{')", "invalid"),
        ("json.parse('" + "[" * 2000 + "')", "invalid"),
        ("json.parse(input.half)", "invalid"),
        ("default(input.a, input.b)", "missing_path"),
        ("default(input.text.x, 1)", "type_mismatch"),
        ("pick(input.a, ['x'])", "missing_path"),
    ],
)
def test_a_function_refuses_what_it_cannot_do(source: str, code: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        compile_expression(source).evaluate({"input": {"text": "t", "half": "\ud800"}})

    assert raised.value.code == code


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("input.items.map(i, pick(i, ['sku']))", [{"sku": "a"}, {"sku": "b"}]),
        ("input.items.map(i, pick(i, input.fields))", [{"sku": "a"}, {"sku": "b"}]),
        ("input.items.map(i, json.parse(i.j)[0] + 1)", [2, 3]),
        ("input.items.map(i, i.sku == 'b', json.parse(i.j))", [[2]]),
        ("input.items.filter(i, json.parse(i.j) == [1]).map(i, i.sku)", ["a"]),
        ("input.items.all(i, json.parse(i.j).size() == 1)", True),
        ("input.items.exists(i, json.parse(i.j)[0] == 2)", True),
        ("input.items.exists(i, json.parse(i.j)[0] == 3)", False),
        ("input.items.exists_one(i, json.parse(i.j)[0] == 2)", True),
        ("input.items.map(i, default(i.n, 0))", [1, 0]),
        ("input.items.map(i, input.fields.map(f, pick(i, [f])))", [[{"sku": "a"}], [{"sku": "b"}]]),
        ("input.items.transformList(n, i, merge({'n': n}, {'s': i.sku}))", [
            {"n": 0, "s": "a"}, {"n": 1, "s": "b"},
        ]),
        ("input.map.map(k, json.parse(input.map[k]).v).sort()", [1, 2]),
        ("input.map.transformList(k, v, json.parse(v).v).sort()", [1, 2]),
        ("input.map.all(k, v, json.parse(v).v > 0)", True),
        ("cel.bind(x, input.items[0], pick(x, ['n']))", {"n": 1}),
        ("cel.bind(x, input.items[0].j, json.parse(x)[0] + size(x))", 4),
        ("input.bad.exists(b, json.parse(b) == 3)", True),
        ("input.bad.all(b, json.parse(b) == 3)", False),
        ("size(input.items.map(i, pick(i, ['n']))) == 2 && input.items.all(i, has(i.sku))", True),
        ("input.items.map(i, has(i.n) ? pick(i, ['n']) : {})", [{"n": 1}, {}]),
        ("json.format(pick(input.items[0], ['n'])) + '!'", '{"n":1}!'),
    ],
)  # fmt: skip
def test_a_function_may_take_the_variable_of_a_macro(source: str, expected: Any) -> None:
    assert compile_expression(source).evaluate(SCOPE) == expected


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("input.bad.all(b, json.parse(b) > 0)", "invalid"),
        ("input.bad.exists(b, json.parse(b) > 5)", "invalid"),
        ("input.bad.map(b, json.parse(b))", "invalid"),
        ("input.bad.exists_one(b, json.parse(b) == 1)", "invalid"),
        ("input.items.all(i, json.parse(i.j))", "type_mismatch"),
        ("input.items.map(i, json.parse(i.j), 1)", "type_mismatch"),
        ("input.fields[0].map(i, pick(i, ['n']))", "type_mismatch"),
        ("input.items.map(i, pick(i.missing, ['n']))", "missing_path"),
    ],
)
def test_a_macro_that_we_run_fails_like_any_other(source: str, code: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        compile_expression(source).evaluate(SCOPE)

    assert raised.value.code == code


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("input.many.map(i, json.format(i))", "too_large"),
        ("input.some.map(i, input.some.map(j, json.format(i)))", "cost_exceeded"),
        ("input.some.map(i, json.format(input.text + string(i)))", "cost_exceeded"),
        ("input.some.map(i, json.format(i) + string((input.text + '!').size()))", "cost_exceeded"),
    ],
)
def test_macros_that_we_run_are_bounded(source: str, code: str) -> None:
    scope = {"input": {"many": list(range(1001)), "some": [*range(200)], "text": "x" * 100_000}}

    with pytest.raises(EvaluationError) as raised:
        compile_expression(source).evaluate(scope)

    assert raised.value.code == code


@pytest.mark.parametrize("size", [2, 2.0])
def test_a_whole_number_may_have_been_written_with_a_point(size: float) -> None:
    scope = {"input": {"items": [1, 2, 3], "size": size}}

    assert compile_expression("list.chunk(input.items, input.size)").evaluate(scope) == [
        [1, 2],
        [3],
    ]


@pytest.mark.parametrize("size", [1.5, True, "2", 2**64])
def test_what_is_no_whole_number_is_refused(size: object) -> None:
    with pytest.raises(EvaluationError, match="expected a whole number"):
        compile_expression("list.chunk(input.items, input.size)").evaluate(
            {"input": {"items": [1, 2, 3], "size": size}}
        )
