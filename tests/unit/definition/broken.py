"""What a broken definition is: a text, and everything that must be said of it."""

from typing import NamedTuple


class Broken(NamedTuple):
    """A definition and its mistakes as `str()` writes them, without the file.

    A mistake that ends with … is the beginning of what is said.
    """

    name: str
    text: str
    mistakes: tuple[str, ...]
