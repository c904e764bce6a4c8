"""Limits: whatever the expression and the values are, it ends soon and with a reason."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from stretto.expression import EvaluationError, compile_expression
from stretto.expression.limits import (
    MAX_DEPTH,
    MAX_LOOP_ITEMS,
    MAX_RESULT_NODES,
    MAX_VALUE_CHARS,
    MAX_VALUE_NODES,
)

SECONDS_AT_MOST = 2.0
"""A refusal takes milliseconds; this machine may be busy."""


def nested(depth: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


def failure(source: str, **roots: Any) -> EvaluationError:
    program = compile_expression(source)
    started = time.perf_counter()
    with pytest.raises(EvaluationError) as raised:
        program.evaluate(roots)
    assert time.perf_counter() - started < SECONDS_AT_MOST
    return raised.value


@pytest.mark.parametrize("wrap", [lambda value: [value], lambda value: {"a": value}])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 20_000])
def test_json_that_is_too_deep_is_refused(wrap: Callable[[Any], Any], depth: int) -> None:
    deep = nested(depth, wrap)

    assert failure("[input].size()", input=deep).code == "too_large"
    assert failure("input.all(i, size(i) > 0)", input=[{"a": deep}]).code == "too_large"


def test_json_of_the_greatest_depth_passes() -> None:
    deep = nested(MAX_DEPTH - 1, lambda value: [value])

    assert compile_expression("[input][0]").evaluate({"input": deep}) == deep


def test_a_plain_path_hands_anything_through() -> None:
    deep = nested(5000, lambda value: [value])
    many = list(range(MAX_VALUE_NODES * 2))

    assert compile_expression("input.deep").evaluate({"input": {"deep": deep}}) is deep
    assert compile_expression("input.many").evaluate({"input": {"many": many}}) is many
    assert compile_expression("size(input) > 5").evaluate({"input": many})
    assert compile_expression("has(input.deep) && input.size() == 1").evaluate(
        {"input": {"deep": deep}}
    )


def test_a_result_that_is_too_deep_is_refused() -> None:
    deep = nested(MAX_DEPTH, lambda value: [value])

    assert failure("[input]", input=deep).code == "too_large"


@pytest.mark.parametrize(
    "value",
    [
        "x" * (MAX_VALUE_CHARS + 1),
        ["x" * MAX_VALUE_CHARS],
        {"x" * MAX_VALUE_CHARS: 1},
        [[0]] * (MAX_VALUE_NODES // 2 + 1),
    ],
)
def test_values_that_are_too_large_are_refused(value: Any) -> None:
    assert failure("[input].size() > 0", input=value).code == "too_large"


def test_a_result_of_too_many_values_is_refused() -> None:
    many = [0] * (MAX_RESULT_NODES // 2 + 1)

    assert failure("input + input", input=many).code == "too_large"


def test_a_result_of_too_many_characters_is_refused() -> None:
    text = "x" * (MAX_VALUE_CHARS // 2 + 1)

    assert failure("input + input", input=text).code == "too_large"


@pytest.mark.parametrize(
    "value",
    ["a\0b", {"a": "\0"}, [["x", "\0"]], {"\0": 1}, [{"a": {"b\0": 1}}]],
)
def test_the_character_nul_is_refused(value: Any) -> None:
    assert failure("[input]", input=value).code == "invalid"


@pytest.mark.parametrize("value", ["a\\u0000b", ["a\\u0000b"], {"\\u0000": ["\\"]}])
def test_text_that_only_looks_like_nul_passes(value: Any) -> None:
    assert compile_expression("[input]").evaluate({"input": value}) == [value]


@pytest.mark.parametrize("value", ["\ud800", ["\ud800"], {"\ud800": 1}, {"a": ["é", "\udfff"]}])
def test_half_characters_are_refused(value: Any) -> None:
    assert failure("[input]", input=value).code == "invalid"


@pytest.mark.parametrize("value", [object(), {1, 2}, [object()], {"a": 1j}, (1, 2), b"x"])
def test_what_is_not_json_is_refused(value: Any) -> None:
    assert failure("[input]", input=value).code == "invalid"


ITEMS = [{"n": n, "tags": ["a", "b"], "text": "t" * 20} for n in range(MAX_LOOP_ITEMS)]

AFFORDABLE = [
    "input.map(i, i.n).size()",
    "input.filter(i, i.n > 10).map(i, i.text).size()",
    "input.all(i, i.n >= 0)",
    "input.exists(i, i.tags.exists(t, t == 'z'))",
    "input.map(i, i.tags.map(t, t + 'x')).flatten().size()",
    "input.map(i, i.text).join(',').size()",
    "input.filter(i, i.text in ['a', 'b']).size()",
    "input.sortBy(i, -i.n)[0].n",
]


@pytest.mark.parametrize("source", AFFORDABLE)
def test_a_list_of_the_greatest_length_may_be_gone_through(source: str) -> None:
    compile_expression(source).evaluate({"input": ITEMS})


@pytest.mark.parametrize("source", AFFORDABLE)
def test_a_longer_list_is_refused(source: str) -> None:
    error = failure(source, input=[*ITEMS, ITEMS[0]])

    assert error.code == "too_large"
    assert f"at most {MAX_LOOP_ITEMS} items in a macro" in error.message


HOSTILE = [
    "lists.range(100000000)",
    "lists.range(input.n * input.n)",
    "lists.range(int(input.text))",
    "input.list.map(i, lists.range(i))",
    "input.items.map(i, input.items.map(j, i.n == j.n)).size()",
    "input.items.filter(i, input.items.exists(j, j.text == i.text + 'x')).size()",
    "input.items.map(i, i.n).distinct()",
    "input.items.map(i, input.text)",
    "sets.intersects(input.list, input.list)",
    "input.text.replace('t', input.text)",
    "regex.replace(input.text, 't', input.text)",
    "input.items.map(i, input.text).join(input.text)",
    "'%s%s%s'.format([input.items, input.text, input.text]).split('').size()",
    "['xxxxxxxxxxxxxxxx']" + ".map(a, a+a+a+a+a+a+a+a)" * 10,
    "input.text + input.text + input.text + input.text + input.text + input.text"
    " + input.text + input.text + input.text + input.text",
    "input.list.exists(i, input.list.exists(j, i == j + 10000))",
    "{'a': input.text, 'b': input.text, 'c': input.text, 'd': input.text, 'e': input.text}"
    ".map(k, k + input.text)",
]


def doubling(levels: int) -> str:
    source = "'xxxxxxxxxxxxxxxx'"
    for level in range(levels):
        name = f"v{level}"
        source = f"cel.bind({name}, {source}, {name} + {name} + {name} + {name} + {name})"
    return source


@pytest.mark.parametrize("source", [*HOSTILE, doubling(9)])
def test_a_hostile_expression_is_refused_soon(source: str) -> None:
    given = {"n": 10_000, "items": ITEMS, "list": list(range(5000)), "text": "t" * 600_000}

    error = failure(source, input=given)

    assert error.code in {"cost_exceeded", "too_large"}


def test_rounds_that_the_estimate_allows_are_counted_by_the_library() -> None:
    items = list(range(150))

    error = failure("input.all(i, input.all(j, true))", input=items)

    assert error.code == "cost_exceeded"
    assert "10000 rounds" in error.message
    assert failure("input.all(i, input.all(j, [j][?0].hasValue()))", input=items).code == error.code


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("lists.range(size(input.text)).size()", 3),
        ("lists.range(input.n + 1).size()", 6),
        ("lists.range(input.n * 2 - 1).map(i, i + 1).size()", 9),
        ("lists.range(true ? input.n : 2).size()", 5),
        ("'a'.replace('', 'b')", "bab"),
        ("input.text.replace('a', 'bb')", "bbbc"),
        ("'%s'.format([input.n])", "5"),
        ("[3, 1].sort() + [2, 2].distinct()", [1, 3, 2]),
        ("sets.contains(['a'], ['a']) && sets.equivalent([], [])", True),
        ("input.text.split('')", ["a", "b", "c"]),
        ("regex.extractAll(input.text, '[a-z]')", ["a", "b", "c"]),
        ("[1, [2]].flatten()", [1, 2]),
        ("lists.range(3).map(i, [i, [i]]).flatten().distinct().size()", 6),
        ("sets.contains(lists.range(3), [1]) && 'a,b'.split(',').size() == 2", True),
        ("lists.range(3).sortBy(i, -i).sort()", [0, 1, 2]),
        ("lists.range(1).map(i, {'a': i, 'b': [i]})", [{"a": 0, "b": [0]}]),
        ("[input.maybe].map(m, {?'a': m.?x, 'b': lists.range(1)})", [{"b": [0]}]),
        ("cel.bind(x, input.text, x + x + x)", "abcabcabc"),
        ("{'a': 1}.map(k, k + k)", ["aa"]),
        ("input.maybe.?x.orValue('none').split('n')", ["", "o", "e"]),
        ("lists.range(2).map(i, input.text in ['abc'] || !(i == 1))", [True, True]),
    ],
)
def test_what_grows_a_little_is_let_pass(source: str, expected: Any) -> None:
    scope = {"input": {"text": "abc", "n": 5, "maybe": {}}}

    assert compile_expression(source).evaluate(scope) == expected


@pytest.mark.parametrize(
    "source",
    [
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.matches('(a+)+$b')",
        "input.matches('(x+x+)+y')",
        "input.matches('" + "(" * 100 + "x" + ")*" * 100 + "')",
    ],
)
def test_regular_expressions_take_linear_time(source: str) -> None:
    started = time.perf_counter()

    assert compile_expression(source).evaluate({"input": "x" * 10_000}) in {True, False}

    assert time.perf_counter() - started < SECONDS_AT_MOST


def test_a_regular_expression_that_explodes_is_refused() -> None:
    assert failure("input.matches('((a{1000}){1000}){1000}')", input="a").code == "invalid"
