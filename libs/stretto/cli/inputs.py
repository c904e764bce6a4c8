"""The input of a run, from the command line.

::

    -i name=Ada -i total=12.5 -i items='["a", "b"]'    values are JSON where they parse, else text;
                                                       one that begins as JSON has to be JSON
    -i order.address.city=Bern                         dots go into objects
    -i @order.json                                     all of a file; later ones are put over it
    --input-json '{"name": "Ada"}'                     all of it, `-` for stdin
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

_BEGINNINGS = frozenset('{["')
"""How the JSON of objects, arrays and texts begins."""

Command = TypeVar("Command", bound=Callable[..., Any])


def input_options(command: Command) -> Command:
    """Add `-i` and `--input-json`; `read_input` makes the input of both."""
    several = click.option(
        "-i",
        "--input",
        "inputs",
        multiple=True,
        metavar="KEY=VALUE",
        help="A field of the input: JSON where it parses, else text. @FILE: all of a JSON file.",
    )
    whole = click.option(
        "--input-json", metavar="JSON", help="The whole input as JSON; - reads it from stdin."
    )
    return several(whole(command))


def read_input(inputs: Sequence[str], whole: str | None, over: Any = None) -> Any:
    """Make the input of what was given, put over `over`; None when nothing was.

    Raises:
        click.UsageError: something is no JSON, or does not fit together.
    """
    value: Any = over
    if whole is not None:
        text = sys.stdin.read() if whole == "-" else whole
        value = _json(text, "--input-json")
    for given in inputs:
        if given.startswith("@"):
            value = _merged(value, _file(given[1:]), given)
        else:
            key, separator, text = given.partition("=")
            if not separator or not key:
                raise click.UsageError(f"expected -i to be like key=value, but got {given!r}")
            value = _merged(value, _nested(key.split("."), _value(key, text)), given)
    return value


def _merged(old: Any, new: Any, given: str) -> Any:
    """Put an object over another, key by key; anything over nothing."""
    if old is None:
        return new
    if not isinstance(old, dict) or not isinstance(new, dict):
        raise click.UsageError(
            f"expected objects to put together, but -i {given} meets something else"
        )
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value, given) if both else value
    return merged


def _nested(path: list[str], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return dict(value)


def _value(key: str, text: str) -> Any:
    """JSON, or text that does not look like it: half an object is a mistake, not a text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip()[:1] in _BEGINNINGS:
            raise click.UsageError(
                f"expected the value of -i {key} to be JSON, because it begins with "
                f"{text.lstrip()[0]}, but {error}. As a text: -i '{key}={json.dumps(text)}'"
            ) from None
        return text


def _file(name: str) -> Any:
    try:
        text = Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"expected to read {name}, but: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"expected {name} to be text, but it is not") from None
    return _json(text, name)


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"expected {what} to be JSON, but {error}") from None
