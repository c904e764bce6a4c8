"""What a run remembers of the steps whose output may be reused."""


class Reuse:
    """Under which key a step looked for what an equal one gave; what it gives is kept under it."""

    __slots__ = ("for_s", "key", "source", "task", "value")

    def __init__(self, task: str, key: str, for_s: float, value: bytes | None) -> None:
        self.task = task
        self.key = key
        self.for_s = for_s
        self.value = value
        """What was worked out for the step, until it begins: its input."""
        self.source: tuple[str, str] | None = None
        """The run, and the step of it, that gave what was found."""


class Reuses:
    """What a run has to know so that steps of others can reuse what its own have given."""

    __slots__ = ("anew", "kept")

    def __init__(self) -> None:
        self.kept: dict[str, Reuse] = {}
        """By path: steps that have given something, and under which key it is kept."""
        self.anew: set[str] = set()
        """Steps of the run's own scope that it went back to: they are done, not reused."""
