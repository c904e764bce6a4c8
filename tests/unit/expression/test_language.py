"""The language, section by section: expressions with their values or errors over one scope."""

from typing import Any

import pytest

from stretto.expression import EvaluationError, compile_expression

SCOPE: dict[str, Any] = {
    "input": {
        "region": "eu",
        "name": "Ada Lovelace",
        "greek": "πέντε",
        "total": 12,
        "price": 2.5,
        "zero": 0,
        "yes": True,
        "no": False,
        "nothing": None,
        "tags": ["new", "gift"],
        "empty": [],
        "numbers": [3, 1, 2],
        "items": [
            {"sku": "a1", "qty": 2, "price": 1.5, "tags": ["x"]},
            {"sku": "b2", "qty": 1, "price": 4, "tags": []},
            {"sku": "c3", "qty": 5, "price": 2.25, "tags": ["x", "y"]},
        ],
        "address": {"city": "Köln", "zip-code": "50667", "in": 1},
        "when": "2024-02-29T13:30:15.250Z",
        "for": "90s",
        "json": '{"a": [1, 2.5, null], "b": "x"}',
    },
    "steps": {
        "charge": {"output": {"id": "ch_1", "status": 200}, "status": "completed"},
        "a-b": {"output": {"ok": True}, "status": "completed"},
        "skipped": {"status": "skipped"},
    },
    "item": {"sku": "a1", "qty": 2},
    "index": 1,
    "loop": {"index": 3, "previous": {"loop": "x"}},
    "run": {"id": "r-1"},
    "vars": {"limit": 10},
    "outcome": {"failed": False, "cancelled": False, "succeeded": True},
}

LITERALS = [
    ("null", None),
    ("true", True),
    ("false", False),
    ("42", 42),
    ("-7", -7),
    ("0x1F", 31),
    ("1u", 1),
    ("2.5", 2.5),
    ("1e3", 1000.0),
    ("-0.5", -0.5),
    ("9223372036854775807", 9223372036854775807),
    ("-9223372036854775808", -9223372036854775808),
    ("18446744073709551615u", 18446744073709551615),
    ("'single'", "single"),
    ('"double"', "double"),
    ("'''a\nb'''", "a\nb"),
    ("'tab\\tend'", "tab\tend"),
    ("'\\u00e9'", "é"),
    ("r'\\d+'", "\\d+"),
    ("b'abc'", "YWJj"),
    ("[]", []),
    ("{}", {}),
    ("[1, 'a', null, [true]]", [1, "a", None, [True]]),
    ("{'a': 1, 'b': {'c': []}}", {"a": 1, "b": {"c": []}}),
    ("{1: 'one', 2: 'two'}", {"1": "one", "2": "two"}),
    ("{true: 'yes', false: 'no'}", {"true": "yes", "false": "no"}),
    ("1 // with a comment", 1),
    ("// a comment before\n 2", 2),
]

ARITHMETIC = [
    ("1 + 2 * 3", 7),
    ("(1 + 2) * 3", 9),
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("7 % 3", 1),
    ("-7 % 3", -1),
    ("7.0 / 2.0", 3.5),
    ("-input.total", -12),
    ("- -3", 3),
    ("input.total + 1", 13),
    ("input.total - input.zero", 12),
    ("input.total * input.total", 144),
    ("input.total / 5", 2),
    ("input.total % 5", 2),
    ("1u + 2u", 3),
    ("0.1 + 0.2 < 0.31", True),
    ("math.ceil(1.2)", 2.0),
    ("math.floor(-1.2)", -2.0),
    ("math.round(2.5)", 3.0),
    ("math.trunc(2.9)", 2.0),
    ("math.abs(-5)", 5),
    ("math.sign(-2.0)", -1.0),
    ("math.greatest(1, 5, 3)", 5),
    ("math.least(1.5, 0.5)", 0.5),
    ("math.greatest(input.numbers)", 3),
    ("math.sqrt(9)", 3.0),
    ("math.bitAnd(6, 3)", 2),
    ("math.bitOr(6, 3)", 7),
    ("math.bitXor(6, 3)", 5),
    ("math.bitShiftLeft(1, 4)", 16),
    ("math.isNaN(0.0 / 0.0)", True),
    ("math.isInf(1.0 / 0.0)", True),
]

COMPARISON = [
    ("1 < 2", True),
    ("2 <= 2", True),
    ("'a' < 'b'", True),
    ("'a' >= 'b'", False),
    ("1 == 1", True),
    ("1 != 2", True),
    ("1 == 1.0", True),
    ("2 > 1.5", True),
    ("1u < 2", True),
    ("input.total > 0", True),
    ("input.total > 0.0", True),
    ("input.total == 12.0", True),
    ("input.price > 2", True),
    ("input.price == 2.5", True),
    ("input.region == 'eu'", True),
    ("input.region == 5", False),
    ("input.nothing == null", True),
    ("input.region != null", True),
    ("[1, 2] == [1, 2]", True),
    ("[1, 2] == [2, 1]", False),
    ("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", True),
    ("input.tags == ['new', 'gift']", True),
    ("input.address == {}", False),
    ("false < true", True),
    ("b'a' < b'b'", True),
    ("timestamp(input.when) > timestamp('2024-01-01T00:00:00Z')", True),
    ("duration(input.for) < duration('2m')", True),
]

LOGIC = [
    ("true && false", False),
    ("true || false", True),
    ("!true", False),
    ("!input.no", True),
    ("input.yes && !input.no", True),
    ("input.yes ? 'y' : 'n'", "y"),
    ("input.no ? 1 : input.total > 10 ? 2 : 3", 2),
    ("input.yes || input.missing", True),
    ("input.missing || input.yes", True),
    ("input.no && input.missing", False),
    ("input.missing && input.no", False),
    ("input.yes ? 1 : input.missing", 1),
    ("1 / input.zero == 1 || true", True),
    ("input.no ? 'text' : 2.5", 2.5),
]

PATHS = [
    ("input.region", "eu"),
    ("input['region']", "eu"),
    ('steps["a-b"].output.ok', True),
    ("steps.charge.output.id", "ch_1"),
    ("steps['charge']['output']['status']", 200),
    ("input.address['zip-code']", "50667"),
    ("input.address.`zip-code`", "50667"),
    ("input.address['in']", 1),
    ("input.items[0].sku", "a1"),
    ("input.items[index].sku", "b2"),
    ("input.items[size(input.items) - 1].sku", "c3"),
    ("input[input.yes ? 'region' : 'name']", "eu"),
    ("(input).region", "eu"),
    (".input.region", "eu"),
    ("input . region", "eu"),
    ("input\n  .region", "eu"),
    ("item", {"sku": "a1", "qty": 2}),
    ("item.qty", 2),
    ("index", 1),
    ("loop.index", 3),
    ("loop.index + 1", 4),
    ("loop.previous.loop + 'loop' + loop['previous'].loop", "xloopx"),
    ("{'loop': loop.index}['loop'] // loop", 3),
    ("has(loop.previous) && loop . index == 3 && input.?loop.orValue('loop') == 'loop'", True),
    ("[1].map(x, loop.index + x)", [4]),
    ("input.nothing", None),
    ("input.empty", []),
    ("steps.skipped.status", "skipped"),
    ("run.id + '/' + string(vars.limit)", "r-1/10"),
    ("has(input.region)", True),
    ("has(input.missing)", False),
    ("has(input.nothing)", True),
    ("has(input.address.city)", True),
    ("has(steps.skipped.output)", False),
    ("has(steps.charge.output.id) && steps.charge.output.id == 'ch_1'", True),
    ("input.items.map(i, has(i.sku))", [True, True, True]),
    ("input.?missing", None),
    ("input.?region", "eu"),
    ("input.?missing.orValue('none')", "none"),
    ("input.?address.?city.orValue('?')", "Köln"),
    ("input.?address.?street.orValue('?')", "?"),
    ("input[?'missing'].hasValue()", False),
    ("input.numbers[?7].orValue(0)", 0),
    ("{?'a': input.?missing, ?'b': input.?region}", {"b": "eu"}),
    ("[?input.?missing, 1]", [1]),
    ("optional.of(5).orValue(1)", 5),
    ("optional.none().or(optional.of(2)).value()", 2),
    ("input.?total.optMap(t, t * 2).orValue(0)", 24),
]

TEXT = [
    ("'a' + 'b'", "ab"),
    ("'Hello ' + input.name", "Hello Ada Lovelace"),
    ("size(input.greek)", 5),
    ("input.greek.size()", 5),
    ("input.name.startsWith('Ada')", True),
    ("input.name.endsWith('lace')", True),
    ("input.name.contains('Love')", True),
    ("input.name.matches('^[A-Z][a-z]+ ')", True),
    ("matches(input.region, '^(eu|us)$')", True),
    ("input.name.lowerAscii()", "ada lovelace"),
    ("input.name.upperAscii()", "ADA LOVELACE"),
    ("'  x '.trim()", "x"),
    ("input.name.split(' ')", ["Ada", "Lovelace"]),
    ("'a,b,c'.split(',', 2)", ["a", "b,c"]),
    ("input.tags.join()", "newgift"),
    ("input.tags.join('-')", "new-gift"),
    ("'abc'.charAt(1)", "b"),
    ("'abcabc'.indexOf('c')", 2),
    ("'abcabc'.lastIndexOf('c')", 5),
    ("'abcdef'.substring(2)", "cdef"),
    ("'abcdef'.substring(2, 4)", "cd"),
    ("'aaa'.replace('a', 'b')", "bbb"),
    ("'aaa'.replace('a', 'b', 1)", "baa"),
    ("'abc'.reverse()", "cba"),
    ("strings.quote('a\"b')", '"a\\"b"'),
    ("'%s is %d, %.2f'.format([input.region, 7, 1.005])", "eu is 7, 1.00"),
    ("'%s'.format([[1, 'a']])", "[1, a]"),
    ("regex.replace('a1b22', '[0-9]+', '#')", "a#b#"),
    ("regex.extract('order 42', '[0-9]+').orValue('')", "42"),
    ("regex.extractAll('1 a 2', '[0-9]')", ["1", "2"]),
    ("base64.encode(b'hi')", "aGk="),
    ("string(base64.decode('aGk='))", "hi"),
]

CONVERSION = [
    ("string(5)", "5"),
    ("string(2.5)", "2.5"),
    ("string(true)", "true"),
    ("string(input.total) + '!'", "12!"),
    ("int('42')", 42),
    ("int(2.9)", 2),
    ("int(input.price)", 2),
    ("double('2.5')", 2.5),
    ("double(3)", 3.0),
    ("uint(3)", 3),
    ("bool('true')", True),
    ("bytes('é')", "w6k="),
    ("string(b'abc')", "abc"),
    ("dyn(1) == 1", True),
    ("type(1)", "int"),
    ("type('a') == string", True),
    ("type(input.total) == int", True),
    ("type([]) == list", True),
    ("type(null) == null_type", True),
]

LISTS = [
    ("size(input.tags)", 2),
    ("input.items.size()", 3),
    ("'new' in input.tags", True),
    ("'old' in input.tags", False),
    ("2 in [1, 2.0]", True),
    ("'region' in input", True),
    ("input.tags + ['x']", ["new", "gift", "x"]),
    ("input.items.map(i, i.sku)", ["a1", "b2", "c3"]),
    ("input.items.map(i, i.qty > 1, i.sku)", ["a1", "c3"]),
    ("input.items.filter(i, i.qty > 1).map(i, i.sku)", ["a1", "c3"]),
    ("input.items.all(i, i.qty > 0)", True),
    ("input.items.exists(i, i.sku == 'b2')", True),
    ("input.items.exists_one(i, i.qty > 1)", False),
    ("input.items.existsOne(k, i, i.qty == 1)", True),
    ("input.items.all(n, i, n >= 0 && i.qty > 0)", True),
    ("input.items.transformList(n, i, string(n) + i.sku)", ["0a1", "1b2", "2c3"]),
    ("input.items.map(i, i.tags.map(t, t + i.sku)).flatten()", ["xa1", "xc3", "yc3"]),
    ("input.numbers.sort()", [1, 2, 3]),
    ("input.items.sortBy(i, i.qty).map(i, i.sku)", ["b2", "a1", "c3"]),
    ("[1, 2, 1].distinct()", [1, 2]),
    ("[1, [2, [3]]].flatten()", [1, 2, [3]]),
    ("[1, [2, [3]]].flatten(2)", [1, 2, 3]),
    ("input.numbers.slice(1, 3)", [1, 2]),
    ("input.numbers.reverse()", [2, 1, 3]),
    ("input.numbers.first().orValue(0)", 3),
    ("input.empty.last().orValue(0)", 0),
    ("lists.range(4)", [0, 1, 2, 3]),
    ("lists.range(size(input.tags)).map(n, input.tags[n])", ["new", "gift"]),
    ("sets.contains([1, 2, 3], [1])", True),
    ("sets.equivalent([1, 2], [2, 1, 1])", True),
    ("sets.intersects([1], [2])", False),
    ("[1, 2].all(x, [1, 2].exists(y, y == x))", True),
    ("input.empty.all(x, false)", True),
    ("input.empty.exists(x, true)", False),
    ("cel.bind(t, input.total * 2, t + t)", 48),
    ("input.items.exists(i, i.missing == 1 || i.qty == 1)", True),
]

MAPS = [
    ("size(input.address)", 3),
    ("{'a': 1}.a", 1),
    ("{'a': {'b': 2}}['a'].b", 2),
    ("input.address.map(k, k) == input.address.map(k, k)", True),
    ("'zip-code' in input.address", True),
    ("{'a': 1, 'b': 2}.all(k, k != 'c')", True),
    ("{'a': 1, 'b': 2}.exists(k, v, v == 2)", True),
    ("{'a': 1}.transformList(k, v, k + string(v))", ["a1"]),
    ("{'sku': item.sku, 'n': item.qty + 1}", {"sku": "a1", "n": 3}),
    ("{input.region: 1}", {"eu": 1}),
]

TIME = [
    ("timestamp('2024-01-02T03:04:05Z')", "2024-01-02T03:04:05Z"),
    ("timestamp('2024-01-02T03:04:05+02:00')", "2024-01-02T01:04:05Z"),
    ("timestamp(input.when)", "2024-02-29T13:30:15.250Z"),
    ("timestamp('2024-01-02T03:04:05.123456Z')", "2024-01-02T03:04:05.123456Z"),
    ("timestamp(0)", "1970-01-01T00:00:00Z"),
    ("timestamp('0001-01-01T00:00:00Z')", "0001-01-01T00:00:00Z"),
    ("duration('3.5s')", "3.5s"),
    ("duration('1h')", "3600s"),
    ("duration('-1m')", "-60s"),
    ("duration('-1.5s')", "-1.5s"),
    ("duration('0s')", "0s"),
    ("timestamp(input.when) + duration(input.for)", "2024-02-29T13:31:45.250Z"),
    ("timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z')", "86400s"),
    ("timestamp(input.when).getFullYear()", 2024),
    ("timestamp(input.when).getMonth()", 1),
    ("timestamp(input.when).getDate()", 29),
    ("timestamp(input.when).getDayOfWeek()", 4),
    ("timestamp(input.when).getHours('Europe/Berlin')", 14),
    ("timestamp(input.when).getHours('-02:00')", 11),
    ("timestamp(input.when).getMilliseconds()", 250),
    ("duration(input.for).getMinutes()", 1),
    ("duration(input.for).getSeconds()", 90),
    ("string(duration('90m'))", "5400s"),
    ("string(timestamp(0))", "1970-01-01T00:00:00Z"),
    ("[timestamp(0), duration('1s')]", ["1970-01-01T00:00:00Z", "1s"]),
]

STATUS = [
    ("always()", True),
    ("failed()", False),
    ("cancelled()", False),
    ("succeeded()", True),
    ("failed() || cancelled() || input.yes", True),
    ("succeeded() && steps.charge.output.status == 200", True),
    ("!failed()", True),
    ("always() && input.region == 'us'", False),
]

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

VALUES = [
    *LITERALS, *ARITHMETIC, *COMPARISON, *LOGIC, *PATHS, *TEXT, *CONVERSION, *LISTS, *MAPS, *TIME,
    *STATUS,
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), VALUES)
def test_an_expression_has_its_value(source: str, expected: Any) -> None:
    value = compile_expression(source).evaluate(SCOPE)

    assert value == expected
    assert type(value) is type(expected)


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


def test_evaluating_changes_neither_scope_nor_result() -> None:
    scope = {"input": {"items": [{"sku": "a"}]}}
    program = compile_expression("input.items.map(i, i) + input.items")

    first = program.evaluate(scope)
    second = program.evaluate(scope)

    assert first == second == [{"sku": "a"}, {"sku": "a"}]
    assert scope == {"input": {"items": [{"sku": "a"}]}}
