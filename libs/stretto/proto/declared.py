"""What is said beside a declaration: the string below a field, also in the classes it inherits."""

import ast
import inspect
import textwrap
from functools import cache


def words_of(cls: type) -> str:
    """Return the docstring of a class as one paragraph a paragraph; empty when there is none."""
    return _paragraphs(inspect.cleandoc(cls.__doc__ or ""))


def field_words(cls: type) -> dict[str, str]:
    """Return what the class and those it inherits from say of their fields, by name."""
    said: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if each.__module__ not in ("builtins", "msgspec", "typing"):
            said |= _own_words(each)
    return said


@cache
def _own_words(cls: type) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError):
        return {}  # made by a program, not written
    body = tree.body[0]
    assert isinstance(body, ast.ClassDef), "the source of a class is a class"
    said: dict[str, str] = {}
    for statement, after in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            said[statement.target.id] = _paragraphs(inspect.cleandoc(after.value.value))
    return said


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
