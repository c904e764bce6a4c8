"""What our own functions refuse: each says function, argument and value, and takes little time."""

import time
from typing import Any

import pytest

from stretto.expression import EvaluationError, compile_expression

QUICK_S = 5.0
"""On a busy machine and with coverage; what grows with the square takes minutes."""

DEEP: Any = 0
for _ in range(100):
    DEEP = [DEEP]
DEEP_MAP: Any = {}
for _ in range(100):
    DEEP_MAP = {"a": DEEP_MAP}
ENDLESS: Any = 0
for _ in range(100_000):
    ENDLESS = [ENDLESS]

SCOPE = {
    "input": {
        "text": "x" * 600_000,
        "huge": "x" * (1 << 20) + "x",
        "many": list(range(50_001)),
        "most": list(range(50_000)),
        "wide": [[0] * 49_999, [1] * 10],
        "lists": [[0] * 30_000, [1] * 30_000],
        "deep": DEEP,
        "deep_map": DEEP_MAP,
        "endless": ENDLESS,
        "half": "\ud800",
        "ligatures": "ﬃ" * 400_000,
        "float": 1e308,
        "nan": float("nan"),
        "nans": [float("nan")],
        "whole": 3.0,
        "mixed": [1, "a"],
        "nested": [[1]],
        "spaces": " " * 300_000,
        "bad_query": "&" * 2000,
    }
}

REFUSED = [
    ("text.repeat('ab', -1)", "too_large", "as `count` of `text.repeat`, but got -1"),
    ("text.repeat(input.text, 2)", "too_large", "`text.repeat`"),
    ("text.pad_start('a', 2, 'xy')", "invalid", "one character as `fill` of"),
    ("text.pad_end('a', 9999999)", "too_large", "`width` of `text.pad_end`"),
    ("text.upper(input.huge)", "too_large", "at most 1048576 characters as `text`"),
    ("text.upper(input.ligatures)", "too_large", "`text.upper` of at most 1048576 characters"),
    ("set.union(input.most, [-1])", "too_large", "`set.union` of at most 50000 values"),
    ("json.format(input.huge)", "too_large", "at most 1048576 characters as `value`"),
    ("json.format(input.many)", "too_large", "at most 50000 values as `value`"),
    ("number.round(input.float)", "overflow", "64 bits"),
    ("text.truncate('abc', 0)", "invalid", "at least 1, the length of the mark"),
    ("text.count('a', '')", "invalid", "not empty as `part`"),
    ("text.before('a', '')", "invalid", "not empty as `separator`"),
    ("text.slug(input.whole)", "type_mismatch", "a string as `text` of `text.slug`, but got 3.0"),
    ("list.take(input.many, 1)", "too_large", "at most 50000 values as `items` of `list.take`"),
    ("list.take([1], 1.5)", "type_mismatch", "a whole number as `count`"),
    ("list.take([1], true)", "type_mismatch", "a whole number as `count`"),
    ("list.flatten([[1]], 65)", "invalid", "0 to 64 as `depth`"),
    ("list.flatten(input.lists)", "too_large", "`list.flatten`"),
    ("list.distinct([input.lists, input.wide])", "too_large", "50000 values"),
    ("list.distinct(input.deep)", "too_large", "64 deep"),
    ("list.distinct(input.endless)", "too_large", "64 deep"),
    ("list.chunk([1], 0)", "invalid", "at least 1 as `size`"),
    ("list.sum(input.mixed)", "type_mismatch", "a list of numbers as `numbers`"),
    ("list.sum([9223372036854775807, 9223372036854775807, 9])", "overflow", "within 64 bits"),
    ("list.sum([input.float, input.float])", "overflow", "a finite result of `list.sum`"),
    ("list.avg([])", "invalid", "at least one number"),
    ("list.avg(input.nans)", "type_mismatch", "a list of numbers as `numbers`"),
    ("list.min([])", "invalid", "at least one item"),
    ("list.max(input.mixed)", "type_mismatch", "of one kind"),
    ("list.max([null])", "type_mismatch", "of one kind"),
    ("list.sort([true, 1])", "type_mismatch", "of one kind"),
    ("list.sort([1], 'up')", "type_mismatch", "one of asc, desc as `order`"),
    ("list.sort_by([{'a': 1}, {'a': 'x'}], 'a')", "type_mismatch", "of one kind"),
    ("list.sort_by([], 'a..b')", "invalid", "a path like a.b[0] as `path`"),
    ("list.sort_by([], '')", "invalid", "a path like a.b[0]"),
    ("list.sort_by([], input.text)", "invalid", "a path like a.b[0]"),
    ("list.group_by([{}], 'a')", "type_mismatch", "number or bool at `a` of each item"),
    ("map.from_entries([1])", "type_mismatch", "entries of a key and a value"),
    ("map.get({}, 'a')", "missing_path", "a value at `a`"),
    ("map.rename({}, {'a': 1})", "type_mismatch", "strings as new names"),
    ("map.merge_deep(input.deep_map, input.deep_map)", "too_large", "64 deep"),
    ("number.round(1, 16)", "invalid", "-15 to 15 as `digits`"),
    ("number.floor(input.float)", "overflow", "within 64 bits"),
    ("number.abs(input.nan)", "type_mismatch", "a number as `value`"),
    ("number.clamp(1, 3, 2)", "invalid", "at most `high` (2)"),
    ("number.percent(1, 0)", "division_by_zero", "other than zero as `whole`"),
    ("number.percent(input.float, 0.1)", "overflow", "finite"),
    ("number.divide(1, 0)", "division_by_zero", "other than zero as `by`"),
    ("number.parse('0x1')", "invalid", "a number as `text`"),
    ("number.parse('1e999')", "overflow", "finite"),
    ("number.parse('99999999999999999999')", "overflow", "64 bits"),
    ("number.format(1, 16)", "invalid", "0 to 15"),
    ("number.format(input.float)", "overflow", "within 64 bits"),
    ("json.parse(json.format(input.deep))", "too_large", "64 deep"),
    ("json.format(input.endless)", "invalid", "`json.format`"),
    ("json.format(input.half)", "invalid", "`json.format`"),
    ("hash.sha256(input.half)", "invalid", "half a character"),
    ("hash.value(input.half)", "invalid", "`hash.value`"),
    ("hash.value(input.endless)", "invalid", "`hash.value`"),
    ("decode.base64('a')", "invalid", "base64 of a text as `text`"),
    ("decode.base64('/w==')", "invalid", "base64 of a text"),
    ("decode.base64url('a+b')", "invalid", "base64url of a text"),
    ("decode.hex('6')", "invalid", "hexadecimal digits"),
    ("decode.hex('ä')", "invalid", "hexadecimal digits"),
    ("decode.url('%ff')", "invalid", "escapes that are UTF-8"),
    ("decode.query('a=%ff')", "invalid", "a query"),
    ("decode.query(input.bad_query)", "invalid", "at most 1000 fields"),
    ("encode.query({'a': []})", "type_mismatch", "number or bool as `a`"),
    ("encode.query({'a': null})", "type_mismatch", "number or bool as `a`"),
    ("semver.compare('1', '1.0.0')", "invalid", "a version like 1.2.3 as `first`"),
    ("semver.satisfies('1.0.0', '^a')", "invalid", "a range like"),
    ("semver.satisfies('1.0.0', input.spaces)", "invalid", "a range like"),
    ("unit.bytes('10 apples')", "invalid", "a size like"),
    ("unit.bytes('99999999999EiB')", "overflow", "64 bits"),
    ("unit.format_bytes(-1)", "invalid", "0 or more"),
    ("duration.seconds('1h 30m')", "type_mismatch", "a duration"),
    ("duration.seconds('999999999999999w')", "type_mismatch", "a duration"),
    ("duration.seconds(input.float)", "type_mismatch", "a duration"),
    ("duration.seconds(true)", "type_mismatch", "a duration"),
    ("duration.add('999999999d', '999999999d')", "overflow", "a shorter duration"),
    ("duration.scale('1d', input.float)", "overflow", "a smaller factor"),
    ("duration.to('1d', 'y')", "invalid", "one of us, ms"),
    ("date.parse('2026-02-30')", "invalid", "an instant (RFC 3339"),
    ("date.parse('2026-01-01T00:00:00')", "invalid", "an instant (RFC 3339"),
    ("date.parse('x', '%Y')", "invalid", "an instant like `%Y`"),
    ("date.parse('26', '%Y')", "invalid", "an instant like `%Y`"),
    ("date.parse('2026-13', '%Y-%m')", "invalid", "an instant like"),
    ("date.parse('2026 x', '%Y')", "invalid", "an instant like"),
    ("date.parse('Foo', '%b')", "invalid", "an instant like"),
    ("date.parse('2026', '%Q')", "invalid", "an instant like"),
    ("date.parse('1:00', '%z')", "invalid", "an instant like"),
    ("date.parse('+99:00', '%z')", "invalid", "an instant like"),
    ("date.parse('0001-01-01T00:00:00+10:00')", "overflow", "the years 1 to 9999"),
    ("date.format('2026-01-01', '%Q')", "invalid", "letters of"),
    ("date.format('2026-01-01', '%')", "invalid", "letters of"),
    ("date.format('2026-01-01', '')", "invalid", "1 to 200 characters"),
    ("date.format('2026-01-01', '%Y', 'Mars/Olympus')", "invalid", "a time zone like"),
    ("date.in_zone('2026-01-01', '../../../etc/passwd')", "invalid", "a time zone like"),
    ("date.in_zone('2026-01-01', input.text)", "invalid", "a time zone like"),
    ("date.add('9999-12-31', '1d')", "overflow", "the years 1 to 9999"),
    ("date.add_months('9999-12-31', 1)", "overflow", "the years 1 to 9999"),
    ("date.from_unix(input.float)", "overflow", "the years 1 to 9999"),
    ("date.weekday('tomorrow')", "type_mismatch", "an instant (RFC 3339"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "code", "message"), REFUSED)
def test_a_function_refuses_what_it_cannot_do(source: str, code: str, message: str) -> None:
    program = compile_expression(source)
    began = time.perf_counter()

    with pytest.raises(EvaluationError) as raised:
        program.evaluate(SCOPE)

    assert raised.value.code == code
    assert message in raised.value.message
    assert len(raised.value.message) <= 120
    assert time.perf_counter() - began < QUICK_S


VALUES = [
    ("semver.compare('1.0.0-alpha', '1.0.0-alpha.1')", -1),
    ("semver.compare('1.0.0-alpha.1', '1.0.0-alpha.beta')", -1),
    ("semver.compare('1.0.0-beta.2', '1.0.0-beta.11')", -1),
    ("semver.compare('1.0.0-rc.1', '1.0.0-rc.1')", 0),
    ("semver.compare('1.0.0-rc.1.x', '1.0.0-rc.1')", 1),
    ("semver.compare('1.0.0-rc.1', '1.0.0')", -1),
    ("semver.satisfies('0.2.5', '^0.2.3')", True),
    ("semver.satisfies('0.3.0', '^0.2.3')", False),
    ("semver.satisfies('0.0.4', '^0.0.3')", False),
    ("semver.satisfies('0.0.3', '^0.0.3')", True),
    ("semver.satisfies('0.9.0', '^0')", True),
    ("semver.satisfies('1.0.0', '^0.x')", False),
    ("semver.satisfies('1.9.0', '~1')", True),
    ("semver.satisfies('1.3.0', '~1.2')", False),
    ("semver.satisfies('1.2.0', '1.2.x')", True),
    ("semver.satisfies('1.2.0', '*')", True),
    ("semver.satisfies('1.2.0', '')", True),
    ("semver.satisfies('1.2.0-rc.1', '*')", False),
    ("semver.satisfies('1.2.0-rc.1', '>=1.2.0-rc.0 <2')", True),
    ("semver.satisfies('1.3.0-rc.1', '>=1.2.0-rc.0 <2')", False),
    ("semver.satisfies('1.2.9', '>1.2')", False),
    ("semver.satisfies('1.3.0', '>1.2')", True),
    ("semver.satisfies('1.2.9', '<=1.2')", True),
    ("semver.satisfies('1.2.9', '<= 1.2.8')", False),
    ("semver.satisfies('1.2.9', '> 1.2.8, < 1.3')", True),
    ("semver.satisfies('1.2.9', '=1.2.9')", True),
    ("semver.satisfies('1.2.9', '<=*')", True),
    ("semver.satisfies('1.2.9', '>*')", False),
    ("semver.satisfies('1.2.9', '<*')", False),
    ("semver.satisfies('1.2.9', '>=*')", True),
    ("semver.satisfies('2.4.9', '1.2 - 2.4')", True),
    ("semver.satisfies('2.0.0-rc.1', '<2')", False),
    ("semver.bump('1.2.3', 'major')", "2.0.0"),
    ("semver.bump('2.0.0-rc.1', 'major')", "2.0.0"),
    ("semver.bump('1.2.0-rc.1', 'minor')", "1.2.0"),
    ("semver.bump('1.2.3', 'patch')", "1.2.4"),
    (
        "list.sort_by([{'n': 1, 'i': 1}, {'n': null}, {'n': 1, 'i': 2}], 'n', 'desc')"
        ".map(x, x.?i.orValue(0))",
        [1, 2, 0],
    ),
    ("list.flatten([1, 2], 5)", [1, 2]),
    ("list.flatten([[1]], 0)", [[1]]),
    ("list.take([1], -1)", []),
    ("list.index_of([1, [2]], [2.0])", 1),
    (
        "list.distinct([1, true, null, '1', [1], {'a': 1.0}, {'a': 1}])",
        [1, True, None, "1", [1], {"a": 1.0}],
    ),
    (
        "list.group_by([{'k': 1}, {'k': 1.0}, {'k': true}, {'k': 1.5}], 'k').map(k, k).sort()",
        ["1", "1.5", "true"],
    ),
    ("list.group_by([{'k': false}], 'k')", {"false": [{"k": False}]}),
    ("list.avg([1, 2.5])", 1.75),
    ("list.pluck([[1, 2], [3]], '[1]')", [2, None]),
    ("map.get({'a': [{'b c': 5}]}, 'a[0][\"b c\"]')", 5),
    ("map.get({'a': {'b': 5}}, \"a['b']\")", 5),
    ("map.get([1], 'a', 2)", 2),
    ("map.has({'a': [1]}, 'a[1]')", False),
    ("map.merge_deep({'a': {}}, {'a': {'b': 1}})", {"a": {"b": 1}}),
    ("map.merge_deep({'a': 1}, {'a': {'b': 1}})", {"a": {"b": 1}}),
    ("number.round(input.whole)", 3),
    ("number.round(9007199254740993)", 9007199254740993),
    ("number.round(1e20 / 1e5, -3)", 1000000000000000),
    ("number.round(0.1 + 0.2, 15)", 0.3),
    ("number.clamp(1.5, 1, 2)", 1.5),
    ("number.parse('-5')", -5),
    ("number.format(-0.5)", "-1"),
    ("number.format(18446744073709551615u, 0, '.')", "18.446.744.073.709.551.615"),
    ("number.format(12345.678, 2, ' ')", "12 345.68"),
    ("unit.bytes('1k')", 1000),
    ("unit.format_bytes(0)", "0 B"),
    ("unit.format_bytes(1048575)", "1 MiB"),
    ("duration.format('-90s')", "-1m30s"),
    ("duration.format(0)", "0s"),
    ("duration.format('1w')", "7d"),
    ("duration.format('1.000001s')", "1.000001s"),
    ("duration.seconds(duration('90s'))", 90.0),
    ("date.parse('12:30', '%H:%M', 'Europe/Berlin')", "1970-01-01T11:30:00Z"),
    ("date.parse('2026%', '%Y%%')", "2026-01-01T00:00:00Z"),
    ("date.parse('2026Z', '%Y%z')", "2026-01-01T00:00:00Z"),
    ("date.parse('2026-05:30', '%Y%z')", "2026-01-01T05:30:00Z"),
    ("date.parse('2026.25', '%Y.%f')", "2026-01-01T00:00:00.250Z"),
    ("date.parse('2026-01-01t00:00:00.1234567z')", "2026-01-01T00:00:00.123456Z"),
    (
        "date.format('2026-01-02T13:04:05.5Z', '%y %I %p %j %a %b %u %G %V %z %s %% %f')",
        "26 01 PM 002 Fri Jan 5 2026 01 +00:00 1767359045 % 500000",
    ),
    ("date.format('2026-01-02T00:04:05Z', '%I %p %H %M %S')", "12 AM 00 04 05"),
    ("date.format('2026-01-02T00:00:00Z', '%z', 'America/New_York')", "-05:00"),
    ("date.truncate('2026-11-22T14:35:12.5Z', 'second')", "2026-11-22T14:35:12Z"),
    ("date.truncate('2026-11-22T14:35:12.5Z', 'minute')", "2026-11-22T14:35:00Z"),
    ("date.truncate('2026-11-22T14:35:12.5Z', 'month')", "2026-11-01T00:00:00Z"),
    ("date.truncate('2026-11-22T14:35:12.5Z', 'quarter')", "2026-10-01T00:00:00Z"),
    ("date.truncate('2026-11-22T14:35:12.5Z', 'year')", "2026-01-01T00:00:00Z"),
    ("date.add_months('2026-12-31', 2)", "2027-02-28T00:00:00Z"),
    ("date.add_months('9999-11-30', 1)", "9999-12-30T00:00:00Z"),
    ("date.compare('2026-01-01', '2026-01-01T00:00:00Z')", 0),
    ("decode.query('?a=1&a=2')", {"a": "2"}),
    ("set.union([1], [])", [1]),
    ("size(json.parse(json.format(list.chunk(list.take(input.most, 100), 1))))", 100),
    ("date.truncate('0001-01-01', 'week')", "0001-01-01T00:00:00Z"),
    ("set.contains_all([[1], {'a': 1}], [{'a': 1.0}])", True),
    ("set.contains_any([1], [2])", False),
    ("size(list.distinct(input.most)) + size(set.union(input.most, input.most))", 100_000),
    ("text.pad_start('abc', -5)", "abc"),
    ("list.sum([1, 2]) * 1.5", 4.5),
    ("list.sum([1, 2]) + input.whole", 6.0),
    ("list.sum([1, 2]) / 2", 1),
    ("-list.sum([1, 2]) + 2.0 * number.abs(-1)", -1.0),
    ("json.parse('1') + json.parse('0.5')", 1.5),
    ("text.slug('a') + text.slug('b')", "ab"),
    ("[1].map(text, text + 1)", [2]),
    ("[1, 2].map(i, number.abs(i) * 1.5 + i)", [2.5, 5.0]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), VALUES)
def test_a_function_gives(source: str, expected: Any) -> None:
    result = compile_expression(source).evaluate(SCOPE)

    assert result == expected
    assert type(result) is type(expected)


def test_the_largest_lists_take_little_time() -> None:
    began = time.perf_counter()

    compile_expression("set.intersect(input.most, input.most)").evaluate(SCOPE)
    compile_expression("list.sort(input.most, 'desc')").evaluate(SCOPE)

    assert time.perf_counter() - began < QUICK_S
