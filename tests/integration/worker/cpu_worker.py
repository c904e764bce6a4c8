"""A worker whose handler runs in another process."""

import os

from stretto import Worker

worker = Worker(queue="q", name="cpu")


@worker.task("pid", cpu=True)
def pid() -> int:
    return os.getpid()
