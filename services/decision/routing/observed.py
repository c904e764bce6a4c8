"""What was seen of devices: how long tasks took there, and who fails often.

A device that fails often is *set aside*: three failures in a row, or more than half of its last ten
attempts. After a while (5 s, doubled each time up to five minutes) one attempt is let through; when
it goes well the device is as before.
"""

from collections import OrderedDict

FAILURES_IN_A_ROW = 3
WINDOW = 10
FAILED_SHARE = 0.5
FIRST_ASIDE_US = 5_000_000
MAX_ASIDE_US = 300_000_000
TRY_US = 30_000_000
"""So long an attempt that tries a device again is waited for."""

SMOOTHING = 0.2
"""Of a new time in the mean: the last ten or so count."""

MAX_KEPT = 200_000
"""Pairs of device and task of which a time is kept, the latest."""


class Circuit:
    """Whether a device may be asked."""

    __slots__ = ("aside_us", "failures", "last", "trying", "until_us")

    def __init__(self) -> None:
        self.failures = 0
        """In a row."""
        self.last = 0
        """The last WINDOW outcomes as bits, the newest lowest: 1 has failed."""
        self.until_us = 0
        """Set aside until then; 0: not set aside."""
        self.aside_us = FIRST_ASIDE_US
        self.trying = False
        """One attempt has been let through; should nothing be heard of it, another one is later."""

    def is_open(self, now_us: int) -> bool:
        """Whether it is set aside (and not due to be tried again)."""
        return self.until_us != 0 and now_us < self.until_us

    def is_due(self, now_us: int) -> bool:
        """Whether it is set aside and should be tried again."""
        return self.until_us != 0 and now_us >= self.until_us

    def let_one_through(self, now_us: int) -> None:
        """Note that an attempt is on its way to try it again."""
        self.trying = True
        self.until_us = now_us + max(self.aside_us, TRY_US)

    def took(self, now_us: int, *, failed: bool) -> None:
        """Note an outcome."""
        self.last = (self.last << 1 | failed) & (1 << WINDOW) - 1
        if not failed:
            self.failures = 0
            if self.trying:  # not by a late result of an attempt from before
                self.until_us, self.last, self.trying = 0, 0, False
                self.aside_us = FIRST_ASIDE_US
            return
        self.failures += 1
        often = self.last.bit_count() > WINDOW * FAILED_SHARE
        if self.until_us:
            if self.trying:
                self.aside_us = min(self.aside_us * 2, MAX_ASIDE_US)
                self.until_us, self.trying = now_us + self.aside_us, False
        elif often or self.failures >= FAILURES_IN_A_ROW:
            self.until_us = now_us + self.aside_us


class Observed:
    """Times by device and task, and circuits by device."""

    def __init__(self) -> None:
        self._times: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._circuits: dict[tuple[str, str], Circuit] = {}

    def took(
        self, namespace: str, device: str, task: str, ms: float, now_us: int, *, failed: bool
    ) -> None:
        """Note how an attempt went."""
        circuit = self._circuits.get((namespace, device))
        if circuit is None and failed:
            circuit = self._circuits[namespace, device] = Circuit()
        if circuit is not None:
            circuit.took(now_us, failed=failed)
            if not circuit.last and not circuit.until_us:
                del self._circuits[namespace, device]
        if failed:
            return
        key = (namespace, device, task)
        before = self._times.pop(key, None)
        self._times[key] = ms if before is None else before + SMOOTHING * (ms - before)
        if len(self._times) > MAX_KEPT:
            self._times.popitem(last=False)

    def time_ms(self, namespace: str, device: str, task: str) -> float | None:
        """The smoothed time of a task on a device; None where none was seen."""
        return self._times.get((namespace, device, task))

    def circuit(self, namespace: str, device: str) -> Circuit | None:
        """How a device that has failed lately stands."""
        return self._circuits.get((namespace, device))
