"""A client that is not connected yet."""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from stretto.bus.connection import Connection, connect
from stretto.bus.credentials import Credentials


class Closes(Protocol):
    """What is made over a connection, and closes it."""

    async def close(self) -> None: ...


C = TypeVar("C", bound=Closes)


class Connecting(Generic[C]):
    """A connection to be made: `async with` it, or `await` it. Gives what `make` makes of it."""

    def __init__(
        self,
        make: Callable[[Connection], C],
        *,
        url: str,
        name: str,
        credentials: Credentials | None,
        inbox_prefix: str,
        timeout_s: float,
    ) -> None:
        self._make = make
        self._url = url
        self._name = name
        self._credentials = credentials
        self._inbox_prefix = inbox_prefix
        self._timeout_s = timeout_s
        self._made: C | None = None

    def __await__(self) -> Generator[Any, None, C]:
        return self._connect().__await__()

    async def __aenter__(self) -> C:
        self._made = await self._connect()
        return self._made

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._made is not None
        await self._made.close()

    async def _connect(self) -> C:
        connection = await connect(
            self._url,
            self._name,
            credentials=self._credentials,
            inbox_prefix=self._inbox_prefix,
            timeout_s=self._timeout_s,
        )
        return self._make(connection)
