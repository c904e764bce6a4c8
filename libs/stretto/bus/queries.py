"""Reading the requests of operations: what cannot be read is refused, with the place."""

from typing import TypeVar

import msgspec

from stretto.contracts.ids import parse_run_id
from stretto.contracts.unreadable import UNREADABLE

from .service import Refusal

Q = TypeVar("Q")


def read_query(kind: type[Q], data: bytes) -> Q:
    """Read the JSON of a request; nothing at all is an empty object.

    Raises:
        Refusal: `request_invalid`, it is no JSON, or of another form.
    """
    try:
        return msgspec.json.decode(data or b"{}", type=kind)
    except UNREADABLE as error:
        raise Refusal("request_invalid", f"expected a {kind.__name__}, but {error}") from error


def read_run_id(text: str) -> bytes:
    """Read the id of a run.

    Raises:
        Refusal: `run_id_invalid`, it is none.
    """
    try:
        return parse_run_id(text)
    except ValueError as error:
        raise Refusal("run_id_invalid", str(error)) from error
