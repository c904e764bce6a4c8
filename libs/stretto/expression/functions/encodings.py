"""Text in other clothes: `encode.` and `decode.`"""

import base64
import binascii
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from stretto.expression.functions.calls import Refusal
from stretto.expression.functions.digests import utf8
from stretto.expression.functions.registry import function

_MAX_FIELDS = 1000
"""Fields of a query."""


@function("encode.base64", {"encode.base64('hello?>')": "aGVsbG8/Pg=="})
def _base64(text: str) -> str:
    """The UTF-8 of a text in base64."""
    return base64.b64encode(utf8(text)).decode()


@function("decode.base64", {"decode.base64('aGVsbG8/Pg==')": "hello?>"})
def _from_base64(text: str) -> str:
    """The text that base64 stands for; padding may be missing."""
    return _text_of(text, lambda: base64.b64decode(_padded(text), validate=True), "base64")


@function("encode.base64url", {"encode.base64url('hello?>')": "aGVsbG8_Pg"})
def _base64url(text: str) -> str:
    """The UTF-8 of a text in the base64 of addresses and tokens, without padding."""
    return base64.urlsafe_b64encode(utf8(text)).decode().rstrip("=")


@function("decode.base64url", {"decode.base64url('aGVsbG8_Pg')": "hello?>"})
def _from_base64url(text: str) -> str:
    """The text that the base64 of addresses stands for; padding may be missing."""
    return _text_of(
        text, lambda: base64.b64decode(_padded(text), altchars=b"-_", validate=True), "base64url"
    )


@function("encode.hex", {"encode.hex('ab')": "6162"})
def _hex(text: str) -> str:
    """The UTF-8 of a text in hexadecimal digits."""
    return utf8(text).hex()


@function("decode.hex", {"decode.hex('6162')": "ab"})
def _from_hex(text: str) -> str:
    """The text whose UTF-8 hexadecimal digits stand for."""
    return _text_of(text, lambda: binascii.unhexlify(text), "hexadecimal digits")


@function("encode.url", {"encode.url('a b/ä')": "a%20b%2F%C3%A4"})
def _url(text: str) -> str:
    """A text as a part of an address: all but letters, digits and `-._~` escaped."""
    return quote(utf8(text), safe="")


@function("decode.url", {"decode.url('a%20b%2F%C3%A4')": "a b/ä"})
def _from_url(text: str) -> str:
    """The text that a part of an address stands for."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise Refusal("text", "escapes that are UTF-8", text) from None


@function("encode.query", {"encode.query({'q': 'a b', 'n': 1, 'on': true})": "n=1&on=true&q=a+b"})
def _query(fields: dict[str, Any]) -> str:
    """The query of an address: fields of strings, numbers and bools, by name."""
    pairs = []
    for name in sorted(fields):
        value = fields[name]
        if isinstance(value, bool):
            value = "true" if value else "false"
        if not isinstance(value, str | int | float):
            raise Refusal("fields", f"a string, number or bool as `{name}`", value, "type_mismatch")
        pairs.append((utf8(name), utf8(str(value))))
    return urlencode(pairs)


@function("decode.query", {"decode.query('q=a+b&n=1')": {"q": "a b", "n": "1"}})
def _from_query(text: str) -> dict[str, Any]:
    """The fields of a query; of several with the same name, the last."""
    try:
        pairs = parse_qsl(
            text.removeprefix("?"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        raise Refusal("text", f"a query of at most {_MAX_FIELDS} fields in UTF-8", text) from None
    return dict(pairs)


def _padded(text: str) -> str:
    return text if text.endswith("=") else text + "=" * (-len(text) % 4)


def _text_of(text: str, decode: Callable[[], bytes], what: str) -> str:
    try:
        return decode().decode()
    except (ValueError, binascii.Error):
        raise Refusal("text", f"{what} of a text", text) from None
