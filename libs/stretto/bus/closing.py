"""`async with` for what is closed at its end."""

from types import TracebackType
from typing import Self


class Closing:
    """Is closed when its block is left, however that is."""

    async def close(self) -> None:
        """Stop; said by what is closed."""
        raise AssertionError(f"{type(self).__name__} does not say how it is closed")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
