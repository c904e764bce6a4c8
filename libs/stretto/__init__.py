"""Stretto: durable workflow orchestration over NATS.

The public names are `Client` and `Worker`, and what handlers of a worker are written with:
`Context` and `NonRetryable`. They are imported on first use, so that a service that needs none of
them pays for none. More is in `stretto.client`, `stretto.worker` and `stretto.testing`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stretto.client import Client
    from stretto.worker import Context, NonRetryable, Worker

__all__ = ["Client", "Context", "NonRetryable", "Worker", "__version__"]

_HOMES = {
    "Client": "stretto.client",
    "Context": "stretto.worker",
    "NonRetryable": "stretto.worker",
    "Worker": "stretto.worker",
}

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"expected one of {__all__}, but stretto has no attribute {name!r}")
