"""Expressions: the Common Expression Language (CEL) over JSON, compiled once, evaluated often.

Owns the language of `${{ }}`: syntax and type checks with positions, what an expression refers to,
evaluation within limits, templates, our own functions. Synchronous, without I/O; imports nothing
else of Stretto.

::

    compile_expression ──► Program.evaluate(scope) ──► JSON
    compile_template  ──► Template.evaluate / render_json
         │                     ▲
         │  ScopeTypes         │  {"input": {...}, "steps": {"charge": {"output": ...}}, ...}
         │  (roots and         │  only what `references` names
         ▼   their schemas)    │
    ExpressionError       EvaluationError

Invariants:

1. Evaluation is a function of the expression and the scope: no clock, no randomness, no I/O.
2. Whatever expression and JSON are, the process survives and the time is bounded (`limits`).
3. An expression that is refused because of a schema is wrong for every value that the schema
   allows.
4. A plain path costs less than a microsecond and gives what the native library would give.
5. The native library is touched by `native`, `environment` and `results` alone; its faults are
   listed in `environment`.

Where JSON and the language differ: a number is an int if it is written without fraction and
exponent, else a double; both may be compared with one another.
"""

from stretto.expression.cache import CacheStatistics, ProgramCache
from stretto.expression.errors import EvaluationError, ExpressionError
from stretto.expression.functions import FUNCTIONS, Function
from stretto.expression.kinds import Kind
from stretto.expression.paths import Reference, Scope
from stretto.expression.program import Program, compile_expression
from stretto.expression.scope import ROOTS, STATUS_FUNCTIONS, STATUS_ROOT, ScopeTypes
from stretto.expression.template import Template, compile_condition, compile_template

__all__ = [
    "FUNCTIONS",
    "ROOTS",
    "STATUS_FUNCTIONS",
    "STATUS_ROOT",
    "CacheStatistics",
    "EvaluationError",
    "ExpressionError",
    "Function",
    "Kind",
    "Program",
    "ProgramCache",
    "Reference",
    "Scope",
    "ScopeTypes",
    "Template",
    "compile_condition",
    "compile_expression",
    "compile_template",
]
