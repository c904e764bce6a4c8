"""Real servers as child processes, for ``stretto dev`` and for tests.

::

    server = NatsServer(data_dir)          # or PostgresServer(data_dir), RedisServer(data_dir)
    await server.start()                   # returns when it really answers
    server.url / server.dsn, server.pid, server.log_path
    await server.kill()                    # as a crash would; start() again on the same data
    await server.stop()

All listen on the loopback address only, keep their data in ``data_dir`` between starts (but Redis:
it is a cache), and end when the process that started them ends, however it ends.
"""

from .nats_server import NatsServer
from .postgres_server import PostgresServer
from .process import ServerFailed
from .redis_server import RedisServer

__all__ = ["NatsServer", "PostgresServer", "RedisServer", "ServerFailed"]
