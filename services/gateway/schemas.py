"""JSON Schemas of the types that are sent. `msgspec.json.schema` cannot write defaults that are raw
JSON, as payloads have them."""

from typing import Any

from msgspec import inspect as mi

SIMPLE: dict[type, dict[str, Any]] = {
    mi.AnyType: {},
    mi.RawType: {"description": "any JSON"},
    mi.NoneType: {"type": "null"},
    mi.BoolType: {"type": "boolean"},
    mi.IntType: {"type": "integer"},
    mi.FloatType: {"type": "number"},
    mi.StrType: {"type": "string"},
    mi.DateTimeType: {"type": "string", "format": "date-time"},
}


class Schemas:
    """Collects the schemas of structs, each under its name, with references between them.

    Args:
        prefix: of the references, e.g. `#/components/schemas/`.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.components: dict[str, dict[str, Any]] = {}

    def add(self, type_: type) -> None:
        """Add a struct and all that it refers to."""
        self._schema(mi.type_info(type_))

    def _schema(self, info: mi.Type) -> dict[str, Any]:
        simple = SIMPLE.get(type(info))
        if simple is not None:
            return dict(simple)
        match info:
            case mi.StructType():
                return self._struct(info)
            case mi.ListType() | mi.VarTupleType():
                return {"type": "array", "items": self._schema(info.item_type)}
            case mi.DictType():
                return {
                    "type": "object",
                    "additionalProperties": self._schema(info.value_type),
                }
            case mi.UnionType():
                return {"anyOf": [self._schema(t) for t in info.types]}
            case mi.LiteralType():
                return {"enum": sorted(info.values)}
            case _:
                raise AssertionError(f"a type that is not sent anywhere yet: {info}")

    def _struct(self, info: mi.StructType) -> dict[str, Any]:
        name = info.cls.__name__
        if name not in self.components:
            schema: dict[str, Any] = {"title": name, "type": "object"}
            self.components[name] = schema  # before its fields: they may refer to it
            if info.cls.__doc__:
                schema["description"] = " ".join(info.cls.__doc__.split())
            schema["properties"] = {f.encode_name: self._schema(f.type) for f in info.fields}
            schema["required"] = [f.encode_name for f in info.fields if f.required]
            if info.forbid_unknown_fields:
                schema["additionalProperties"] = False
        return {"$ref": self._prefix + name}
