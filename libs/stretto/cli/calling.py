"""What commands share: options, where the bus is, running a coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from stretto.client import Client
from stretto.client.client import URL_VARIABLE
from stretto.client.starting import check_name
from stretto.dev.plan import DEFAULT_DATA
from stretto.dev.ready_file import read_ready

NAMESPACE_VARIABLE = "STRETTO_NAMESPACE"

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Call:
    """What every command that talks to the bus was told.

    Attributes:
        url: where the bus is; None: what the client takes when nobody says anything.
        json: answer in JSON.
    """

    url: str | None
    namespace: str
    json: bool

    def client(self) -> Any:
        """Connect, as `async with call.client() as client`."""
        return Client.connect(self.url, self.namespace, name="stretto-cli")


def found_bus(given: str | None) -> str | None:
    """Return where the bus is: as given, else where the `stretto dev` of this folder runs."""
    if given:
        return given
    ready = read_ready(DEFAULT_DATA)
    return ready.nats if ready else None


def call_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a plain function the options of all commands that may talk to the bus.

    It gets a `Call` as its first argument.
    """

    @click.option("--nats", envvar=URL_VARIABLE, metavar="URL", help="Where the bus is.")
    @click.option(
        "--namespace",
        "-n",
        envvar=NAMESPACE_VARIABLE,
        default="default",
        show_default=True,
        metavar="NAME",
        help="Whose workflows, runs and schedules.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
    @wraps(function)
    def command(nats: str | None, namespace: str, as_json: bool, **options: Any) -> None:
        check_name("namespace", namespace)
        function(Call(nats, namespace, as_json), **options)

    return command


def bus_command(function: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Give a coroutine function the options of all commands that talk to the bus, and run it.

    It gets a `Call` as its first argument.
    """

    @call_options
    @wraps(function)
    def command(call: Call, **options: Any) -> None:
        asyncio.run(function(replace(call, url=found_bus(call.url)), **options))

    return command


def data_option(command: Command) -> Command:
    """Add `--data`: where a `stretto dev` on this machine keeps its state."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        default=DEFAULT_DATA,
        show_default=True,
        help="Where `stretto dev` keeps its state.",
    )(command)
