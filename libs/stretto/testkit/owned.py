"""What holds for every server that is started here, however it starts and stops."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from .process import ChildProcess


class OwnedServer(ABC):
    """A server in a directory of ours, listening on one port of this machine.

    Args:
        data_dir: where it keeps what it has, and its log; made when missing.
        port: None takes a free one at the first start and keeps it.
    """

    def __init__(self, data_dir: Path | str, port: int | None) -> None:
        self.data_dir = Path(data_dir).resolve()
        self._fixed_port = port
        self._port = port
        self._child: ChildProcess

    @property
    def port(self) -> int:
        """The client port; known after the first start, or from the beginning when given."""
        if self._port is None:
            raise AssertionError("the port is known after the first start")
        return self._port

    @property
    def pid(self) -> int | None:
        """The pid of the running server, None when it is not running."""
        return self._child.pid

    @property
    def log_path(self) -> Path:
        """Where the server's output goes."""
        return self._child.log_path

    @abstractmethod
    async def start(self) -> None:
        """Start the server and return when it answers."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop the server in order. Twice is fine."""

    async def restart(self) -> None:
        """Stop and start on the same port and data."""
        await self.stop()
        await self.start()

    async def wait(self) -> int:
        """Wait until the server has ended, for whatever reason; return its exit code."""
        return await self._child.wait()
