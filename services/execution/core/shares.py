"""Which instance gives a lane away, so that each works on its share of them.

The instances say every second which lanes they work on. When the picture has been the same for a
while and is whole (every lane has one who works on it), the one with the most gives one away, if
another has at least two fewer. So they differ by one at the end, and nothing moves any more. One
lane moves at a time: what moves makes another picture.
"""

from collections.abc import Iterable, Sequence

SETTLED_US = 3_000_000
"""So long the picture has been the same: nothing is changing hands."""

SILENT_US = 3_500_000
"""Who has said nothing for so long is gone."""


class Shares:
    """See the module's docstring.

    Args:
        instance: our name.
        lanes: how many there are.
    """

    def __init__(self, instance: str, lanes: int) -> None:
        self._instance = instance
        self._lanes = lanes
        self._others: dict[str, tuple[int, tuple[int, ...]]] = {}
        self._picture: list[tuple[str, tuple[int, ...]]] = []
        self._since_us = 0

    def hear(self, instance: str, lanes: Iterable[int], now_us: int) -> None:
        """Take what an instance says of itself."""
        if instance != self._instance:
            self._others[instance] = (now_us, tuple(sorted(lanes)))

    def gives(self, ours: Sequence[int], now_us: int) -> bool:
        """Whether we should give one of our lanes away; call it now and then."""
        self._others = {
            name: said for name, said in self._others.items() if now_us - said[0] <= SILENT_US
        }
        picture = sorted(
            [(self._instance, tuple(sorted(ours)))]
            + [(name, lanes) for name, (_, lanes) in self._others.items()]
        )
        if picture != self._picture:
            self._picture, self._since_us = picture, now_us
            return False
        if now_us - self._since_us < SETTLED_US:
            return False
        held = sorted(lane for _, lanes in picture for lane in lanes)
        if held != list(range(self._lanes)):
            return False
        counts = {name: len(lanes) for name, lanes in picture}
        most = max(counts.values())
        first = min(name for name, count in counts.items() if count == most)
        return first == self._instance and min(counts.values()) <= most - 2
