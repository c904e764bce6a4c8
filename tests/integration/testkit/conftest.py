"""A cluster made once: initdb is most of the time of starting Postgres anew."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stretto.testkit.servers import PostgresServer


@pytest.fixture(scope="session")
def prepared_cluster() -> Iterator[Path]:
    """Give the data directory of a server that was started and stopped once."""
    path = Path(tempfile.mkdtemp(prefix="stretto-"))
    server = PostgresServer(path, settings={"fsync": "off"})
    with asyncio.Runner() as runner:
        runner.run(server.start())
        runner.run(server.stop())
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def postgres_dir(prepared_cluster: Path, data_dir: Path) -> Path:
    """Give a data directory with a cluster in it, owners included."""
    path = data_dir / "postgres"
    subprocess.run(["cp", "-a", "--reflink=auto", prepared_cluster, path], check=True)
    return path
