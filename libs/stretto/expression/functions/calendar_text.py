"""Instants in a form that somebody else asks for: a small language of `%` and a letter.

The letters are those of C and Python; names are English, whatever the locale of the process.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone

__all__ = ["LETTERS", "read_as", "write_as"]

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def _offset(instant: datetime) -> str:
    seconds = int((instant.utcoffset() or timedelta()).total_seconds())
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"


LETTERS: Mapping[str, Callable[[datetime], str]] = {
    "Y": lambda at: f"{at.year:04d}",
    "m": lambda at: f"{at.month:02d}",
    "d": lambda at: f"{at.day:02d}",
    "H": lambda at: f"{at.hour:02d}",
    "M": lambda at: f"{at.minute:02d}",
    "S": lambda at: f"{at.second:02d}",
    "f": lambda at: f"{at.microsecond:06d}",
    "y": lambda at: f"{at.year % 100:02d}",
    "I": lambda at: f"{(at.hour + 11) % 12 + 1:02d}",
    "p": lambda at: "AM" if at.hour < 12 else "PM",
    "j": lambda at: f"{at.timetuple().tm_yday:03d}",
    "a": lambda at: _DAYS[at.weekday()][:3],
    "A": lambda at: _DAYS[at.weekday()],
    "b": lambda at: _MONTHS[at.month - 1][:3],
    "B": lambda at: _MONTHS[at.month - 1],
    "u": lambda at: str(at.isoweekday()),
    "G": lambda at: f"{at.isocalendar().year:04d}",
    "V": lambda at: f"{at.isocalendar().week:02d}",
    "z": _offset,
    "s": lambda at: str((at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)),
    "%": lambda at: "%",
}
"""What can be written."""

_WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "f": 6}
"""What can be read: so many digits at most (a year has all four)."""


def write_as(instant: datetime, form: str) -> str | None:
    """Write an instant; None where the form has a letter that is not known."""
    text, at = "", 0
    while at < len(form):
        if form[at] != "%":
            text += form[at]
            at += 1
            continue
        write = LETTERS.get(form[at + 1 : at + 2])
        if write is None:
            return None
        text += write(instant)
        at += 2
    return text


def read_as(text: str, form: str) -> datetime | None:
    """Read an instant; what the form does not tell is the start of 1970, and UTC.

    None where the text does not fit, or the form has a letter that cannot be read.
    """
    values = {"Y": 1970, "m": 1, "d": 1, "H": 0, "M": 0, "S": 0, "f": 0}
    zone: timezone = UTC
    at = place = 0
    while place < len(form):
        letter = form[place + 1 : place + 2] if form[place] == "%" else ""
        if letter in _WIDTHS:
            end = at
            while end < len(text) and end - at < _WIDTHS[letter] and text[end] in "0123456789":
                end += 1
            if end == at or (letter == "Y" and end - at < _WIDTHS["Y"]):
                return None
            digits = text[at:end]
            values[letter] = int(digits.ljust(6, "0") if letter == "f" else digits)
        elif letter == "b":
            end = at + 3
            month = next((n for n, name in enumerate(_MONTHS, 1) if name[:3] == text[at:end]), 0)
            if not month:
                return None
            values["m"] = month
        elif letter == "z":
            read = _read_offset(text, at)
            if read is None:
                return None
            zone, end = read
        else:
            literal = "%" if letter == "%" else form[place]
            end = at + 1
            if text[at:end] != literal or (form[place] == "%" and letter != "%"):
                return None
        place += 2 if letter else 1
        at = end
    if at != len(text):
        return None
    try:
        return datetime(
            values["Y"],
            values["m"],
            values["d"],
            values["H"],
            values["M"],
            values["S"],
            values["f"],
            tzinfo=zone,
        )
    except ValueError:
        return None


def _read_offset(text: str, at: int) -> tuple[timezone, int] | None:
    """Read `Z`, `+01:00` or `+0100` at a place; where it ends."""
    if text[at : at + 1] == "Z":
        return UTC, at + 1
    sign, hours = text[at : at + 1], text[at + 1 : at + 3]
    start = at + 4 if text[at + 3 : at + 4] == ":" else at + 3
    minutes = text[start : start + 2]
    digits = hours + minutes
    if sign not in ("+", "-") or len(digits) != 4 or not (digits.isascii() and digits.isdigit()):
        return None
    if int(hours) > 23 or int(minutes) > 59:
        return None
    length = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(length if sign == "+" else -length), start + 2
