"""Exit with 0 when the service in this container can work, else with 1: the image's health check.

Asks /readyz with as little of Python as there is: it runs every few seconds, for ever.
"""

import os
import socket
import sys

TIMEOUT_S = 4.0
DEFAULT_PORT = 8081

try:
    port = int(os.environ.get("STRETTO_HEALTH_PORT") or DEFAULT_PORT)
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
        connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = connection.recv(4096)
except (OSError, ValueError) as error:
    sys.exit(f"expected /readyz to answer, but: {error}")
status, _, body = answer.partition(b"\r\n\r\n")
sys.stdout.write(body.decode(errors="replace"))
sys.exit(0 if status.split(b" ")[1:2] == [b"200"] else 1)
