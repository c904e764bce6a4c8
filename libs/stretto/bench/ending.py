"""Wait for a run of the benchmark, and say why it is open when it does not end."""

from __future__ import annotations

import msgspec

from stretto.client import Run
from stretto.runtime.errors import PermanentError, StrettoError


class NotEnded(PermanentError):
    """A run did not end in the time that it was given."""


async def ended(run: Run, give_up_s: float) -> None:
    """Wait until a run is completed.

    Raises:
        NotEnded: it is still open after `give_up_s`; the text says what it waits for.
        RunFailed: it ended otherwise.
    """
    try:
        await run.result(give_up_s)
    except TimeoutError as error:
        raise NotEnded(
            "bench.not_ended",
            f"expected run {run.id} to end within {give_up_s:g} s, but it is open: "
            f"{await _explained(run)}",
        ) from error


async def _explained(run: Run) -> str:
    try:
        return msgspec.json.encode((await run.explain()).get("pending", [])).decode()
    except StrettoError as error:
        return f"and why cannot be told: {error}"
