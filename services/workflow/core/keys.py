"""Keys that expressions work out: by which runs and steps are counted, or found to be equal."""

import msgspec

from stretto.contracts.bounds import MAX_KEY_CHARS
from stretto.contracts.failures import Failure, FailureType

_SHOWN_CHARS = 80


def key_text(field: str, value: object) -> str | Failure:
    """The key that an expression gave, as a text; the failure where it is none."""
    if isinstance(value, bool | int | float):
        value = msgspec.json.encode(value).decode()
    if isinstance(value, str) and 0 < len(value) <= MAX_KEY_CHARS and "\0" not in value:
        return value
    got = msgspec.json.encode(value).decode()[:_SHOWN_CHARS]
    text = (
        f"{field}: expected a text of 1 to {MAX_KEY_CHARS} characters, a number or a truth "
        f"value, but got {got}"
    )
    return Failure(type=FailureType.EXPRESSION, message=text, retryable=False)
