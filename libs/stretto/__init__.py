"""Stretto: durable workflow orchestration over NATS.

The public names are `Client` and `Worker`; they are imported on first use, so that a service that
needs neither pays for neither.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stretto.client import Client
    from stretto.worker import Worker

__all__ = ["Client", "Worker", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name == "Client":
        from stretto.client import Client

        return Client
    if name == "Worker":
        from stretto.worker import Worker

        return Worker
    raise AttributeError(f"expected one of {__all__}, but stretto has no attribute {name!r}")
