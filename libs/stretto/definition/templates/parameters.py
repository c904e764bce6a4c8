"""Parameters of a template: how they are declared, and whether arguments fit.

A declaration is a JSON Schema with `default`, and `required: false` for one that may be left out
(it is null then). A word alone is a type: `amount: number`.
"""

from typing import Any, NamedTuple

import msgspec

from stretto.definition.input_validation import compile_schema, problem_message
from stretto.definition.limits import MAX_PARAMETERS
from stretto.definition.mistakes import Report
from stretto.definition.nodes import (
    Mapping,
    Node,
    Path,
    Scalar,
    Sequence,
    find,
    mapping_of,
    quoted,
    scalar_at,
    strings_in,
)
from stretto.definition.origins import SAMPLE
from stretto.definition.policies import PARAMETER_NAME
from stretto.definition.schema_check import check_schema
from stretto.definition.shapes import Located, wrong_type
from stretto.expression.errors import ExpressionError
from stretto.expression.interpolation import is_template, split

_SAMPLES: dict[str, Any] = {
    "string": "sample",
    "number": 1,
    "integer": 1,
    "boolean": True,
    "array": [],
    "object": {},
    "null": None,
}


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter as declared. `default` None: it has none; `types` empty: any."""

    name: str
    node: Node
    schema: dict[str, Any]
    types: tuple[str, ...] = ()
    required: bool = True
    default: Node | None = None
    description: str = ""

    def summary(self) -> dict[str, Any]:
        """What a list of templates tells of it."""
        told = {"name": self.name, "required": self.required, **self.schema}
        return told | ({} if self.default is None else {"default": self.default.data})


class Argument(NamedTuple):
    """A value for a parameter and where it stands; `own`: the template's default."""

    node: Node
    path: Path
    own: bool = False


class Wanted(NamedTuple):
    """Whose parameters are asked for: the template as it is called, and its parameters."""

    template: str
    parameters: dict[str, Parameter]


def read_parameters(node: Node | None, path: Path, report: Report) -> dict[str, Parameter]:
    """Read the `parameters` of a template; what is wrong is reported and left out."""
    if node is None:
        return {}
    if not isinstance(node, Mapping):
        wrong_type(node, path, report, "parameters by name (a mapping)")
        return {}
    if len(node.entries) > MAX_PARAMETERS:
        report.mistake(
            node,
            path,
            "too_large",
            f"expected at most {MAX_PARAMETERS} parameters, but got {len(node.entries)}",
            "give an object with several fields",
        )
        return {}
    found: dict[str, Parameter] = {}
    for name, declared in node.entries.items():
        inner = (*path, name)
        PARAMETER_NAME.check(name, node.key(name), inner, report)
        # One that is declared wrongly is known all the same: nothing is said where it is used.
        read = _parameter(name, declared, inner, report)
        found[name] = read or Parameter(name=name, node=declared, schema={})
    return found


def _parameter(name: str, node: Node, path: Path, report: Report) -> Parameter | None:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        node = mapping_of(node, type=node)
    elif isinstance(node, Scalar) and node.value is None:
        node = mapping_of(node)
    if not isinstance(node, Mapping):
        wrong_type(node, path, report, "a parameter (a type, or a JSON Schema)")
        return None
    entries = dict(node.entries)
    default = entries.pop("default", None)
    required = entries.get("required")
    needed = default is None
    if isinstance(required, Scalar) and isinstance(required.value, bool):
        needed = required.value
        del entries["required"]
        if needed and default is not None:
            report.mistake(
                node.key("required"),
                (*path, "required"),
                "bad_value",
                "expected a parameter to be required or to have a default, but it is both",
            )
    schema = Mapping(entries, node.keys, node.line, node.column, node.offset)
    if not check_schema(Located[Node](schema, schema, path), report):
        return None
    data = schema.data
    assert isinstance(data, dict)
    kinds: Any = data.get("type", ())
    parameter = Parameter(
        name=name,
        node=node,
        schema=data,
        types=(kinds,) if isinstance(kinds, str) else tuple(str(kind) for kind in kinds or ()),
        required=needed and default is None,
        default=default,
        description=str(data.get("description", "")),
    )
    if default is not None:
        check_value(parameter, default, (*path, "default"), report, "its own default")
    return parameter


def check_value(
    parameter: Parameter, node: Node, path: Path, report: Report, what: str = ""
) -> None:
    """Report where a value does not fit its parameter. What an expression will give is not known
    yet: the place where it is put is checked like any other."""
    told = what or f"parameter {parameter.name}"
    if has_expression(node):
        text = isinstance(node, Scalar) and not is_whole(str(node.value))
        if text and parameter.types and "string" not in parameter.types:
            report.mistake(
                node,
                path,
                "bad_value",
                f"expected a value of type {describe_parameter(parameter)}, but got a "
                f"text, for {told}",
            )
        return
    validator = compile_schema(parameter.schema)
    for error in validator.iter_errors(node.data):
        inner = tuple(error.instance_path)
        report.mistake(
            find(node, inner),
            (*path, *inner),
            "bad_value",
            f"{problem_message(error)}, for {told}",
        )


def has_expression(node: Node) -> bool:
    """Tell whether a value holds an expression that is worked out at run time."""
    return any(_expressions(str(scalar.value)) for scalar, _ in strings_in(node, ()))


def _expressions(text: str) -> bool:
    if not is_template(text):
        return False
    try:
        return any(piece.is_expression for piece in split(text))
    except ExpressionError:
        return True


def is_whole(text: str) -> bool:
    """Tell whether a text is one whole `${{ }}`."""
    try:
        pieces = split(text)
    except ExpressionError:
        return False
    return len(pieces) == 1 and pieces[0].is_expression


def arguments_of(
    wanted: Wanted, given: Node | None, use: Argument, report: Report
) -> dict[str, Argument] | None:
    """Match what a use gives (its `with`) with the parameters; None after a mistake.

    `use` is the value of the `use` and its path.
    """
    before = report.count
    parameters = wanted.parameters
    with_path = (*use.path[:-1], "with")
    entries: dict[str, Node] = {}
    if isinstance(given, Mapping):
        entries = given.entries
        for name in entries:
            if name not in parameters:
                _refuse_unknown(name, given, with_path, wanted, report)
    elif given is not None:
        wrong_type(given, with_path, report, "the parameters of the template (a mapping)")
        return None
    found: dict[str, Argument] = {}
    for name, parameter in parameters.items():
        value = entries.get(name)
        path = (*with_path, name)
        if value is not None:
            what = f"parameter {name} of template {wanted.template}, line {parameter.node.line}"
            check_value(parameter, value, path, report, what)
            found[name] = Argument(value, path)
        elif parameter.default is not None:
            found[name] = Argument(parameter.default, path, own=True)
        elif parameter.required:
            report.mistake(
                use.node,
                use.path,
                "missing",
                f"expected parameter {quoted(name)} of template {wanted.template} "
                f"({describe_parameter(parameter)}), but it is not given",
                f"write with: {{{name}: …}}",
            )
        else:
            found[name] = Argument(scalar_at(use.node, None), path, own=True)
    return found if report.count == before else None


def _refuse_unknown(name: str, node: Mapping, path: Path, wanted: Wanted, report: Report) -> None:
    known = ", ".join(wanted.parameters) or "none"
    report.mistake(
        node.key(name),
        (*path, name),
        "unknown_parameter",
        f"expected a parameter of template {wanted.template}, but {quoted(name)} is none",
        report.meant(name, wanted.parameters) or f"it has {known}",
    )


def describe_parameter(parameter: Parameter) -> str:
    """Say the type of a parameter in a word or two."""
    return " or ".join(parameter.types) or "any value"


def sample_of(parameter: Parameter, place: Node) -> Node:
    """Make up a value, to check a template by itself."""
    schema = parameter.schema
    values: Any = schema.get("enum") or schema.get("examples")
    if isinstance(values, list) and values:
        sample = values[0]
    elif "const" in schema:
        sample = schema["const"]
    else:
        sample = _SAMPLES[parameter.types[0]] if parameter.types else "sample"
    return _made(sample, place)


def _made(value: Any, place: Node) -> Node:
    node: Node
    if isinstance(value, dict):
        node = mapping_of(
            place, **{str(name): _made(inner, place) for name, inner in value.items()}
        )
    elif isinstance(value, list):
        node = Sequence(
            [_made(inner, place) for inner in value], place.line, place.column, place.offset
        )
    else:
        node = scalar_at(place, value)
    node.origin = SAMPLE
    return node
