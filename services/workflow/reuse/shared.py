"""Redis in front of the kept outputs, where there is one: instances share what they have looked up.

Believed for a minute at most. What a commit has changed and what is purged is dropped from it,
beside and after the fact, as far as it can be reached: who looks meanwhile may be given what was
kept a moment before, or for that minute, when it was away.
"""

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from services.workflow.reuse.noting import KeptKey, KeptOutput
from services.workflow.reuse.outputs import KeptOutputs
from stretto.cache import SharedCache
from stretto.contracts.unreadable import UNREADABLE

PURPOSE = "reuse:1"
"""Of the keys in Redis, with the version of what they hold."""

BELIEVED_S = 60.0
"""How long Redis may say what Postgres does not any more."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(KeptOutput).decode


class SharedOutputs:
    """Finds kept outputs in Redis first; None: there is none."""

    def __init__(self, outputs: KeptOutputs, shared: SharedCache | None) -> None:
        self._outputs = outputs
        self._shared = shared
        self._changed: set[KeptKey] = set()
        self._some = asyncio.Event()

    async def find(self, keys: Sequence[KeptKey], now_us: int) -> dict[KeptKey, KeptOutput]:
        """What is kept under some keys, and has not expired. Raises TransientError."""
        shared = self._shared
        if shared is None or not shared.is_up:
            return await self._outputs.find(keys, now_us)
        stored = await shared.get_many([_name(key) for key in keys])
        found = {key: _read(data) for key, data in zip(keys, stored, strict=True) if data}
        known = {key: kept for key, kept in found.items() if kept and kept.expires_us > now_us}
        left = [key for key in keys if key not in known]
        if left:
            looked_up = await self._outputs.find(left, now_us)
            values = [(_name(key), _encode(kept)) for key, kept in looked_up.items()]
            await shared.set_many(values, BELIEVED_S)
            known |= looked_up
        return known

    def changed(self, keys: Iterable[KeptKey]) -> None:
        """Have Redis forget what a commit has changed."""
        if self._shared is not None and self._shared.is_up:
            self._changed.update(keys)
            self._some.set()

    async def forget(self, keys: Sequence[KeptKey]) -> None:
        """Let Redis forget some keys, if it can be reached."""
        if self._shared is not None and keys:
            await self._shared.delete_many([_name(key) for key in keys])

    async def run(self) -> None:
        """Keep the connection, and forget what was changed, until cancelled."""
        async with asyncio.TaskGroup() as group:
            if self._shared is not None:
                group.create_task(self._shared.run())
                group.create_task(self._forget_changed())

    async def _forget_changed(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            keys, self._changed = list(self._changed), set()
            await self.forget(keys)


def _name(key: KeptKey) -> bytes:
    return "\0".join(key).encode()


def _read(data: bytes) -> KeptOutput | None:
    """What Redis holds; None where another build, or somebody else, wrote it."""
    try:
        return _decode(data)
    except UNREADABLE:
        return None
