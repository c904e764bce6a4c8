"""Our own functions of the language, beside the standard ones and the extensions.

A function is deterministic, total over JSON (it raises EvaluationError for what it cannot do),
documented, and has examples that a test evaluates and `docs/functions.md` shows. To add one, write
a type-hinted Python function with a docstring under `@function`, in the module of its namespace.

::

    @function ──► signature.py   type hints → parameters; refuses what is not pure by its form
                  value_types.py which JSON values fit a hint
                  calls.py       looks at arguments before, at the result after
                  registry.py    FUNCTIONS
    plugins.py    functions of installed packages (entry points `stretto.functions`)
    reference.py  docs/functions.md

Functions are called outside of the native library, with JSON values, before the expression around
them is evaluated (see `environment`, point 5). No function knows the time, chance or the outside;
the time comes from the scope. None runs a regular expression that somebody else wrote: those are
the language's own (`matches`, `regex.extract`, `regex.replace`), in linear time.
"""

from stretto.expression.functions import (
    choices,
    dates,
    digests,
    encodings,
    json_text,
    lists,
    maps,
    numbers,
    semver,
    sets,
    text,
    units,
)
from stretto.expression.functions.registry import FUNCTIONS, Function, function
from stretto.expression.functions.signature import Parameter, SignatureError
from stretto.expression.functions.value_types import MISSING

__all__ = ["FUNCTIONS", "MISSING", "Function", "Parameter", "SignatureError", "function"]

_MODULES = (
    choices,
    dates,
    digests,
    encodings,
    json_text,
    lists,
    maps,
    numbers,
    semver,
    sets,
    text,
    units,
)
"""Modules that register their functions when they are imported."""
