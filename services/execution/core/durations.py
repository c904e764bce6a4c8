"""How long tasks take, roughly: it decides whether they share a message."""

LONG_US = 200_000
"""A task that takes longer goes alone: a message costs nothing beside it, and when its worker dies
no other is run again with it. Twenty that take 50 ms each are begun within 0.1 ms when they share a
message, within 1.5 ms when each has its own."""

WEIGHT = 0.2
"""Of the newest sample; about ten samples make a habit."""

MAX_TASKS = 10_000
"""Names come from definitions; so many are remembered, then all are learned again."""


class Durations:
    """A running mean for each task, by namespace and name."""

    def __init__(self) -> None:
        self._mean_us: dict[tuple[str, str], float] = {}

    def learn(self, namespace: str, task: str, took_us: int) -> None:
        """Take a sample."""
        key = (namespace, task)
        mean = self._mean_us.get(key)
        if mean is None and len(self._mean_us) >= MAX_TASKS:
            self._mean_us.clear()
        self._mean_us[key] = took_us if mean is None else mean + WEIGHT * (took_us - mean)

    def is_long(self, namespace: str, task: str) -> bool:
        """Whether a task is known to take long."""
        return self._mean_us.get((namespace, task), 0.0) > LONG_US
