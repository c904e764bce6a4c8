"""Numbers, whole or not: `number.` (The language's own `math.` wants them of one kind.)"""

import math
import re
from decimal import ROUND_HALF_UP, Decimal

from stretto.expression.functions.calls import Refusal
from stretto.expression.functions.registry import function
from stretto.expression.functions.value_types import MISSING
from stretto.expression.limits import MAX_UINT, MIN_INT

_MAX_DIGITS = 15
"""Digits after the point; a double has no more."""

_NUMBER = re.compile(r"[+-]?\d{1,400}(?:\.\d{1,400})?(?:[eE][+-]?\d{1,4})?", re.ASCII)


@function(
    "number.round",
    {
        "number.round(2.5)": 3,
        "number.round(-2.5)": -3,
        "number.round(2.675, 2)": 2.68,
        "number.round(1250, -2)": 1300,
    },
)
def _round(value: int | float, digits: int = 0) -> int | float:
    """To so many digits after the point, halves away from zero; whole if digits are 0 or less."""
    rounded = _quantized(value, digits)
    return float(rounded) if digits > 0 else int(rounded)


def _quantized(value: int | float, digits: int) -> Decimal:
    if not -_MAX_DIGITS <= digits <= _MAX_DIGITS:
        raise Refusal("digits", f"{-_MAX_DIGITS} to {_MAX_DIGITS}", digits)
    exact = Decimal(repr(value))
    # A number that large has no digits to round; the context would refuse to write it out.
    if exact.adjusted() + digits >= 2 * _MAX_DIGITS - 4:
        return exact
    return exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


@function("number.floor", {"number.floor(-1.5)": -2, "number.floor(3)": 3})
def _floor(value: int | float) -> int:
    """The greatest whole number that is not greater."""
    return math.floor(value)


@function("number.ceil", {"number.ceil(1.2)": 2})
def _ceil(value: int | float) -> int:
    """The least whole number that is not less."""
    return math.ceil(value)


@function("number.abs", {"number.abs(-3)": 3, "number.abs(1.5)": 1.5})
def _abs(value: int | float) -> int | float:
    """Without its sign."""
    return abs(value)


@function(
    "number.clamp",
    {"number.clamp(12, 0, 10)": 10, "number.clamp(-1, 0, 10)": 0, "number.clamp(5, 0, 10)": 5},
)
def _clamp(value: int | float, low: int | float, high: int | float) -> int | float:
    """The nearest number that is at least `low` and at most `high`."""
    if low > high:
        raise Refusal("low", f"at most `high` ({high})", low)
    return min(max(value, low), high)


@function(
    "number.percent",
    {"number.percent(1, 4)": 25.0, "number.percent(1, 3, 1)": 33.3},
)
def _percent(part: int | float, whole: int | float, digits: int = 2) -> float:
    """How many hundredths of a whole a part is, rounded."""
    if whole == 0:
        raise Refusal("whole", "a number other than zero", whole, "division_by_zero")
    share = part / whole * 100
    return float(_quantized(share, digits)) if math.isfinite(share) else share


@function(
    "number.divide",
    {"number.divide(7, 2)": 3.5, "number.divide(1, 0, 0)": 0},
)
def _divide(value: int | float, by: int | float, if_zero: int | float = MISSING) -> int | float:
    """The quotient with its fraction (`7 / 2` is 3); the third argument where the divisor is 0."""
    if by != 0:
        return value / by
    if if_zero is MISSING:
        raise Refusal("by", "a number other than zero", by, "division_by_zero")
    return if_zero


@function(
    "number.parse",
    {"number.parse('42')": 42, "number.parse(' 1.5e3 ')": 1500.0},
)
def _parse(text: str) -> int | float:
    """The number that a text stands for: whole if it has neither point nor exponent."""
    plain = text.strip()
    if _NUMBER.fullmatch(plain) is None:
        raise Refusal("text", "a number", text)
    if plain.lstrip("+-").isdigit():
        return int(plain)
    return float(plain)


@function(
    "number.format",
    {
        "number.format(1234.5, 2)": "1234.50",
        "number.format(1234567, 0, ',')": "1,234,567",
        "number.format(0.125, 2)": "0.13",
    },
)
def _format(value: int | float, digits: int = 0, separator: str = "") -> str:
    """As text with so many digits after the point; a separator between thousands."""
    if not 0 <= digits <= _MAX_DIGITS:
        raise Refusal("digits", f"0 to {_MAX_DIGITS}", digits)
    if not MIN_INT <= value <= MAX_UINT:
        raise Refusal("value", "a number within 64 bits", value, "overflow")
    text = f"{_quantized(value, digits):,.{digits}f}"
    return text.replace(",", separator)
