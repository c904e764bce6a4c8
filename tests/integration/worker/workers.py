"""Workers of the tests."""

from typing import Any

from stretto.worker import Worker

from .desk import QUEUE


def make_worker(url: str, **more: Any) -> Worker:
    return Worker(queue=QUEUE, url=url, **more)
