"""Attempts with a route: each goes to one device. Pure, as everything in this package.

::

                    a device fits                     it says so
    RANKING ──────────────────────► SENT ─────────────────────────► ACCEPTED ──► result: forgotten
      ▲  │ nobody fits, or           │ no word, again and again        │
      │  │ all are full              ▼                                 │ its device is gone
      │  └────────► WAITING     avoided from here on                   │
      └──────────────┴───────────────┴─────────────────────────────────┘
       somebody came, a slot is free, some time has passed

Who fits, and in which order, is asked of the decision service each time; here it is known who has a
free slot. When nobody fits, the ways out of the route are taken in their order: wait so long, go
to a queue, fail. Without one an attempt waits for as long as its own limits let it.

Invariants

1. An attempt is with one device at most, as far as that device is present; its id fences the rest.
2. A device is given no more than its slots.
3. Nothing waits without something that looks at it again: `tick`.
"""

from collections import deque
from collections.abc import Callable, Iterable

from services.execution.core.attempt import Attempt
from services.execution.core.on_route import (
    At,
    NoDevice,
    Routed,
    RouteEffect,
    Send,
    Still,
    StopAt,
    ToQueue,
    Unheard,
)
from services.execution.core.pulses import Pulses, going_on
from services.execution.core.resources import Pool
from services.execution.core.roster import Roster
from stretto.contracts.routes import MAX_QUESTIONS, Ranked

RESEND_US = 2_000_000
"""A device says at once that it has taken an attempt; after so long it is sent again."""

MAX_SENDS = 3
"""Then it is taken for deaf, and the attempt goes elsewhere."""

LOOK_AGAIN_US = 2_000_000
"""Who waits for a device is ranked again so often, whatever happens."""

RETURN_US = 9_000_000
"""After a restart the device that has an attempt is waited for so long."""


class Routes:
    """See the module's docstring. Every method is O(1) an attempt, but for `tick`."""

    def __init__(
        self, roster: Roster, changed: Callable[[], None], pool: Pool | None = None
    ) -> None:
        self._roster = roster
        self._pool = pool
        self._changed = changed
        self.pulses = Pulses()
        """Attempts that asked to be watched, from their first sign on: accepted, they may wait."""
        self._known: dict[str, Routed] = {}
        self._to_rank: deque[Routed] = deque()
        self._waiting: dict[str, Routed] = {}
        self._seen = -1

    def __len__(self) -> int:
        return len(self._known)

    @property
    def known(self) -> Iterable[Routed]:
        return self._known.values()

    def get(self, id_: str) -> Routed | None:
        return self._known.get(id_)

    def waits(self, id_: str) -> bool:
        """Whether an attempt is known and on no device yet."""
        routed = self._known.get(id_)
        return routed is not None and routed.at not in (At.SENT, At.ACCEPTED)

    # --- in

    def admit(self, routed: Routed, now_us: int) -> list[RouteEffect]:
        """Take an attempt that is not known."""
        attempt, device = routed.attempt, routed.route.device
        self._known[attempt.id] = routed
        if device is not None:  # it was out before we were restarted
            routed.returns_us = now_us + RETURN_US
            if self._is_present(attempt.namespace, device):
                return [self._send(routed, device, now_us)]
            self._wait(routed, now_us, f"for {device}, which has it, to come back")
            return []
        self._rank(routed, now_us)
        return []

    def repeated(self, routed: Routed, now_us: int, *, again: bool) -> list[RouteEffect]:
        """Take note that an attempt was dispatched once more: its device is asked again."""
        if again and routed.at is At.ACCEPTED and now_us - routed.since_us > RESEND_US:
            routed.since_us = now_us
            return [Send(routed, first=False)]
        return []

    def to_rank(self) -> list[Routed]:
        """Take the attempts whose devices are to be asked for now."""
        taken: list[Routed] = []
        while self._to_rank and len(taken) < MAX_QUESTIONS:
            routed = self._to_rank.popleft()
            if routed.at is At.RANKING and self._known.get(routed.attempt.id) is routed:
                routed.at = At.ASKED
                taken.append(routed)
        return taken

    def not_ranked(self, asked: Iterable[Routed], now_us: int) -> None:
        """Note that nobody could be asked: it is tried again."""
        for routed in asked:
            if routed.at is At.ASKED:
                self._rank(routed, now_us)

    def ranked(self, routed: Routed, answer: Ranked, now_us: int) -> list[RouteEffect]:
        """Note who fits."""
        if routed.at is not At.ASKED or self._known.get(routed.attempt.id) is not routed:
            return []
        routed.ranked = answer
        if answer.failure is not None:
            return [self._fail(routed, answer.failure.message)]
        namespace = routed.attempt.namespace
        lacking = self._lacking(routed.attempt)
        if lacking is not None:
            if self._pool is not None and self._pool.is_hopeless(routed.attempt):
                return [self._fail(routed, lacking)]
            self._wait(routed, now_us, lacking)
            return []
        for candidate in answer.candidates:
            if candidate.last and not answer.candidates[0].last:
                break  # the others are full, but they are better waited for
            if self._roster.free(namespace, candidate.device) > 0:
                routed.reason = candidate.why
                return [self._send(routed, candidate.device, now_us)]
        if answer.candidates:
            routed.wait_us = now_us
            self._wait(routed, now_us, f"for a free slot of {len(answer.candidates)} devices")
            return []
        return self._nobody(routed, now_us)

    def _nobody(self, routed: Routed, now_us: int) -> list[RouteEffect]:
        """Nobody fits: take the next way out."""
        while routed.otherwise:
            way = routed.otherwise[0]
            if way.wait_s is not None:
                if now_us < routed.wait_us + int(way.wait_s * 1_000_000):
                    self._wait(routed, now_us, "for a device that fits")
                    return []
                routed.otherwise = routed.otherwise[1:]
                routed.wait_us = now_us
                continue
            if way.queue is not None:
                self._forget(routed)
                return [ToQueue(routed.attempt, way.queue, routed.ranked)]
            return [self._fail(routed, way.fail or "no device fits")]
        self._wait(routed, now_us, "for a device that fits")
        return []

    # --- from devices

    def accepted(self, id_: str, now_us: int) -> None:
        """Note that a device has taken an attempt."""
        routed = self._known.get(id_)
        if routed is not None and routed.at is At.SENT:
            routed.at, routed.since_us = At.ACCEPTED, now_us

    def alive(self, id_: str, now_us: int, details: bytes | None) -> None:
        """Note a sign of life, and what it says to go on from."""
        routed = self._known.get(id_)
        if routed is not None and routed.device is not None:
            self.pulses.hear(routed.attempt, now_us, details)

    def deaf(self, now_us: int) -> None:
        """Note that we could not hear until now: nobody's silence counts."""
        self.pulses.forgive(now_us)

    def finished(self, id_: str) -> Routed | None:
        """Note that the result of an attempt is stored; returns it where it was known."""
        routed = self._known.get(id_)
        if routed is not None:
            self._forget(routed, done=True)
            self._wake()
        return routed

    def withdraw(self, id_: str) -> list[RouteEffect]:
        """Forget an attempt that nobody wants."""
        routed = self._known.get(id_)
        if routed is None:
            return []
        device = routed.device
        self._forget(routed)
        self._wake()
        return [] if device is None else [StopAt(routed.attempt, device)]

    # --- time

    def tick(self, now_us: int) -> list[RouteEffect]:
        """Let time pass: who was not answered, whose device is gone, who has waited."""
        effects: list[RouteEffect] = []
        news = self._seen != self._roster.version
        self._seen = self._roster.version
        for routed in list(self._known.values()):
            if routed.at is At.WAITING:
                if news or now_us - routed.since_us >= LOOK_AGAIN_US:
                    effects += self._look_again(routed, now_us)
            elif routed.at in (At.SENT, At.ACCEPTED):
                effects += self._look_after(routed, now_us)
        return effects + self._still(now_us)

    def _still(self, now_us: int) -> list[RouteEffect]:
        """Give up attempts that were silent for too long."""
        effects: list[RouteEffect] = []
        for attempt in self.pulses.silent(now_us):
            device = self._known[attempt.id].device
            assert device is not None, "who has no device is not watched"
            effects.append(Still(attempt, device, self.pulses.details(attempt.id)))
            self._forget(self._known[attempt.id])
            self._wake()
        return effects

    def _look_again(self, routed: Routed, now_us: int) -> list[RouteEffect]:
        device = routed.route.device
        if device is not None and routed.returns_us:
            if self._is_present(routed.attempt.namespace, device):
                return [self._send(routed, device, now_us)]
            if now_us < routed.returns_us:
                return []
            routed.returns_us = 0
        self._rank(routed, now_us)
        return []

    def _look_after(self, routed: Routed, now_us: int) -> list[RouteEffect]:
        """Look whether the device of an attempt is there, and has taken it."""
        assert routed.device is not None
        if not self._is_present(routed.attempt.namespace, routed.device):
            self._give_up(routed, now_us)
            return []
        if routed.at is At.SENT and now_us - routed.since_us > RESEND_US:
            if routed.sends < MAX_SENDS:
                routed.sends += 1
                routed.since_us = now_us
                return [Send(routed, first=False)]
            unheard = Unheard(routed.attempt, routed.device)
            self._give_up(routed, now_us)
            return [unheard]
        return []

    # --- inside

    def _give_up(self, routed: Routed, now_us: int) -> None:
        """Take an attempt from a device that does not answer, or is gone."""
        assert routed.device is not None
        if routed.device not in routed.avoid:
            routed.avoid.append(routed.device)
        said = self.pulses.details(routed.attempt.id)
        if said is not None:
            routed.attempt.payload = going_on(routed.attempt.payload, said)
        self._take_from(routed)
        routed.wait_us = now_us
        self._rank(routed, now_us)

    def _send(self, routed: Routed, device: str, now_us: int) -> Send:
        self._waiting.pop(routed.attempt.id, None)
        if self._pool is not None and routed.attempt.demand and not routed.attempt.has_resources:
            self._pool.seize(routed.attempt)
        first = routed.route.device != device or not routed.returns_us
        routed.device, routed.at = device, At.SENT
        routed.since_us, routed.sends, routed.returns_us = now_us, 1, 0
        self._roster.give(routed.attempt.namespace, device, routed.attempt.id)
        return Send(routed, first)

    def _lacking(self, attempt: Attempt) -> str | None:
        """What of the resources that it needs is not free now; it takes them with its device."""
        if self._pool is None or attempt.demand is None or self._pool.fits(attempt.demand):
            return None
        return f"for resources ({self._pool.shortage(attempt.demand) or 'taken by others'})"

    def _rank(self, routed: Routed, now_us: int) -> None:
        self._waiting.pop(routed.attempt.id, None)
        routed.at, routed.since_us = At.RANKING, now_us
        self._to_rank.append(routed)
        self._changed()

    def _wait(self, routed: Routed, now_us: int, reason: str) -> None:
        routed.at, routed.since_us, routed.reason = At.WAITING, now_us, reason
        self._waiting[routed.attempt.id] = routed

    def _wake(self) -> None:
        """A slot is free: whoever waits longest for one is ranked again."""
        for routed in self._waiting.values():
            if routed.ranked.candidates:
                self._rank(routed, routed.since_us)
                return

    def _fail(self, routed: Routed, reason: str) -> NoDevice:
        self._forget(routed)
        return NoDevice(routed, reason)

    def _forget(self, routed: Routed, *, done: bool = False) -> None:
        self._known.pop(routed.attempt.id, None)
        self._waiting.pop(routed.attempt.id, None)
        self._take_from(routed, done=done)

    def _take_from(self, routed: Routed, *, done: bool = False) -> None:
        if routed.device is not None:
            attempt = routed.attempt
            self._roster.take_back(attempt.namespace, routed.device, attempt.id, done=done)
            self.pulses.drop(attempt)
            if self._pool is not None and attempt.has_resources:
                self._pool.give_back(attempt)
            routed.device = None

    def _is_present(self, namespace: str, device: str) -> bool:
        return (namespace, device) in self._roster.devices
