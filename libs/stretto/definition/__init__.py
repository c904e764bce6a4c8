"""The workflow language: text → model → every mistake in one pass → a compiled graph.

Owns how a definition is written, what is wrong with one, and its compiled form. No I/O, no clock.

::

    text ─ yaml_reader ─► nodes ─ document, steps, kinds ─► model ─ analysis ─► draft
      │ scalars              │ shapes, policies, texts,      │ expressions, references,
      │                      │ needs, catching, inside       │ dependencies, schema_check,
      ▼                      ▼ (…_shapes, records)           ▼ reachability
    ─────────────────────── mistakes (Report) ────────────────────────────────────────
                                       draft ─ compilation (+ version) ─► contracts.graph.Graph

Invariants

1. No text makes `load` raise; whatever it costs is bounded by `limits`.
2. Every mistake has a line and a column, and none hides another that does not follow from it.
3. What `json_schema()` says and what the readers accept come from the same shapes.
4. Kinds of step differ in one module each (`kinds/`); nothing else knows their names.
5. Scopes (the workflow, a group, a round, a handler) are read and checked alike; names are looked
   up from the inside out, and who reads a step outside its group makes the group need it.
6. The same text and version give the same graph, byte for byte.
"""

from stretto.definition.compilation import Definition, canonical, compile_graph, content_hash
from stretto.definition.editor_schema import json_schema, template_json_schema
from stretto.definition.input_validation import Problem, SchemaError, validate_input
from stretto.definition.loading import Loaded, check, load
from stretto.definition.mistakes import Mistake

__all__ = [
    "Definition",
    "Loaded",
    "Mistake",
    "Problem",
    "SchemaError",
    "canonical",
    "check",
    "compile_graph",
    "content_hash",
    "json_schema",
    "load",
    "template_json_schema",
    "validate_input",
]
