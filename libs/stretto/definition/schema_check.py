"""The `input` of a definition: is it a JSON Schema, and does it say what was probably meant?"""

from functools import cache
from typing import Any

import jsonschema_rs

from stretto.definition.input_validation import SchemaError, compile_schema
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Mapping, Node, Path, Scalar, Sequence, describe, find, quoted
from stretto.definition.shapes import Located

_DIALECTS: dict[str, Any] = {
    "https://json-schema.org/draft/2020-12/schema": jsonschema_rs.Draft202012Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema_rs.Draft201909Validator,
    "http://json-schema.org/draft-07/schema": jsonschema_rs.Draft7Validator,
    "http://json-schema.org/draft-06/schema": jsonschema_rs.Draft6Validator,
    "http://json-schema.org/draft-04/schema": jsonschema_rs.Draft4Validator,
}
_DEFAULT_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")

_SCHEMAS_BY_NAME = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
)
_SCHEMAS_IN_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
_SCHEMAS = frozenset(
    {
        "additionalItems", "additionalProperties", "contains", "else", "if", "items", "not",
        "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
_OTHERS = frozenset(
    {
        "$anchor", "$comment", "$dynamicAnchor", "$dynamicRef", "$id", "$ref", "$schema",
        "$vocabulary", "const", "contentEncoding", "contentMediaType", "contentSchema", "default",
        "dependencies", "dependentRequired", "deprecated", "description", "enum", "example",
        "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "id", "maxContains",
        "maxItems", "maxLength", "maxProperties", "maximum", "minContains", "minItems",
        "minLength", "minProperties", "minimum", "multipleOf", "nullable", "pattern", "readOnly",
        "required", "title", "type", "uniqueItems", "writeOnly",
    }
)  # fmt: skip
_KEYWORDS = sorted(_SCHEMAS_BY_NAME | _SCHEMAS_IN_LISTS | _SCHEMAS | _OTHERS)


def check_schema(schema: Located[Node], report: Report) -> bool:
    """Check the input schema; tell whether it is one. Every mistake of it is reported."""
    _walk(schema.node, schema.path, report)
    before = report.count
    data = schema.node.data
    dialect = _dialect_of(schema, report)
    if dialect is not None:
        for error in _meta_validator(dialect).iter_errors(data):
            _refuse(schema, error, report)
    _check_references(schema, report)
    if report.count > before:
        return False
    try:
        compile_schema(data)
    except SchemaError as error:
        path = (*schema.path, *error.path)
        node = find(schema.node, error.path)
        report.mistake(
            node, path, "bad_schema", f"expected a JSON Schema (2020-12), but {error.message}"
        )
        return False
    return True


def _dialect_of(schema: Located[Node], report: Report) -> str | None:
    """Read `$schema`; None where it names no dialect that is known (reported)."""
    node = find(schema.node, ("$schema",))
    if node is schema.node:
        return _DEFAULT_DIALECT
    named = (
        node.value.removesuffix("#")
        if isinstance(node, Scalar) and isinstance(node.value, str)
        else ""
    )
    if named in _DIALECTS:
        return named
    report.mistake(
        node,
        (*schema.path, "$schema"),
        "bad_schema",
        f"expected a dialect of JSON Schema that is known, but got {describe(node)}",
        f"leave it out, or write {_DEFAULT_DIALECT}",
    )
    return None


@cache
def _meta_validator(dialect: str) -> Any:
    """The validator of schemas of a dialect: its meta-schema, which comes with the library."""
    return _DIALECTS[dialect]({"$ref": dialect}, offline=True)


def _refuse(schema: Located[Node], error: Any, report: Report) -> None:
    """Report what the meta-schema says, in our words where they are better."""
    inner = tuple(error.instance_path)
    node, path = find(schema.node, inner), (*schema.path, *inner)
    if inner and inner[-1] == "type" and isinstance(node, Scalar):
        meant = report.meant(node.value, _TYPES) if isinstance(node.value, str) else ""
        report.mistake(
            node,
            path,
            "bad_schema",
            f"expected a type ({', '.join(_TYPES)}), but got {describe(node)}",
            meant,
        )
        return
    kind = error.kind
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Type):
        wanted = " or ".join(_TYPE_WORDS.get(name, name) for name in kind.types)
        report.mistake(node, path, "bad_schema", f"expected {wanted}, but got {describe(node)}")
        return
    report.mistake(
        node, path, "bad_schema", f"expected a JSON Schema (2020-12), but {error.message}"
    )


_TYPE_WORDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "object": "a mapping",
    "string": "a string",
}


def _check_references(schema: Located[Node], report: Report) -> None:
    """Refuse references that lead out of the schema or to nothing."""
    for node, path in _references(schema.node, schema.path):
        target = str(node.value)
        if not target.startswith("#"):
            report.mistake(
                node,
                path,
                "bad_schema",
                f"expected a reference within the schema (#/…), but got {quoted(target)}",
                "nothing is fetched: put the schema under $defs",
            )
        elif target.startswith("#/") and not _exists(schema.node, target):
            report.mistake(
                node,
                path,
                "bad_schema",
                f"expected a reference to a part of the schema, but {quoted(target)} is not there",
            )


def _references(node: Node, path: Path) -> list[tuple[Scalar, Path]]:
    found: list[tuple[Scalar, Path]] = []
    open_: list[tuple[Node, Path]] = [(node, path)]
    while open_:
        node, path = open_.pop()
        if isinstance(node, Mapping):
            target = node.entries.get("$ref")
            if isinstance(target, Scalar) and isinstance(target.value, str):
                found.append((target, (*path, "$ref")))
            open_ += [(value, (*path, name)) for name, value in node.entries.items()]
        elif isinstance(node, Sequence):
            open_ += [(item, (*path, index)) for index, item in enumerate(node.items)]
    return found


def _exists(root: Node, pointer: str) -> bool:
    """Follow a JSON pointer (RFC 6901) from the root of the schema."""
    node: Node | None = root
    for part in pointer.removeprefix("#/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, Mapping):
            node = node.entries.get(name)
        elif isinstance(node, Sequence) and name.isdecimal() and int(name) < len(node.items):
            node = node.items[int(name)]
        else:
            return False
    return node is not None


def _walk(node: Node, path: Path, report: Report) -> None:
    """Warn of keywords that JSON Schema does not know: it ignores them, so a slip goes unseen."""
    if not isinstance(node, Mapping):
        return
    for name, value in node.entries.items():
        inner = (*path, name)
        if name in _SCHEMAS_BY_NAME:
            if isinstance(value, Mapping):
                for key, schema in value.entries.items():
                    _walk(schema, (*inner, key), report)
        elif name in _SCHEMAS_IN_LISTS and isinstance(value, Sequence):
            for index, schema in enumerate(value.items):
                _walk(schema, (*inner, index), report)
        elif name in _SCHEMAS:
            _walk(value, inner, report)
        elif name not in _KEYWORDS and not name.startswith("x-"):
            _warn_of_keyword(name, value, node, inner, report)


def _warn_of_keyword(name: str, value: Node, node: Mapping, path: Path, report: Report) -> None:
    hint = report.meant(name, _KEYWORDS)
    if not hint and isinstance(value, Mapping) and "properties" not in node.entries:
        hint = f"write properties: {{{name}: …}}"
    report.warn(
        node.key(name),
        path,
        "unknown_keyword",
        f"expected a keyword of JSON Schema, but {quoted(name)} is none and has no effect",
        hint,
    )
