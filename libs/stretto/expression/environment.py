"""The one environment of the native library in a process, made when it is first needed.

Google's C++ implementation of the Common Expression Language (`cel_expr_python`), configured once:
every extension it has, the roots of a scope and stand-ins for typed references (see `check`) as
variables, the status functions and our own functions as declarations. Making it takes about 60 ms
and 180 KB; expressions that are plain references never need it.

What was found out about version 0.1.3, and what this package does about each:

1. Reading a `null` out of a result gives away a reference to `None` that was never taken. Before
   Python 3.12 (where `None` is immortal) the process dies after some thousand of them: here.
2. Text is cut at U+0000 on the way in; values of other types are refused late: `values.admit`.
3. Converting a map that holds an optional crashes the process: `results.careful`.
4. Evaluation errors are values of a type of their own whose value is a plain text; a result is
   therefore always wrapped in a list of one, so that a bare text is an error: `native`.
5. A call of a Python function leaks its arguments and its result; ours are evaluated outside
   and handed in as variables: `rewrite`.
6. JSON some thousand levels deep crashes it: `values.admit`.
7. `map`, `filter`, `distinct` are quadratic, hold the interpreter lock and cannot be stopped:
   `cost`.
8. `transformMap` and `transformMapEntry` compile but have no implementation: `rewrite`.
"""

import ctypes
import platform
import sys
import threading
from functools import lru_cache

from cel_expr_python import cel

from stretto.expression.functions import FUNCTIONS, Function
from stretto.expression.scope import ROOTS, STATUS_FUNCTIONS
from stretto.expression.spelling import SPELLED

__all__ = ["STAND_INS", "environment"]

_CONFIGURATION = """
extensions:
  - name: bindings
  - name: encoders
  - name: lists
  - name: math
  - name: optional
  - name: regex
  - name: sets
  - name: strings
  - name: two-var-comprehensions
"""

STAND_INS = {
    "__s": cel.Type.STRING,
    "__b": cel.Type.BOOL,
    "__i": cel.Type.INT,
    "__d": cel.Type.DOUBLE,
    "__n": cel.Type.NULL,
    "__l": cel.Type.LIST,
    "__m": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "__S": cel.Type.List(cel.Type.STRING),
    "__B": cel.Type.List(cel.Type.BOOL),
    "__I": cel.Type.List(cel.Type.INT),
    "__M": cel.Type.List(cel.Type.Map(cel.Type.STRING, cel.Type.DYN)),
}
"""Variables of known types: a typed reference is checked in the place of one. The names are as
short as the shortest root, so that a source keeps its columns."""

_NATIVE = {
    "dyn": cel.Type.DYN,
    "string": cel.Type.STRING,
    "int": cel.Type.INT,
    "bool": cel.Type.BOOL,
    "list": cel.Type.List(cel.Type.DYN),
    "map": cel.Type.Map(cel.Type.DYN, cel.Type.DYN),
}
"""The types of what our own functions take and give."""

_NONE_IS_COUNTED = sys.version_info < (3, 12) and platform.python_implementation() == "CPython"

_SPARE_REFERENCES = 1 << 40
"""More nulls than a process can read in years; far from the overflow of the counter."""

_lock = threading.Lock()


def environment() -> cel.Env:
    """The environment of this process."""
    with _lock:
        return _make(len(FUNCTIONS))


@lru_cache(maxsize=1)
def _make(_functions: int) -> cel.Env:
    """Make the environment, anew when functions were added (of which there are so many now)."""
    _protect_none()
    declared = [
        cel.FunctionDecl(name, [_overload(name, [], cel.Type.BOOL)]) for name in STATUS_FUNCTIONS
    ]
    declared += [_declaration_of(function) for function in FUNCTIONS.values()]
    return cel.NewEnv(
        config=cel.NewEnvConfigFromYaml(_CONFIGURATION),
        variables=dict.fromkeys((*ROOTS, *SPELLED.values()), cel.Type.DYN) | STAND_INS,
        functions=declared,
    )


def _declaration_of(function: Function) -> cel.FunctionDecl:
    takes = [_NATIVE[parameter.type.native] for parameter in function.parameters]
    gives = _NATIVE[function.returns.native]
    overloads = [_overload(function.name, takes[:arity], gives) for arity in function.arities]
    return cel.FunctionDecl(function.name, overloads)


def _overload(name: str, takes: list[cel.Type], gives: cel.Type) -> cel.Overload:
    return cel.Overload(f"{name}_{len(takes)}", return_type=gives, parameters=takes)


def _protect_none() -> None:
    """Give `None` references to spare, once, where it is counted like any other object."""
    if _NONE_IS_COUNTED:
        count = ctypes.c_ssize_t.from_address(id(None))
        count.value += _SPARE_REFERENCES
