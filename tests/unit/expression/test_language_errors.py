"""What goes wrong in an expression has a code and says what was involved."""

import pytest

from stretto.expression import EvaluationError, compile_expression
from tests.unit.expression.scopes import SCOPE

ERRORS = [
    ("input.missing", "missing_path"),
    ("input.missing.deeper", "missing_path"),
    ("steps.skipped.output.id", "missing_path"),
    ("steps.unknown", "missing_path"),
    ("input.items[7]", "missing_path"),
    ("input.items[7].sku == 'a'", "missing_path"),
    ("input.numbers[index + 5]", "missing_path"),
    ("{'a': 1}.b", "missing_path"),
    ("input['mis' + 'sing']", "missing_path"),
    ("input.address[0]", "missing_path"),
    ("input.items.map(i, i.missing)", "missing_path"),
    ("device.id", "missing_path"),
    ("has(input.missing.deeper)", "missing_path"),
    ("input.missing.?deeper", "missing_path"),
    ("input.yes && input.missing", "missing_path"),
    ("input.region.deeper", "type_mismatch"),
    ("input.total.deeper", "type_mismatch"),
    ("input.nothing.deeper", "type_mismatch"),
    ("input.tags.deeper", "type_mismatch"),
    ("input.tags['a']", "type_mismatch"),
    ("input.region[0]", "type_mismatch"),
    ("has(input.region.deeper)", "type_mismatch"),
    ("has(input.tags.deeper)", "type_mismatch"),
    ("input.tags.?deeper", "type_mismatch"),
    ("input.total.?deeper", "type_mismatch"),
    ("input.total + 'x'", "type_mismatch"),
    ("input.region > 5", "type_mismatch"),
    ("input.nothing + 1", "type_mismatch"),
    ("input.region && true", "type_mismatch"),
    ("!input.total", "type_mismatch"),
    ("input.total ? 1 : 2", "type_mismatch"),
    ("size(input.total)", "type_mismatch"),
    ("input.total.size() + 1", "type_mismatch"),
    ("size(input.missing) > 0", "missing_path"),
    ("input.total.startsWith('1')", "type_mismatch"),
    ("input.region.map(c, c)", "type_mismatch"),
    ("double(size(input.tags)) * input.total", "type_mismatch"),
    ("input.items.map(i, i.price * 1.5)", "type_mismatch"),
    ("1 / 0", "division_by_zero"),
    ("input.total / input.zero", "division_by_zero"),
    ("input.total % input.zero", "division_by_zero"),
    ("9223372036854775807 + input.total", "overflow"),
    ("-9223372036854775807 - input.total", "overflow"),
    ("9223372036854775807 * input.total", "overflow"),
    ("int(1e30)", "overflow"),
    ("uint(-1)", "overflow"),
    ("int('x')", "invalid"),
    ("double('x')", "invalid"),
    ("bool('x')", "invalid"),
    ("timestamp('yesterday')", "invalid"),
    ("duration('long')", "invalid"),
    ("'a'.matches('(')", "invalid"),
    ("1.0 / 0.0", "invalid"),
    ("0.0 / 0.0", "invalid"),
    ("[1e400]", "invalid"),
    ("1e400", "invalid"),
    ("'\\u0000'", "invalid"),
    ("[optional.of(1)]", "invalid"),
    ("{'a': optional.none()}", "invalid"),
    ("{'a': [input.?region]}", "invalid"),
    ("{1: 'a', '1': 'b'}", "invalid"),
    ("input[true]", "missing_path"),
    ("input.numbers[true]", "type_mismatch"),
    ("'abc'.substring(5)", "invalid"),
    ("optional.none().value()", "invalid"),
]


@pytest.mark.parametrize(("source", "code"), ERRORS)
def test_an_expression_over_wrong_values_fails_with_its_code(source: str, code: str) -> None:
    program = compile_expression(source)

    with pytest.raises(EvaluationError) as raised:
        program.evaluate(SCOPE)

    assert raised.value.code == code, raised.value
    assert raised.value.message.startswith("expected ")


@pytest.mark.parametrize("source", ["1 / 0", "[1].map(x, x / 0)", "input.total / 0"])
def test_an_expression_fails_the_same_way_every_time(source: str) -> None:
    program = compile_expression(source)

    for _ in range(3):
        with pytest.raises(EvaluationError) as raised:
            program.evaluate(SCOPE)
        assert raised.value.code == "division_by_zero"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("steps.charge.output.idd", "expected `steps.charge.output.idd`, but "
         "`steps.charge.output` has no `idd` (did you mean `id`?)"),
        ("input.missing + 1", "expected `input.missing`, but `input` has no `missing`"),
        ('steps["a-b"].output.no', 'expected `steps["a-b"].output.no`, but '
         '`steps["a-b"].output` has no `no`'),
        ("input.items[7]", "expected `input.items[7]`, but the list has 3 items"),
        ("input.region.x", 'expected `input.region` to be a map with `x`, but it is "eu"'),
        ("input.region[0]", 'expected `input.region` to be a list, but it is "eu"'),
        ("input.total + 'x'", "expected values that `+` takes, but got int64, string "
         "(input.total = 12)"),
        ("double(index) * input.total", "expected numbers of one kind for `*`, but got an int and "
         "a double (convert with `double()`) (index = 1, input.total = 1…"),
        ("input.total / input.zero", "expected a divisor other than zero "
         "(input.total = 12, input.zero = 0)"),
        ("device", "expected `device` in the scope, but it is not there"),
    ],
)  # fmt: skip
def test_a_message_names_what_was_involved(source: str, message: str) -> None:
    program = compile_expression(source)

    with pytest.raises(EvaluationError) as raised:
        program.evaluate(SCOPE)

    assert raised.value.message == message


def test_a_message_is_bounded() -> None:
    program = compile_expression("input.long > input.number")

    with pytest.raises(EvaluationError) as raised:
        program.evaluate({"input": {"long": "x" * 10_000, "number": 1}})

    assert len(raised.value.message) <= 120


def test_a_status_that_is_not_known_is_an_error_that_says_so() -> None:
    program = compile_expression("failed()")

    with pytest.raises(EvaluationError) as raised:
        program.evaluate({})

    assert raised.value.code == "missing_path"
    assert "`failed()`" in raised.value.message
