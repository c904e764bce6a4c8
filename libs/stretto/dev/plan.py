"""What is to run on this machine: options, services, ports, the environment of each process."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stretto.dev.claims import claim
from stretto.testkit.ports import free_port, is_free

DEFAULT_DATA = Path(".stretto")

USUAL_NATS_PORT = 4222
USUAL_POSTGRES_PORT = 55432
"""Not 5432: a Postgres of the system is often there, and would be met by mistake."""
USUAL_HTTP_PORT = 8080
USUAL_OTLP_PORT = 4318

MAX_INSTANCES = 16
"""Of one service on one machine: more than anybody has cores for."""

DEV_TRACE_RATIO = 1.0
"""Every run is traced: a person who tries something out wants to see it."""


@dataclass(frozen=True)
class ServicePlan:
    """A service: its name and the command that runs one process of it.

    Attributes:
        alone: no more than one process of it (it listens on a port that people know).
        answers: it says on `/readyz` whether it can work; else it is up once it runs.
    """

    name: str
    command: tuple[str, ...]
    alone: bool = False
    answers: bool = True


def _of_module(name: str, *, alone: bool = False) -> ServicePlan:
    # -P: a folder `services` where the person happens to be is not ours.
    return ServicePlan(name, (sys.executable, "-P", "-m", f"services.{name}"), alone)


SERVICES: tuple[ServicePlan, ...] = (
    _of_module("workflow"),
    _of_module("decision"),
    _of_module("execution"),
    _of_module("monitoring"),
    _of_module("gateway", alone=True),
)


def worker_plan(target: str, number: int = 1) -> ServicePlan:
    """Plan the process of `stretto worker TARGET`: a module or file with workers.

    Raises:
        ValueError: it is a file, and is not there.
    """
    if target.endswith(".py") and not Path(target).is_file():
        raise ValueError(f"expected --worker to be a module or a file, but {target} is not there")
    command = (sys.executable, "-P", "-m", "stretto.cli.main", "worker", target)
    return ServicePlan("worker" if number == 1 else f"worker-{number}", command, answers=False)


@dataclass(frozen=True)
class DevOptions:
    """What a person may choose.

    Attributes:
        data: where state is kept between starts.
        scale: number of processes of a service, by name (1 where nothing is said, 0 for none).
        nats, postgres: servers to use in place of embedded ones.
        ready_file: a second place for what `<data>/dev.json` says, while everything is up.
        environment: more variables for every service, over those that are worked out here.
        services: what is run; tests put other programs in place of the services.
        start_timeout_s: how long a process may take to answer for the first time.
    """

    data: Path = DEFAULT_DATA
    scale: Mapping[str, int] = field(default_factory=dict)
    nats: str | None = None
    postgres: str | None = None
    ready_file: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    services: Sequence[ServicePlan] = SERVICES
    start_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuse a scale that cannot be.

        Raises:
            ValueError: an unknown service, or a number out of range; the text says which.
        """
        known = {service.name: service for service in self.services}
        for name, count in self.scale.items():
            if name not in known:
                raise ValueError(
                    f"expected --scale to name one of {', '.join(known)}, but got {name!r}"
                )
            most = 1 if known[name].alone else MAX_INSTANCES
            if not 0 <= count <= most:
                raise ValueError(f"expected --scale {name} to be 0 to {most}, but got {count}")

    def instances(self) -> list[tuple[ServicePlan, str]]:
        """List the processes to run: the service and a name for its log (`workflow-2`)."""
        return [
            (service, service.name if number == 1 else f"{service.name}-{number}")
            for service in self.services
            for number in range(1, self.scale.get(service.name, 1) + 1)
        ]


@dataclass(frozen=True)
class Endpoints:
    """Where everything is; None: not there."""

    nats: str
    postgres: str
    http: str | None = None
    otlp: str | None = None


def port_near(usual: int, before: int | None = None) -> int:
    """Return the port that was had before, else the usual one, or a free one when somebody has
    them, or is about to."""
    if before not in (None, usual) and is_free(before):  # one of many: nobody else wants just that
        return before
    return usual if is_free(usual) and claim(usual) else free_port()
