"""Text: `text.` What the language's own string functions lack."""

import re
import unicodedata

from stretto.expression.functions.calls import Refusal
from stretto.expression.functions.registry import function
from stretto.expression.limits import MAX_RESULT_CHARS

_NOT_IN_SLUGS = re.compile(r"[^a-z0-9]+")
_SPACE = re.compile(r"\s+")


@function("text.upper", {"text.upper('straße')": "STRASSE"})
def _upper(text: str) -> str:
    """All letters in upper case, in every script."""
    return text.upper()


@function("text.lower", {"text.lower('ÄPFEL')": "äpfel"})
def _lower(text: str) -> str:
    """All letters in lower case, in every script."""
    return text.lower()


@function("text.title", {"text.title('order of the day')": "Order Of The Day"})
def _title(text: str) -> str:
    """Each word with a capital, words being what spaces part."""
    return " ".join(word[:1].upper() + word[1:].lower() for word in text.split(" "))


@function("text.capitalize", {"text.capitalize('hello World')": "Hello World"})
def _capitalize(text: str) -> str:
    """The first letter in upper case, the others as they are."""
    return text[:1].upper() + text[1:]


@function(
    "text.pad_start",
    {"text.pad_start('7', 3, '0')": "007", "text.pad_start('abc', 2)": "abc"},
)
def _pad_start(text: str, width: int, fill: str = " ") -> str:
    """Fills up at the start until the text has so many characters."""
    return _filling(text, width, fill) + text


@function("text.pad_end", {"text.pad_end('a', 3, '.')": "a.."})
def _pad_end(text: str, width: int, fill: str = " ") -> str:
    """Fills up at the end until the text has so many characters."""
    return text + _filling(text, width, fill)


@function("text.repeat", {"text.repeat('ab', 3)": "ababab", "text.repeat('ab', 0)": ""})
def _repeat(text: str, count: int) -> str:
    """The text so many times."""
    if count < 0 or count * len(text) > MAX_RESULT_CHARS:
        raise Refusal(
            "count", f"0 up, giving at most {MAX_RESULT_CHARS} characters", count, "too_large"
        )
    return text * count


@function(
    "text.slug",
    {"text.slug('Größe & Co. (2024)')": "groe-co-2024", "text.slug('a  b', '_')": "a_b"},
)
def _slug(text: str, separator: str = "-") -> str:
    """For names and addresses: lower-case letters and digits, accents dropped, else a separator."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return separator.join(part for part in _NOT_IN_SLUGS.split(plain) if part)


@function(
    "text.truncate",
    {
        "text.truncate('a long story', 7)": "a long…",
        "text.truncate('short', 7)": "short",
        "text.truncate('a long story', 8, '...')": "a lon...",
    },
)
def _truncate(text: str, length: int, end: str = "…") -> str:
    """At most so many characters, the end shown by a mark that is counted."""
    if length < len(end):
        raise Refusal("length", f"at least {len(end)}, the length of the mark", length)
    return text if len(text) <= length else text[: length - len(end)].rstrip() + end


@function("text.squeeze", {"text.squeeze('  a \\n  b ')": "a b"})
def _squeeze(text: str) -> str:
    """One space for any white space, none at the ends."""
    return _SPACE.sub(" ", text).strip()


@function("text.words", {"text.words(' one  two ')": ["one", "two"]})
def _words(text: str) -> list[str]:
    """The words, parted by white space."""
    return text.split()


@function("text.lines", {"text.lines('a\\nb\\r\\n')": ["a", "b"]})
def _lines(text: str) -> list[str]:
    """The lines, without their ends."""
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


@function("text.count", {"text.count('banana', 'an')": 2})
def _count(text: str, part: str) -> int:
    """How often a part is there, without overlaps."""
    if not part:
        raise Refusal("part", "a text that is not empty", part)
    return text.count(part)


@function(
    "text.before",
    {"text.before('user@example.com', '@')": "user", "text.before('user', '@')": "user"},
)
def _before(text: str, separator: str) -> str:
    """What stands before the first separator; all where there is none."""
    return text.partition(_filled(separator))[0]


@function(
    "text.after",
    {"text.after('user@example.com', '@')": "example.com", "text.after('user', '@')": ""},
)
def _after(text: str, separator: str) -> str:
    """What stands after the first separator; nothing where there is none."""
    return text.partition(_filled(separator))[2]


@function("text.remove_prefix", {"text.remove_prefix('v1.2', 'v')": "1.2"})
def _remove_prefix(text: str, prefix: str) -> str:
    """Without a text at the start, if it is there."""
    return text.removeprefix(prefix)


@function("text.remove_suffix", {"text.remove_suffix('a.csv', '.csv')": "a"})
def _remove_suffix(text: str, suffix: str) -> str:
    """Without a text at the end, if it is there."""
    return text.removesuffix(suffix)


def _filling(text: str, width: int, fill: str) -> str:
    if len(fill) != 1:
        raise Refusal("fill", "one character", fill)
    if width > MAX_RESULT_CHARS:
        raise Refusal("width", f"at most {MAX_RESULT_CHARS}", width, "too_large")
    return fill * (width - len(text))


def _filled(separator: str) -> str:
    if not separator:
        raise Refusal("separator", "a text that is not empty", separator)
    return separator
