"""What the workflows took in the past, in memory; told to Postgres with the statistics."""

from collections.abc import Mapping

import msgspec

from services.monitoring.core.past import Past, learn
from services.monitoring.core.projection import RunProjection
from stretto.contracts.codec import json_encode

DURATIONS = "durations/"
"""Beginning of the keys under which they are kept, one a workflow."""

MAX_WORKFLOWS = 500
"""Workflows that are remembered; one that comes after them has no estimate."""

LEARN_EVERY_US = 50_000
"""Of each workflow at most one run in this time is learnt from: with more there is nothing new in
them, and a busy system has other things to do."""

_decode = msgspec.json.Decoder(Past).decode


class Durations:
    """Learns from runs that completed; by namespace and workflow."""

    def __init__(self) -> None:
        self._past: dict[tuple[str, str], Past] = {}
        self._learnt_us: dict[tuple[str, str], int] = {}
        self._changed: set[tuple[str, str]] = set()

    def get(self, namespace: str, workflow: str) -> Past | None:
        """What is known of a workflow; None: no run of it has completed."""
        return self._past.get((namespace, workflow))

    def learn(self, run: RunProjection) -> None:
        """Count a run that completed, unless one of the workflow was counted a moment ago."""
        key = (run.namespace, run.workflow)
        if 0 <= run.closed_us - self._learnt_us.get(key, -LEARN_EVERY_US) < LEARN_EVERY_US:
            return
        past = self._past.get(key)
        if past is None:
            if len(self._past) >= MAX_WORKFLOWS:
                return
            past = self._past[key] = Past()
        self._learnt_us[key] = run.closed_us
        self._changed.add(key)
        learn(past, run)

    def changed(self) -> dict[str, bytes]:
        """What is to be written since the last call, by key."""
        found = {key_of(*key): json_encode(self._past[key]) for key in self._changed}
        self._changed.clear()
        return found

    def restore(self, kept: Mapping[str, bytes]) -> None:
        """Go on with what was kept."""
        for key, value in kept.items():
            namespace, _, workflow = key.removeprefix(DURATIONS).partition("/")
            self._past[namespace, workflow] = _decode(value)

    def clear(self) -> None:
        """Forget everything: a rebuild learns it again."""
        self._past.clear()
        self._learnt_us.clear()
        self._changed.clear()


def key_of(namespace: str, workflow: str) -> str:
    """Under which key a workflow is kept."""
    return f"{DURATIONS}{namespace}/{workflow}"


def past_of(value: bytes | None) -> Past | None:
    """Read what is kept of one workflow."""
    return None if value is None else _decode(value)
