"""What is said beside a declaration: the string below a field, also in the classes it inherits."""

import ast
import inspect
import sys
from collections.abc import Iterator
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
    declared = _classes(cls.__module__).get(cls.__qualname__)
    if declared is None:
        return {}  # made by a program, not written
    said: dict[str, str] = {}
    for statement, after in zip(declared.body, declared.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            said[statement.target.id] = _paragraphs(inspect.cleandoc(after.value.value))
    return said


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """Return the classes that a module declares, by their qualified names; none without a source.

    A module is read once: `inspect.getsource` of a class reads all of its module each time.
    """
    try:
        source = inspect.getsource(sys.modules[module])
    except (KeyError, OSError, TypeError):
        return {}
    return dict(_declared(ast.parse(source), ""))


def _declared(node: ast.AST, inside: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield inside + child.name, child
            yield from _declared(child, f"{inside}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _declared(child, f"{inside}{child.name}.<locals>.")
        elif isinstance(child, ast.stmt):
            yield from _declared(child, inside)


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
