"""A server that is one process and listens on one port: the same life for all of them.

::

    start: take the directory ─► stop what was left behind ─► choose ports ─► spawn ─► it answers
                                                                   ▲            │ port taken
                                                                   └────────────┘
"""

from __future__ import annotations

import asyncio
import signal
import time
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from .owned import OwnedServer
from .ports import free_port
from .process import POLL_S, ChildProcess

START_TIMEOUT_S = 30.0  # a store of many gigabytes is read before a server listens
STOP_TIMEOUT_S = 15.0
_ATTEMPTS = 5
_PORT_TAKEN = "address already in use"


class SingleProcessServer(OwnedServer):
    """See the module's docstring; made by ``NatsServer`` and ``RedisServer``.

    Args:
        name: of the log, pid and lock files in ``data_dir``.
        port: None takes a free one at the first start and keeps it.
        death_signal: what it gets when this process dies.
    """

    _usual: ClassVar[Mapping[str, str]] = {}
    """Variables of its process that the environment of this one overrides."""

    def __init__(
        self, name: str, data_dir: Path | str, port: int | None, death_signal: signal.Signals
    ) -> None:
        super().__init__(data_dir, port)
        self._child = ChildProcess(name, self.data_dir, death_signal=death_signal)

    async def start(self) -> None:
        """Start the server and return when it answers.

        Raises:
            ServerFailed: it ended or did not answer in time (with the tail of its log), the
                directory is in use, or the program is not installed.
        """
        if self._child.pid is not None:
            return
        self._child.acquire()
        try:
            await self._child.end_left_behind(STOP_TIMEOUT_S)
            attempt = 0
            while True:
                attempt += 1
                self._choose_ports()
                self._child.spawn(self._command(), usual=self._usual)
                if await self._became_ready():
                    return
                taken = _PORT_TAKEN in self._child.log_tail().lower()
                if attempt == _ATTEMPTS or not taken or self._fixed_port is not None:
                    code = self._child.exit_code
                    raise self._child.failure("start", f"it ended with exit code {code}")
                self._forget_ports()  # somebody else took a free port first: take others
        except BaseException:
            await self._child.kill(STOP_TIMEOUT_S)
            self._child.release()
            raise

    async def stop(self) -> None:
        """Stop the server: in order, and by force when it takes too long. Twice is fine."""
        await self._child.stop([(signal.SIGTERM, STOP_TIMEOUT_S), (signal.SIGKILL, STOP_TIMEOUT_S)])
        self._child.release()

    async def kill(self) -> None:
        """Kill the server (SIGKILL), as a crash would."""
        await self._child.kill(STOP_TIMEOUT_S)

    @abstractmethod
    def _command(self) -> list[str]:
        """The program with its arguments; files that it needs are written."""

    @abstractmethod
    async def _answers(self) -> bool:
        """Whether this server, and no other on its port, answers now."""

    def _choose_ports(self) -> None:
        if self._port is None:
            self._port = free_port()

    def _forget_ports(self) -> None:
        self._port = None

    async def _became_ready(self) -> bool:
        """Wait until the server answers (True) or has ended (False)."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._child.pid is None:
                return False
            if await self._answers():
                return True
            await asyncio.sleep(POLL_S)
        raise self._child.failure("start", f"it did not answer within {START_TIMEOUT_S:.0f} s")
