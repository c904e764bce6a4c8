"""Templates: definitions and parts of definitions with parameters, used by name.

Owns how a template is written, how its parameters are filled in, and how a document that uses
templates becomes one that does not. Pure: the templates are given (`Library`), nobody fetches.

::

    document ── expansion ──► document without `use` ──► read and checked like any other
                  │  ▲
         reference │  │ filling (splicing: inside expressions)
                  ▼  │
               library ◄── document (a template's text), parameters
                  ▲
               checking (a template by itself)

Invariants

1. What is expanded says the same as if somebody had written it out; the core knows no template.
2. Every value knows its origin: a mistake is told at the use, with its place in the template.
3. A template sees its parameters, its own steps, `input` and `run`: nothing around its use. What an
   argument refers to is never taken for something inside the template.
4. Whatever the templates say, the expansion is bounded by the limits of a document.
"""

from stretto.definition.templates.checking import LoadedTemplate, load_template
from stretto.definition.templates.document import Template, read_template
from stretto.definition.templates.expansion import Expanded, expand
from stretto.definition.templates.library import Library
from stretto.definition.templates.outline import Outline, outline
from stretto.definition.templates.parameters import Parameter

__all__ = [
    "Expanded",
    "Library",
    "LoadedTemplate",
    "Outline",
    "Parameter",
    "Template",
    "expand",
    "load_template",
    "outline",
    "read_template",
]
