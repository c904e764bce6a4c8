"""Where scenes are played: the real cores, which stand beside the services and are loaded by name.

A library never imports a service (architecture, boundaries). The engine of tests is made of two
services' cores, so it lives with them, in `services.testing`, and is found here by its name when a
test begins: see docs/adr/0012. Nothing else in the libraries names it.
"""

from importlib import import_module
from typing import Any, Protocol

from stretto.runtime.errors import PermanentError
from stretto.testing.replayed import Recording, Replayed
from stretto.testing.replies import Attempt, Fails
from stretto.testing.scene import Outcome, Scene

ENGINE = "services.testing"


class PlayedRun(Protocol):
    """A run of a world. Reads only: what happens to it is said to the world."""

    @property
    def status(self) -> str: ...

    @property
    def output(self) -> Any: ...

    @property
    def steps(self) -> dict[str, str]:
        """The status of every step that the run has come to."""

    def output_of(self, path: str) -> Any: ...

    def story(self, *types: str) -> list[str]: ...

    def at(self, told: str) -> float: ...


class World(Protocol):
    """Definitions, runs and a clock that is moved."""

    attempts: list[Attempt]
    emitted: list[tuple[str, Any]]

    def start(self, workflow: str | None = None, value: Any = None) -> PlayedRun: ...

    def complete(self, run: Any, path: str, output: Any = None) -> None: ...

    def fail(self, run: Any, path: str, fails: Fails | None = None) -> None: ...

    def signal(self, run: Any, name: str, payload: Any = None) -> None: ...

    def control(self, run: Any, command: str, **fields: Any) -> None: ...

    def advance(self, seconds: float) -> None: ...

    def finish(self, run: Any = None) -> PlayedRun: ...


class Engine(Protocol):
    """What `services.testing` gives."""

    def play(self, scene: Scene) -> Outcome: ...

    def replay(self, source: str, recordings: list[Recording]) -> list[Replayed]: ...

    def World(
        self, *definitions: str, tasks: Any = None, steps: Any = None, devices: Any = ()
    ) -> World: ...


def engine() -> Engine:
    """Load the engine.

    Raises:
        PermanentError: the services, or what they need, are not installed here.
    """
    try:
        found: Any = import_module(ENGINE)
    except ModuleNotFoundError as error:
        raise PermanentError(
            "testing.not_installed",
            f"expected the cores of the services to be installed, but {error.name} is not: "
            "pip install 'stretto[workflow,decision]'",
        ) from error
    loaded: Engine = found
    return loaded
