"""Real servers as child processes, for ``stretto dev`` and for tests.

::

    server = NatsServer(data_dir)          # or PostgresServer(data_dir)
    await server.start()                   # returns when it really answers
    server.url / server.dsn, server.pid, server.log_path
    await server.kill()                    # as a crash would; start() again on the same data
    await server.stop()

Both listen on the loopback address only, keep their data in ``data_dir`` between starts, and end
when the process that started them ends, however it ends.
"""

from .nats_server import NatsServer
from .postgres_server import PostgresServer
from .process import ServerFailed

__all__ = ["NatsServer", "PostgresServer", "ServerFailed"]
