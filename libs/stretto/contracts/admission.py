"""Admission as people configure it: named resources and rates; priorities of steps."""

import re
from typing import Literal, NamedTuple

import msgspec

DEFAULT_PRIORITY = 5
MAX_PRIORITY = 9
"""Priorities are 0 to 9; the higher goes first."""

MAX_RESOURCES = 16
"""Named resources that one step may ask for."""

MAX_AMOUNT = 1_000_000

MAX_CONFIGURED = 1_000
"""Resources, or rates, of an installation."""

RESOURCE_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_./-]*"

Per = Literal["queue", "workflow", "key"]


class Rate(NamedTuple):
    """So many attempts a second, `burst` of them at once: of a queue, of each workflow in it, or of
    each key that its steps name (`rate`)."""

    per_s: float
    burst: float
    per: Per = "queue"


class _RateText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rate: str
    burst: float | None = None
    per: Per = "queue"


_RATE = re.compile(r"(\d+(?:\.\d+)?) */ *(s|m|h)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_decode_amounts = msgspec.json.Decoder(dict[str, int]).decode
_decode_rates = msgspec.json.Decoder(dict[str, str | _RateText]).decode


def parse_resources(text: str) -> dict[str, int]:
    """Read `{"gpu": 4, "licence/cad": 2}`; nothing from an empty text.

    Raises:
        ValueError: it is something else; the text says what was expected.
    """
    if not text:
        return {}
    try:
        found = _decode_amounts(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f'a mapping like {{"gpu": 4}} ({error})') from error
    if len(found) > MAX_CONFIGURED:
        raise ValueError(f"at most {MAX_CONFIGURED} resources")
    for name, amount in found.items():
        if re.fullmatch(RESOURCE_PATTERN, name) is None:
            raise ValueError(f"resources whose names are letters, digits and _ . / -, not {name!r}")
        if not 0 <= amount <= MAX_AMOUNT:
            raise ValueError(f"amounts of 0 to {MAX_AMOUNT}, not {amount} of {name}")
    return found


def parse_rates(text: str) -> dict[str, Rate]:
    """Read `{"mail": "10/s", "shop/mail": {"rate": "100/m", "burst": 20, "per": "workflow"}}`.

    Raises:
        ValueError: it is something else; the text says what was expected.
    """
    if not text:
        return {}
    try:
        written = _decode_rates(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f'a mapping like {{"mail": "10/s"}} ({error})') from error
    if len(written) > MAX_CONFIGURED:
        raise ValueError(f"at most {MAX_CONFIGURED} rates")
    return {name: _rate(name, said) for name, said in written.items()}


def _rate(name: str, said: str | _RateText) -> Rate:
    text = _RateText(said) if isinstance(said, str) else said
    match = _RATE.fullmatch(text.rate.strip())
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"rates like 10/s, 100/m or 5000/h, not {text.rate!r} for {name}")
    per_s = float(match[1]) / _SECONDS[match[2]]
    burst = max(1.0, per_s) if text.burst is None else text.burst
    if not 1 <= burst <= MAX_AMOUNT:
        raise ValueError(f"bursts of 1 to {MAX_AMOUNT}, not {burst:g} for {name}")
    return Rate(per_s, burst, text.per)
