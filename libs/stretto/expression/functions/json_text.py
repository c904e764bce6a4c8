"""JSON as text: `json.`"""

from typing import Any

import msgspec

from stretto.expression.errors import EvaluationError
from stretto.expression.functions.registry import function
from stretto.expression.limits import MAX_DEPTH
from stretto.expression.values import levels_below


@function(
    "json.parse",
    {"json.parse('{\"a\": [1, 2.5, null]}').a": [1, 2.5, None], "json.parse('\"x\"')": "x"},
)
def _json_parse(text: str) -> Any:
    """The value that a JSON text stands for."""
    try:
        value = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise EvaluationError(
            "invalid", f"expected a JSON text for `json.parse`, but {error}"
        ) from None
    if isinstance(value, list | dict) and text.count("[") + text.count("{") > MAX_DEPTH:
        deep = sum(1 for _ in levels_below(value)) >= MAX_DEPTH
        if deep:
            raise EvaluationError(
                "too_large",
                f"expected JSON at most {MAX_DEPTH} deep for `json.parse`, but it is deeper",
            )
    return value


@function(
    "json.format",
    {"json.format({'a': [1, null]})": '{"a":[1,null]}', "json.format('x')": '"x"'},
)
def _json_format(value: Any) -> str:
    """A value as compact JSON text."""
    try:
        return msgspec.json.encode(value).decode()
    except (RecursionError, UnicodeEncodeError) as error:
        raise EvaluationError("invalid", f"expected JSON for `json.format`, but {error}") from None
