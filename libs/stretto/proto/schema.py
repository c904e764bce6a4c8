"""A message type → its JSON Schema (2020-12), self-contained: what it is made of is in `$defs`.

`msgspec.json.schema` has no words for fields and cannot write the default of a raw payload.
"""

from typing import Any, TypeAlias

import msgspec
from msgspec import inspect as mi

from stretto.proto.declared import field_words, words_of
from stretto.proto.field_words import WORDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Json: TypeAlias = dict[str, Any]

_PLAIN: dict[type[mi.Type], str] = {
    mi.StrType: "string",
    mi.IntType: "integer",
    mi.FloatType: "number",
    mi.BoolType: "boolean",
    mi.NoneType: "null",
}


def schema_of(cls: type[msgspec.Struct], *, title: str, identity: str) -> Json:
    """Return the schema document of a message; unknown fields are allowed, readers ignore them."""
    parts: dict[str, Json] = {}
    document = {"$schema": DIALECT, "$id": identity, "title": title, **_object(cls, parts)}
    if parts:
        document["$defs"] = {name: parts[name] for name in sorted(parts)}
    return document


def _object(cls: type[msgspec.Struct], parts: dict[str, Json]) -> Json:
    info = mi.type_info(cls)
    assert isinstance(info, mi.StructType), f"{cls} is a struct"
    own = field_words(cls)
    described: Json = {}
    if words := words_of(cls):
        described["description"] = words
    properties: Json = {}
    for field in info.fields:
        said = own.get(field.name) or WORDS.get(field.name)
        properties[field.encode_name] = _typed(field.type, parts)
        if said:
            properties[field.encode_name]["description"] = said
        default = _default(field)
        if default is not None:
            properties[field.encode_name]["default"] = default
    described |= {"type": "object", "properties": properties}
    if required := [field.encode_name for field in info.fields if field.required]:
        described["required"] = required
    return described


def _default(field: mi.Field) -> object:
    """The default where it says something: not "nothing", not empty."""
    value = field.default
    if value is msgspec.NODEFAULT or value is None or isinstance(value, msgspec.Raw):
        return None
    if isinstance(value, msgspec.Struct):
        value = msgspec.to_builtins(value)
    return value if isinstance(value, bool | int | float) or value else None


def _typed(kind: mi.Type, parts: dict[str, Json]) -> Json:
    if type(kind) in _PLAIN:
        return {"type": _PLAIN[type(kind)]}
    match kind:
        case mi.RawType() | mi.AnyType():
            return {}
        case mi.CustomType(cls=cls) if cls is object:
            return {}
        case mi.DateTimeType():
            return {"type": "string", "format": "date-time"}
        case mi.LiteralType(values=values):
            return {"type": "string", "enum": list(values)}
        case mi.ListType(item_type=item) | mi.VarTupleType(item_type=item):
            return {"type": "array", "items": _typed(item, parts)}
        case mi.TupleType(item_types=items):
            return {
                "type": "array",
                "prefixItems": [_typed(item, parts) for item in items],
                "minItems": len(items),
                "maxItems": len(items),
            }
        case mi.DictType(value_type=value):
            inner = _typed(value, parts)
            return {"type": "object"} | ({"additionalProperties": inner} if inner else {})
        case mi.StructType(cls=cls):
            if cls.__name__ not in parts:
                parts[cls.__name__] = {}  # known from here on: it may hold itself
                parts[cls.__name__] = _object(cls, parts)
            return {"$ref": f"#/$defs/{cls.__name__}"}
        case mi.UnionType(types=types):
            return _one_of([_typed(each, parts) for each in types])
        case _:
            raise TypeError(f"expected a type that JSON messages have, but got {kind}")


def _one_of(kinds: list[Json]) -> Json:
    if all(set(kind) == {"type"} for kind in kinds):
        return {"type": [kind["type"] for kind in kinds]}
    return {"anyOf": kinds}
