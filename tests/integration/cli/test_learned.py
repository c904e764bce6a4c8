"""`stretto learned`: shown, frozen, reset, as somebody at a terminal does it."""

import time
from typing import Any

from ..running import Dev


def shown(dev: Dev, *, frozen: bool) -> dict[str, Any]:
    """Wait until the service has heard it."""
    deadline = time.monotonic() + 20
    while True:
        found: dict[str, Any] = dev.json("learned", "show")
        if found["frozen"] is frozen:
            return found
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_was_learned_is_shown_frozen_and_reset(dev: Dev) -> None:
    assert dev.json("learned", "reset") == {"told": "reset"}
    assert shown(dev, frozen=False)["explore"] == 0.05
    assert "tries another one in 5% of cases" in dev.call("learned", "show").stdout
    assert "Told to every instance: freeze." in dev.call("learned", "freeze").stdout
    shown(dev, frozen=True)
    assert "frozen" in dev.call("learned", "show").stdout
    dev.call("learned", "unfreeze")
    shown(dev, frozen=False)
