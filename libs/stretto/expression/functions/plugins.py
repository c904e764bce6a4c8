"""Functions of installed packages: entry points of the group `stretto.functions`.

An entry point is named as the function is written (`acme.vat`) and points at a type-hinted Python
function with a docstring. It is called like one of ours: what it is given and gives is looked at,
whatever it raises is an error of the evaluation. How long it takes is its author's affair.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import NoReturn

from stretto.expression.functions.purity import impurity_of
from stretto.expression.functions.registry import FUNCTIONS, Function, made_of
from stretto.expression.functions.signature import SignatureError
from stretto.expression.names import NATIVE_NAMESPACES, TYPE_NAMES
from stretto.expression.scope import ROOTS

__all__ = ["GROUP", "PluginError", "add_functions", "load_functions", "load_functions_or_exit"]

GROUP = "stretto.functions"

MAX_FUNCTIONS = 500
"""Functions of packages: each costs some 0.1 ms when the first expression is compiled."""

_EXIT_USAGE = 2
_ALL = frozenset({"1", "true", "yes", "all"})
_NONE = frozenset({"", "0", "false", "no"})
_NAME = re.compile(r"([a-z][a-z0-9_]{0,31})\.[a-z][a-z0-9_]{0,63}")
_WORDS = frozenset({
    "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in",
    "let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while",
})  # fmt: skip
"""Words that the language keeps for itself."""


class PluginError(ValueError):
    """A function of a package that cannot be had; names it, its package and the reason."""


def load_functions(wanted: str) -> tuple[str, ...]:
    """Add functions of installed packages to the language; return their names.

    Args:
        wanted: `1` for all that are installed, or names of functions and namespaces with commas
            between them (`acme, tax.vat`); empty or `0` for none.

    Raises:
        PluginError: a name is not installed, taken or none; a function cannot be loaded, or not be
            called with JSON alone. Nothing is added then.
    """
    wanted = wanted.strip()
    if wanted.lower() in _NONE:
        return ()
    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    if wanted.lower() in _ALL:
        return add_functions(found)
    chosen: dict[str, EntryPoint] = {}
    for name in filter(None, (word.strip() for word in wanted.split(","))):
        fitting = [e for e in found if e.name == name or e.name.partition(".")[0] == name]
        if not fitting:
            there = ", ".join(sorted({entry.name for entry in found})) or "none"
            raise PluginError(
                f"expected `{name}` among the functions that are installed, but there are: {there}"
            )
        chosen |= {f"{entry.name} {_package(entry)}": entry for entry in fitting}
    return add_functions(chosen.values())


def load_functions_or_exit(wanted: str) -> tuple[str, ...]:
    """Add functions as `load_functions` does, or say what is wrong on stderr and exit with 2."""
    try:
        return load_functions(wanted)
    except PluginError as error:
        _exit(f"STRETTO_FUNCTIONS: {error}")


def add_functions(entries: Iterable[EntryPoint]) -> tuple[str, ...]:
    """Add the functions of some entry points, all or none; what is there already stays.

    Raises:
        PluginError: see `load_functions`.
    """
    added: dict[str, Function] = {}
    names: list[str] = []
    for entry in entries:
        package = _package(entry)
        _check_name(entry.name, package, FUNCTIONS | added)
        names.append(entry.name)
        if entry.name not in FUNCTIONS:
            added[entry.name] = _made_of(entry, package)
    if len(names) > MAX_FUNCTIONS:
        raise PluginError(f"expected at most {MAX_FUNCTIONS} functions, but got {len(names)}")
    FUNCTIONS.update(added)
    return tuple(names)


def _check_name(name: str, package: str, known: dict[str, Function]) -> None:
    where = f"`{name}` of the package {package}"
    found = _NAME.fullmatch(name)
    if found is None:
        raise PluginError(f"expected a name like acme.vat, but got {where}")
    space = found[1]
    ours = {
        function.name.partition(".")[0] for function in FUNCTIONS.values() if not function.package
    }
    if space in ours | NATIVE_NAMESPACES | TYPE_NAMES | _WORDS | set(ROOTS):
        raise PluginError(f"expected a namespace of its own, but `{space}` in {where} is taken")
    there = known.get(name)
    if there is not None and there.package != package:
        raise PluginError(
            f"expected one function of a name, but {where} is one of {there.package} as well"
        )


def _made_of(entry: EntryPoint, package: str) -> Function:
    where = f"`{entry.name}` of the package {package}"
    try:
        body = entry.load()
    except Exception as error:
        raise PluginError(
            f"expected {where} to be importable as {entry.value}, "
            f"but {type(error).__name__}: {error}"
        ) from error
    try:
        function = made_of(entry.name, body, package=package)
    except SignatureError as error:
        raise PluginError(f"{where}: {error}") from None
    impure = impurity_of(body)
    if impure is not None:
        raise PluginError(f"{where}: expected a pure function, but it uses {impure}")
    return function


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.module


def _exit(message: str) -> NoReturn:
    sys.stderr.write(message + "\n")
    raise SystemExit(_EXIT_USAGE)
