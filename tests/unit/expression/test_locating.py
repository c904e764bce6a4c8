"""Where in an expression it went wrong: the smallest part that fails over these values."""

from typing import Any

import pytest

from stretto.expression import EvaluationError, Kind, compile_expression, compile_template
from stretto.expression import locating as locating_module
from stretto.expression.errors import MAX_SPOT_CHARS, Spot
from tests.unit.expression.scopes import SCOPE
from tests.unit.expression.test_language_errors import ERRORS

PLACES = [
    # source, line, column
    ("input.missing", 1, 7),
    ("input.region.deeper", 1, 14),
    ("steps.skipped.output.id", 1, 15),
    ("device.id", 1, 1),
    ("1 + device.id", 1, 5),
    ("input.items[7].sku == 'a'", 1, 13),
    ("has(input.missing.deeper)", 1, 11),
    ("input.total / input.zero", 1, 13),
    ("1 + (input.total / input.zero) * 2", 1, 18),
    ("input.yes && input.total / input.zero > 1", 1, 26),
    ("input.no || input.nothing > 1", 1, 27),
    ("input.no ? 1 / 0 : input.region + 1", 1, 33),
    ("input.yes ? 1 / 0 : input.region + 1", 1, 15),
    ("input.total ? 1 : 2", 1, 13),
    ("(1 / 0 > 1) ? 1 : 2", 1, 4),
    ("input.yes &&\n  input.region > 5", 2, 16),
    ("size(input.total)", 1, 1),
    ("1 + size(input.missing)", 1, 16),
    ("input.total.size() + 1", 1, 13),
    ("[1, input.total / 0, 2]", 1, 17),
    ("{'a': 1, 'b': input.region - 1}", 1, 28),
    ("{'a': 1}.b", 1, 10),
    ("input['mis' + 'sing']", 1, 6),
    ("'a'.matches('(')", 1, 5),
    ("'x' + string(int(input.region))", 1, 14),
    ("input.name.matches(input.name + '(')", 1, 12),
    ("timestamp(input.region) > timestamp(input.when)", 1, 1),
    ("math.greatest(1, input.total / input.zero)", 1, 30),
    ("input.items.map(i, i.missing)", 1, 22),
    ("input.items.map(i, 10 / (i.qty - 1))", 1, 23),
    ("input.items.all(i, i.qty > 'a' || i.sku == 'a1')", 1, 26),
    ("input.items.filter(i, i.nothing > 1)", 1, 25),
    ("input.total.map(i, i)", 1, 13),
    ("[0].exists(i, 1 / i == input.items.map(x, x.qty).size())", 1, 17),
    ("[1, 2].transformList(i, v, i / (v - 2))", 1, 30),
    ("{'a': 0}.transformList(k, v, 1 / v)", 1, 32),
    ("cel.bind(x, input.zero, 5 / x)", 1, 27),
    ("cel.bind(x, 5 / input.zero, x)", 1, 15),
    ("cel.bind(x, input.total, text.slug(x))", 1, 31),
    ("text.slug(input.total)", 1, 6),
    ("base64.decode(input.region + '%')", 1, 8),
    ("1 + size(text.slug(string(1 / 0)))", 1, 29),
    ("input.items.map(i, text.slug(i.qty))", 1, 25),
    ("input.total.map(i, text.slug(i))", 1, 13),
    ("input.missing.map(i, text.slug(i))", 1, 7),
    ("input.total.size() / input.zero", 1, 13),
    ("input.total + input.price * input.missing", 1, 35),
]  # fmt: skip


def error_of(source: str, scope: dict[str, Any] = SCOPE) -> EvaluationError:
    program = compile_expression(source)
    with pytest.raises(EvaluationError) as raised:
        program.evaluate(scope)
    raised.value.arose(program.locate, scope)
    return raised.value


@pytest.mark.parametrize(("source", "line", "column"), PLACES)
def test_the_part_that_fails_is_found(source: str, line: int, column: int) -> None:
    spot = error_of(source).spot
    assert spot is not None
    assert (spot.line, spot.column) == (line, column)
    assert spot.source == source.strip()


@pytest.mark.parametrize("source", [source for source, _ in ERRORS])
def test_every_error_has_a_place_inside_of_its_expression(source: str) -> None:
    spot = error_of(source).spot
    assert spot is not None
    lines = source.split("\n")
    assert 1 <= spot.line <= len(lines)
    assert 1 <= spot.column <= len(lines[spot.line - 1])


def test_what_would_cost_too_much_is_not_tried_again() -> None:
    scope = {"input": {"xs": list(range(1_001))}}
    error = error_of("1 + size(input.xs.map(x, x))", scope)
    assert error.code == "too_large"
    spot = error.spot
    assert spot is not None and (spot.line, spot.column) == (1, 19)
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    spot = error_of("1 in [2, 3] || input.deep == [1]", {"input": {"deep": deep}}).spot
    assert spot is not None and (spot.line, spot.column) == (1, 22)


def test_only_so_many_parts_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    scope = {"input": {"xs": [1] * 500 + [0]}}
    source = "input.xs.map(x, 1 / x)"
    found = error_of(source, scope).spot
    assert found is not None and found.column == 10, "the macro: its rounds are too many"
    monkeypatch.setattr(locating_module, "MAX_TRIES", 2_000)
    found = error_of(source, scope).spot
    assert found is not None and found.column == 19
    own = "input.xs.map(x, text.slug(x > 0 ? 'a' : 1))"
    monkeypatch.setattr(locating_module, "MAX_TRIES", 20)
    found = error_of(own, scope).spot
    assert found is not None and found.column == 10


def test_a_result_of_the_wrong_kind_is_at_the_whole() -> None:
    program = compile_expression("[input.total][0]", None, Kind.BOOL)
    with pytest.raises(EvaluationError) as raised:
        program.evaluate(SCOPE)
    assert str(raised.value.spot) == "1:14 of `[input.total][0]`"


def test_a_template_says_the_place_and_the_part() -> None:
    template = compile_template({"a": ["${{ 1 }}", "x ${{ input.total / input.zero }}"]})
    with pytest.raises(EvaluationError) as raised:
        template.evaluate(SCOPE)
    assert raised.value.place == "a[1]"
    assert str(raised.value.spot) == "1:13 of `input.total / input.zero`"


def test_nobody_knows_the_place_of_an_error_that_did_not_arise_in_an_expression() -> None:
    assert EvaluationError("invalid", "no").spot is None


def test_of_a_long_expression_the_part_around_the_place_is_shown() -> None:
    source = "1 + " * 60 + "2"
    spot = Spot(source, 1, 122)
    shown = str(spot)
    assert shown.startswith("1:122 of `…")
    assert shown.endswith("…`")
    assert len(shown) < MAX_SPOT_CHARS + 20
    assert str(Spot("a &&\n  b > 1 &&\n c", 2, 5)) == "2:5 of `…b > 1 &&…`"
