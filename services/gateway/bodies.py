"""What is sent to the API, and how it is read: strict, and payloads as they come."""

from typing import Any, TypeVar

import msgspec
from fastapi import Request

from services.gateway.problems import Refused
from stretto.contracts.payload import NULL
from stretto.contracts.subjects import MAX_NAME_CHARS, is_name
from stretto.contracts.unreadable import UNREADABLE

T = TypeVar("T")

YAML_TYPES = frozenset({"application/yaml", "application/x-yaml"})
"""Not text/plain or text/yaml: those a page of another site could send without asking."""


class StartBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Start a run. `wait`: answer when the workflow service has taken it (or refused it)."""

    workflow: str
    namespace: str = "default"
    input: msgspec.Raw = NULL
    id: str | None = None
    run_id: str | None = None
    version: int | str | None = None
    labels: dict[str, str] = {}
    wait: bool = True


class ControlBody(msgspec.Struct, frozen=True, kw_only=True):
    """Tell a run what to do. Further fields belong to the command: they are passed on."""

    command: str
    namespace: str = "default"
    reason: str | None = None
    by: str | None = None
    """Who asks; where callers have tokens, it is the holder's name, whatever is said here."""
    step: str | None = None
    name: str | None = None
    payload: msgspec.Raw = NULL
    to: str | None = None
    pause: bool = False
    version: int | None = None
    version_label: str | None = None


class SourceBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A definition, as YAML in a string."""

    source: str
    namespace: str = "default"


async def read_json(request: Request, kind: type[T]) -> T:
    """Read a JSON body.

    Raises:
        Refused: another content type (a form of some other site could send it), or another shape.
    """
    if media_type(request) != "application/json":
        raise Refused(415, "media_type", "expected a body of application/json")
    return decode(await request.body(), kind)


def decode(data: bytes, kind: type[T]) -> T:
    """Read JSON; raises Refused that says where it is wrong."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise Refused(422, "request_invalid", f"expected {_named(kind)}, but {error}") from None
    except UNREADABLE as error:
        raise Refused(400, "request_unreadable", f"expected JSON, but {error}") from None


def _named(kind: Any) -> str:
    """What a body has to be, for people: the names of its fields rather than of our class."""
    fields = getattr(kind, "__struct_fields__", None)
    if fields is not None:
        return f"an object with the fields {', '.join(fields)}"
    return "a text" if kind is str else "an object"


async def yaml_text(request: Request) -> str | None:
    """The text of a body that is YAML; None: its content type is another one.

    Raises:
        Refused: it is not UTF-8.
    """
    if media_type(request) not in YAML_TYPES:
        return None
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise Refused(400, "request_unreadable", f"expected UTF-8, but {error}") from None


def media_type(request: Request) -> str:
    """The content type without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def named(what: str, name: str) -> str:
    """Give a name back; raises Refused if it cannot be one: it becomes a part of a subject."""
    if not is_name(name):
        raise Refused(
            422,
            "name_invalid",
            f"expected the {what} to be a name of [a-z0-9][a-z0-9_-]* with at most "
            f"{MAX_NAME_CHARS} characters",
        )
    return name
