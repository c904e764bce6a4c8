"""A run's input against the JSON Schema of its workflow: compiled once, asked at every start."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import jsonschema_rs
import msgspec

from stretto.definition.nodes import path_text, quoted

MAX_PROBLEMS = 20
"""A publisher repairs its input in a few rounds; a long list in every rejection helps nobody."""

MAX_VALUE_CHARS = 80
"""A value is shown up to here: rejections are stored, and inputs may be large."""

_REGEX_BYTES = 1024 * 1024
"""A compiled pattern of a schema takes at most this much memory; matching takes linear time."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which an input does not fit. `path`: `input.items[0].sku`."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


Validator = Callable[[bytes], list[Problem]]
"""Takes an input as JSON and gives its problems; none: it fits."""


class SchemaError(ValueError):
    """A JSON Schema that is none. `path` is where in it the mistake stands."""

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


def compile_schema(schema: Any) -> Any:
    """Compile a JSON Schema as the product reads it: nothing is fetched, formats are checked,
    patterns are matched in linear time.

    Raises:
        SchemaError: it is none.
    """
    try:
        return jsonschema_rs.validator_for(
            schema,
            offline=True,
            validate_formats=True,
            pattern_options=jsonschema_rs.RegexOptions(size_limit=_REGEX_BYTES),
        )
    except jsonschema_rs.ValidationError as error:
        raise SchemaError(error.message, tuple(error.instance_path)) from error
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise SchemaError(str(error)) from error


def validate_input(schema: object) -> Validator:
    """Compile the input schema of a workflow for use at every start.

    `schema` is `Graph.input_schema`: JSON, or that decoded; `null` accepts everything. The
    validator gives at most MAX_PROBLEMS problems; what is no JSON is one too.

    Raises:
        SchemaError: the schema is none; a definition without mistakes never has such a schema.
    """
    if isinstance(schema, bytes | bytearray | memoryview | msgspec.Raw):
        schema = msgspec.json.decode(schema)
    if schema is None:
        return _only_json
    validator = compile_schema(schema)

    def validate(data: bytes) -> list[Problem]:
        try:
            instance = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return [_not_json(error)]
        if validator.is_valid(instance):
            return []
        return [_problem(error) for error in islice(validator.iter_errors(instance), MAX_PROBLEMS)]

    return validate


def _only_json(data: bytes) -> list[Problem]:
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return [_not_json(error)]
    return []


def _not_json(error: Exception) -> Problem:
    return Problem(path="input", message=f"expected JSON, but got something else: {error}")


def _problem(error: Any) -> Problem:
    path = path_text(("input", *error.instance_path))
    return Problem(path=path, message=problem_message(error))


def problem_message(error: Any) -> str:
    """Say a validation error in the grammar of the product."""
    kind, value = error.kind, error.instance
    kinds = jsonschema_rs.ValidationErrorKind
    match kind:
        case kinds.Type():
            wanted = " or ".join(_TYPE_WORDS.get(name, name) for name in kind.types)
            return f"expected {wanted}, but got {_shown(value)}"
        case kinds.Required():
            return f"expected the property {quoted(kind.property)}, but it is not there"
        case kinds.AdditionalProperties() | kinds.UnevaluatedProperties():
            names = ", ".join(quoted(name) for name in kind.unexpected)
            return f"expected only properties that the schema names, but got {_cut(names)}"
        case kinds.Enum():
            options = " or ".join(_shown(option) for option in kind.options)
            return f"expected {_cut(options)}, but got {_shown(value)}"
        case kinds.Constant():
            return f"expected {_shown(kind.expected_value)}, but got {_shown(value)}"
        case kinds.Minimum():
            return f"expected at least {kind.limit}, but got {_shown(value)}"
        case kinds.Maximum():
            return f"expected at most {kind.limit}, but got {_shown(value)}"
        case kinds.Pattern():
            wanted = _cut(kind.pattern)
            return f"expected text that matches {wanted}, but got {_shown(value)}"
        case kinds.Format():
            return f"expected text in the format {kind.format}, but got {_shown(value)}"
        case kinds.MinLength() | kinds.MaxLength():
            bound = "at least" if isinstance(kind, kinds.MinLength) else "at most"
            return f"expected {bound} {kind.limit} characters, but got {len(value)}"
        case kinds.MinItems() | kinds.MaxItems():
            bound = "at least" if isinstance(kind, kinds.MinItems) else "at most"
            return f"expected {bound} {kind.limit} items, but got {len(value)}"
    return f"expected a value that fits its schema, but {_cut(error.message)}"


_TYPE_WORDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}


def _shown(value: object) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return quoted(value)
    return _cut(msgspec.json.encode(value).decode())


def _cut(text: str) -> str:
    return text if len(text) <= MAX_VALUE_CHARS else text[: MAX_VALUE_CHARS - 1] + "…"
