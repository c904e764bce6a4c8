"""How inputs become arguments."""

import dataclasses
from functools import partial
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest

from stretto.worker import Context, HandlerRefused, InvalidInput
from stretto.worker.binding import bind


class Card(msgspec.Struct):
    number: str
    limit: int = 10


class Address(pydantic.BaseModel):
    city: str
    zip: int = 0


@dataclasses.dataclass
class Parcel:
    grams: int


class Options(TypedDict):
    fast: bool


class Opaque:
    pass


def read(function: Any, data: bytes) -> dict[str, Any]:
    return bind(function).read(msgspec.Raw(data))


def wrong(function: Any, data: bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        read(function, data)
    return str(caught.value)


def test_fields_go_to_the_parameters_of_their_names() -> None:
    def charge(amount: float, ref: str, *, dry: bool = False, note=None) -> None: ...  # type: ignore[no-untyped-def]

    assert read(charge, b'{"ref":"r","amount":2}') == {
        "amount": 2.0,
        "ref": "r",
        "dry": False,
        "note": None,
    }
    assert read(charge, b'{"ref":"r","amount":2,"dry":true,"note":[1]}')["note"] == [1]


def test_a_wrong_field_is_named() -> None:
    def charge(amount: float, ref: str = "") -> None: ...

    assert "$.amount" in wrong(charge, b'{"amount":"much"}')
    assert "`amount`" in wrong(charge, b"{}")
    assert "`extra`" in wrong(charge, b'{"amount":1,"extra":2}')
    assert "object" in wrong(charge, b"[1]")
    assert "amount" in wrong(charge, b"null")


def test_the_rest_takes_what_no_parameter_takes() -> None:
    def collect(first: int, **rest: Any) -> None: ...

    assert read(collect, b'{"first":1,"b":2,"c":{"d":3}}') == {"first": 1, "b": 2, "c": {"d": 3}}


def test_null_is_the_empty_object() -> None:
    def nothing() -> None: ...
    def whole(card: Options | None = None) -> None: ...

    assert read(nothing, b"null") == {}
    assert read(whole, b"null") == {"card": None}


@pytest.mark.parametrize(
    ("model", "data", "expected"),
    [
        (Card, b'{"number":"4"}', Card("4")),
        (Address, b'{"city":"Bern"}', Address(city="Bern")),
        (Parcel, b'{"grams":5}', Parcel(5)),
        (Options, b'{"fast":true}', {"fast": True}),
    ],
)
def test_a_single_model_is_the_whole_input(model: type, data: bytes, expected: object) -> None:
    def handler(value: Any, ctx: Context) -> None: ...

    handler.__annotations__["value"] = model
    assert read(handler, data) == {"value": expected}
    assert "value" in handler.__annotations__
    with pytest.raises(InvalidInput):
        read(handler, b"null")


def test_models_nest_inside_of_fields() -> None:
    def deliver(parcels: list[Parcel], to: Address, card: Card | None = None) -> None: ...

    got = read(deliver, b'{"parcels":[{"grams":1}],"to":{"city":"Bern"}}')
    assert got == {"parcels": [Parcel(1)], "to": Address(city="Bern"), "card": None}
    message = wrong(deliver, b'{"parcels":[],"to":{"zip":"x"}}')
    assert "city: Field required; zip:" in message
    assert "$.to" in message
    assert "\n" not in message


def test_a_wrong_whole_input_is_invalid() -> None:
    def handler(address: Address) -> None: ...

    assert "value: Input should be a valid dictionary" in wrong(handler, b"[]")


def test_validation_errors_without_fields_are_told_as_they_are() -> None:
    class Even:
        @classmethod
        def model_validate(cls, value: int) -> "Even":
            raise ValueError("expected an even number")

    def handler(n: Any) -> None: ...

    handler.__annotations__["n"] = list[Even]
    assert "an even number" in wrong(handler, b'{"n":[3]}')


def test_a_type_that_json_cannot_be_read_as_is_told() -> None:
    def handler(thing: Opaque, other: int = 0) -> None: ...

    assert "JSON cannot be read as Opaque" in wrong(handler, b'{"thing":1}')


def test_mutable_defaults_are_the_functions_own() -> None:
    default: list[int] = [1]

    def handler(items: list[int] = default) -> None: ...

    assert read(handler, b"{}")["items"] is default


@pytest.mark.parametrize("name", ["ctx", "context"])
def test_the_context_parameter_is_found_by_annotation(name: str) -> None:
    def by_annotation(context: Context, n: int) -> None: ...
    def by_name(ctx, n: int) -> None: ...  # type: ignore[no-untyped-def]

    function = by_name if name == "ctx" else by_annotation
    assert bind(function).context == name
    assert read(function, b'{"n":1}') == {"n": 1}


def test_a_parameter_called_ctx_of_another_type_is_a_field() -> None:
    def handler(ctx: int) -> None: ...

    assert (bind(handler).context, read(handler, b'{"ctx":1}')) == (None, {"ctx": 1})


def test_bound_methods_and_partials_can_be_bound() -> None:
    class Till:
        def charge(self, amount: int) -> None: ...

    assert read(Till().charge, b'{"amount":1}') == {"amount": 1}
    assert read(partial(Till.charge, Till()), b'{"amount":1}') == {"amount": 1}


def test_what_cannot_be_given_by_name_is_refused() -> None:
    def positional(a: int, /) -> None: ...
    def several(*items: int) -> None: ...

    for function in (positional, several):
        with pytest.raises(HandlerRefused, match="given by name"):
            bind(function)


def test_types_that_cannot_be_told_apart_are_refused() -> None:
    def handler(value: Card | Parcel | Address) -> None: ...

    with pytest.raises(HandlerRefused, match="types that JSON can be read as"):
        bind(handler)


def test_annotations_that_name_nothing_are_refused() -> None:
    def handler(value: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(HandlerRefused, match="Nowhere"):
        bind(handler)


def test_input_nested_too_deep_is_invalid() -> None:
    def handler(**rest: Any) -> None: ...

    assert "depth" in wrong(handler, b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}")
