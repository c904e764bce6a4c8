"""What values an input of a table can have, as far as a JSON Schema or its author tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from stretto.table.cells import Cell
from stretto.table.values import (
    EVERYTHING,
    NUMBERS,
    OF_TYPE,
    TEXT_KIND,
    ValueSet,
    between,
    common,
    complement,
    cuts_of,
    just,
    united,
)

_COLUMN_TYPES = frozenset({"string", "number", "integer", "boolean"})

_TYPE_OF_KIND = ("null", "boolean", "number", "string")

_ENDS = frozenset({(0, 0, 0), (4, 0, 0), (5, 0, 0)})
"""Where everything begins, where the texts end, where everything ends: cuts that name no value."""


class Domain(NamedTuple):
    """The values of a column; `type` is that by which its conditions are read; `whole`: its
    numbers are integers; `known`: it was told, not guessed."""

    type: str
    values: ValueSet
    whole: bool = False
    known: bool = True


UNKNOWN = Domain("any", EVERYTHING, known=False)


def domain_of_schema(schema: object) -> Domain:
    """Read a JSON Schema: `type`, `enum`, `const` and bounds; what else it says is left out, so
    that the domain is rather too large than too small."""
    if not isinstance(schema, Mapping):
        return UNKNOWN
    choices = [schema["const"]] if "const" in schema else schema.get("enum")
    stated = schema.get("type")
    types = [stated] if isinstance(stated, str) else stated
    if isinstance(choices, list) and choices:
        return domain_of_choices(choices)
    if not isinstance(types, list) or not all(name in OF_TYPE for name in types) or not types:
        return UNKNOWN
    if schema.get("nullable") is True:
        types = [*types, "null"]
    domain = domain_of_types(types)
    return domain._replace(values=common(domain.values, _bounded(schema)))


def domain_of_choices(choices: Iterable[Any]) -> Domain:
    """The domain of an enumeration."""
    values = list(choices)
    kinds = {_type_of(value) for value in values} - {"null"}
    whole = kinds <= {"integer"}
    if kinds == {"integer", "number"}:
        kinds = {"number"}
    type_ = kinds.pop() if len(kinds) == 1 else "any"
    if type_ not in _COLUMN_TYPES:
        type_ = "any"
    return Domain(type_, united(just(value) for value in values), whole)


def domain_of_types(types: Iterable[str]) -> Domain:
    """The domain of some JSON types."""
    names = set(types)
    told = names - {"null"}
    if told == {"integer", "number"}:
        told = {"number"}
    type_ = next(iter(told)) if len(told) == 1 and told <= _COLUMN_TYPES else "any"
    return Domain(type_, united(OF_TYPE[name] for name in names), whole=type_ == "integer")


def guessed(cells: Iterable[Cell]) -> ValueSet:
    """The values to look at where nothing is known of an input: of the types that its conditions
    name. Empty where they name none."""
    kinds = {
        cut[0]
        for cell in cells
        if cell.admits is not None
        for cut in cuts_of(cell.admits)
        if cut not in _ENDS
    }
    return united(OF_TYPE[_TYPE_OF_KIND[kind]] for kind in kinds if kind <= TEXT_KIND)


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
    return "object"


def _bounded(schema: Mapping[str, Any]) -> ValueSet:
    """Everything but the numbers out of bounds."""
    numbers = NUMBERS
    for name, low, is_open in (
        ("minimum", True, False),
        ("exclusiveMinimum", True, True),
        ("maximum", False, False),
        ("exclusiveMaximum", False, True),
    ):
        bound = schema.get(name)
        if isinstance(bound, int | float) and not isinstance(bound, bool):
            side = (
                between(bound, low_open=is_open) if low else between(None, bound, high_open=is_open)
            )
            numbers = common(numbers, side)
    return united((numbers, complement(NUMBERS)))
