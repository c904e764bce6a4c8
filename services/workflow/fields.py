"""Starts and controls with fields that there are none of: refused, with the one that is meant.

A field that is ignored would be a run without its input (`inputs`), or a retry of everything
(`steps`). What one instance of this service says to another is read leniently: they may be of
different builds.
"""

import difflib

import msgspec

from stretto.contracts.codec import decode_control, decode_start
from stretto.contracts.public import ControlRequest, StartRequest


class _Start(StartRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A start with no other fields."""


class _Control(ControlRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A control with no other fields."""


_strict_start = msgspec.json.Decoder(_Start).decode
_strict_control = msgspec.json.Decoder(_Control).decode
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def read_start_request(data: bytes) -> StartRequest:
    """Decode a start.

    Raises:
        msgspec.MsgspecError, ValueError: it is none, or has a field that starts do not have.
    """
    try:
        return _strict_start(data)
    except msgspec.ValidationError:
        request = decode_start(data)  # says what is wrong, if it is not a field too many
        if request.parent is not None:
            return request
        raise ValueError(_too_many(data, StartRequest, "a start")) from None


def read_control_request(data: bytes) -> ControlRequest:
    """Decode a control; raises as `read_start_request`."""
    try:
        return _strict_control(data)
    except msgspec.ValidationError:
        decode_control(data)
        raise ValueError(_too_many(data, ControlRequest, "a control")) from None


def _too_many(data: bytes, kind: type[StartRequest] | type[ControlRequest], what: str) -> str:
    known = list(kind.__struct_fields__)
    unknown = [key for key in _keys(data) if key not in known]
    near = difflib.get_close_matches(unknown[0][:60], known, n=1)
    hint = f" (is {near[0]!r} meant?)" if near else ""
    return f"expected {what} to have no field {unknown[0][:60]!r}{hint}; there are: " + ", ".join(
        sorted(known)
    )
