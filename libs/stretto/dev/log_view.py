"""The logs of all processes as they grow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

LOOK_EVERY_S = 0.2
MAX_READ_BYTES = 1024 * 1024
"""Read at once from one log: what is more comes with the next look."""


class LogView:
    """Gives the lines that are written to `<directory>/*.log` from now on."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[Path, int] = {path: path.stat().st_size for path in self._logs()}

    def new_lines(self) -> list[tuple[str, str]]:
        """Return the lines since the last call: name of the process and text. Whole lines only."""
        found: list[tuple[str, str]] = []
        for path in self._logs():
            at = self._read.get(path, 0)
            if path.stat().st_size < at:
                at = 0  # put aside and begun anew
            with path.open("rb") as log:
                log.seek(at)
                content = log.read(MAX_READ_BYTES)
            whole = content[: content.rfind(b"\n") + 1]
            if not whole and len(content) == MAX_READ_BYTES:
                whole = content  # one line that is longer than anybody reads
            self._read[path] = at + len(whole)
            text = whole.decode(errors="replace")
            found += [(path.stem, line) for line in text.splitlines()]
        return found

    async def follow(self, show: Callable[[str, str], None]) -> None:
        """Call `show(process, line)` for each new line; never returns."""
        while True:
            for name, line in self.new_lines():
                show(name, line)
            await asyncio.sleep(LOOK_EVERY_S)

    def _logs(self) -> list[Path]:
        return sorted(self._directory.glob("*.log"))
