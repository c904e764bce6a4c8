"""A program in place of a service: answers `/readyz`, and does as it is told by arguments.

`stand_in.py ok` is ready at once. `never` is never ready. `exit` ends with code 7 before it is
ready. `deaf` is ready and ignores SIGTERM. `page` listens on `STRETTO_HTTP_PORT`, too.
What it was given is written as JSON to its output.
"""

import asyncio
import json
import os
import signal
import sys


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    status = "503 Service Unavailable" if sys.argv[1] == "never" else "200 OK"
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
    await writer.drain()
    writer.close()


async def _main() -> None:
    given = {k: v for k, v in os.environ.items() if k.startswith(("STRETTO_", "OTEL_"))}
    print(json.dumps({"pid": os.getpid(), "environment": given}), flush=True)
    if sys.argv[1] == "exit":
        print("cannot go on", flush=True)
        sys.exit(7)
    if sys.argv[1] == "page":
        await asyncio.start_server(_answer, "127.0.0.1", int(os.environ["STRETTO_HTTP_PORT"]))
    port = int(os.environ["STRETTO_HEALTH_PORT"])
    server = await asyncio.start_server(_answer, "127.0.0.1", port)
    stop = asyncio.Event()
    heard = (lambda: None) if sys.argv[1] == "deaf" else stop.set
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, heard)
    await stop.wait()
    server.close()
    print("ended in order", flush=True)


asyncio.run(_main())
