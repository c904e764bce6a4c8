"""Admission: the state machine of the package's docstring."""

from collections.abc import Iterable, Mapping

from services.execution.core import limits
from services.execution.core.attempt import Attempt, Counts, State
from services.execution.core.binding import DEFAULT_QUEUE, Binding
from services.execution.core.durations import Durations
from services.execution.core.effects import Effect, Short, Silent, Stop, StopOwn, Verify
from services.execution.core.line import Line, Sending
from services.execution.core.lines import Lines
from services.execution.core.pulses import Pulses
from services.execution.core.resources import Pool
from services.execution.core.roster import Roster
from stretto.contracts.admission import Rate

OWN_PREFIX = "std."

_OUTSIDE = frozenset({State.SENDING, State.OUT})


class Admission:
    """See the package's docstring. Every method is O(1) an attempt."""

    def __init__(
        self,
        roster: Roster,
        resources: Mapping[str, int] | None = None,
        rates: Mapping[str, Rate] | None = None,
        lanes: int = 1,
    ) -> None:
        self.roster = roster
        self.pool = Pool(resources or {}, lambda: roster.resources)
        self._lines = Lines(roster, self.pool, rates or {}, lanes)
        self.pulses = Pulses()
        self.durations = Durations()
        self._known: dict[str, Attempt] = {}
        self._binding = Binding(roster, self._lines.load)
        self._own_count = 0
        self._held_bytes = 0

    # --- how it is

    @property
    def full(self) -> bool:
        """Whether so much is held that no more should be dispatched to us."""
        held = self._binding.unbound + self._lines.waiting
        return held >= limits.MAX_HELD or self._held_bytes >= limits.MAX_HELD_BYTES

    @property
    def lines(self) -> Iterable[Line]:
        """The lines of all queues that there is or was something for."""
        return self._lines.all

    @property
    def counts(self) -> Counts:
        """How much is where, over all queues."""
        return Counts(
            known=len(self._known),
            unbound=self._binding.unbound,
            held=self._lines.waiting,
            out=sum(line.out for line in self._lines.all),
            own=self._own_count,
        )

    @property
    def known(self) -> Iterable[Attempt]:
        """Every attempt that is here or out."""
        return self._known.values()

    def get(self, id_: str) -> Attempt | None:
        """The attempt with this id, where it is known."""
        return self._known.get(id_)

    # --- dispatched

    def admit(self, attempt: Attempt, now_us: int) -> bool:
        """Take an attempt that is not known; `attempt.queue` is the queue it asks for.

        Returns:
            Whether it is a task `std.*`, to be run in this service.
        """
        assert attempt.id not in self._known, f"{attempt.id} is known already"
        attempt.arrived_us = now_us
        self._known[attempt.id] = attempt
        if attempt.task.startswith(OWN_PREFIX):
            attempt.become(State.OWN)
            attempt.queue = None
            self._own_count += 1
            return True
        self._held_bytes += len(attempt.payload)
        if attempt.queue is None:
            self._bind(attempt)
        else:
            self._hold(attempt, attempt.queue)
        return False

    def repeated(
        self, attempt: Attempt, asked_queue: str | None, now_us: int, *, again: bool
    ) -> list[Effect]:
        """Take note that an attempt that is known was dispatched once more.

        A frame that is delivered twice means nothing. But who sends it `again` has waited for it:
        when it should be out for a while, look whether it is. And what was recovered from the
        stream is only now known to have named no queue.
        """
        if not again or attempt.state is not State.OUT:
            return []
        if asked_queue is None and attempt.queue == DEFAULT_QUEUE:
            if not attempt.parked:
                self._binding.park(attempt)
            # Also one that could not be moved before: the store was away just then.
            moves = self._binding.moves_if_misplaced(attempt)
            if moves:
                return moves
        if now_us - attempt.arrived_us < limits.DOUBT_AFTER_US:
            return []
        attempt.arrived_us = now_us
        return [Verify(attempt, attempt.seq)]

    def recover(self, attempt: Attempt, seq: int, alone: bool, now_us: int) -> None:
        """Take an attempt that was found in the work stream, in `attempt.queue`."""
        if attempt.id in self._known:
            return
        assert attempt.queue is not None, "what is in the stream is in a queue"
        attempt.arrived_us = now_us
        attempt.become(State.OUT)
        attempt.seq = seq
        attempt.alone = alone
        self._known[attempt.id] = attempt
        line = self._lines.line(attempt.namespace, attempt.queue)
        line.out += 1
        if attempt.demand is not None:
            line.charged += 1
            self.pool.seize(attempt)

    # --- to the work stream

    def cut(self, now_us: int = 0) -> list[Sending]:
        """Take the messages that may go out now."""
        messages = self._lines.cut(now_us, self._goes_alone)
        for sending in messages:
            self._held_bytes -= sum([len(a.payload) for a in sending.attempts])
        return messages

    def pause_us(self, now_us: int) -> int | None:
        """How long until a rate lets something out that is held now; None: no rate is in the
        way."""
        return self._lines.pause_us(now_us)

    def learn(self, attempt: Attempt, took_us: int) -> None:
        """Take how long an attempt took as a sample."""
        self.durations.learn(attempt.namespace, attempt.task, took_us)
        line = self._lines.there(attempt.namespace, attempt.queue)
        if line is not None:
            line.learn(took_us)

    def short(self, now_us: int) -> list[Effect]:
        """Forget attempts that ask for more than there is in all; what to answer for them. The
        others are looked at once more: devices may have come."""
        effects: list[Effect] = []
        if not self.pool.has_waiting:
            return effects
        self.pool.slot_freed()
        for attempt, reason in self.pool.hopeless(now_us, lambda: list(self._known.values())):
            self._forget(attempt)
            effects.append(Short(attempt, reason))
        return effects

    def stored(self, sending: Sending, seq: int) -> list[Effect]:
        """Note that a message is in the work stream.

        Returns:
            What to stop: attempts that were withdrawn while they were being sent.
        """
        gone: list[Attempt] = []
        effects: list[Effect] = []
        for attempt in sending.attempts:
            attempt.seq = seq
            if attempt.state is not State.SENDING:
                gone.append(attempt)
                continue
            attempt.become(State.OUT)
            if attempt.parked:
                effects += self._binding.moves_if_misplaced(attempt)
        if gone:
            effects.append(Stop(sending.namespace, sending.queue, gone))
        return effects

    def not_stored(self, sending: Sending) -> None:
        """Note that a message could not be stored: its attempts are held again, in front."""
        line = self._lines.line(sending.namespace, sending.queue)
        for attempt in reversed(sending.attempts):
            if attempt.state is State.SENDING:
                self._hold_again(line, attempt)

    def store_lost(self) -> None:
        """Note that the work stream was deleted: all that was out is sent again, oldest first."""
        out = [a for a in self._known.values() if a.state is State.OUT]
        for attempt in reversed(out):
            self._take_back(attempt)

    def vanished(self, attempt: Attempt, seq: int) -> None:
        """Note that message `seq` of an attempt is not in the work stream: send it again."""
        if attempt.state is State.OUT and attempt.seq == seq:
            self._take_back(attempt)

    def moved(self, attempt: Attempt, seq: int) -> None:
        """Note that the message of a parked attempt was taken out unclaimed: bind it anew."""
        if attempt.state is not State.OUT or attempt.seq != seq or attempt.queue is None:
            return
        self._binding.unpark(attempt)
        self._leave_out(self._lines.line(attempt.namespace, attempt.queue), attempt)
        self._held_bytes += len(attempt.payload)
        self._bind(attempt)

    # --- from workers and devices

    def finished(self, id_: str) -> Attempt | None:
        """Note that the result of an attempt is stored; returns it where it was known."""
        attempt = self._known.get(id_)
        if attempt is not None:
            self._forget(attempt)
        return attempt

    def alive(self, id_: str, now_us: int, details: bytes | None = None) -> None:
        """Note a sign of life: it was accepted, or sent progress with what to go on from."""
        attempt = self._known.get(id_)
        if attempt is not None and attempt.state in (State.OUT, State.SENDING):
            self.pulses.hear(attempt, now_us, details)

    def announced(self, namespace: str, queue: str, tasks: Iterable[str]) -> list[Effect]:
        """Bind what waited for somebody to announce these tasks; `roster` knows of it already.

        Returns:
            Parked attempts to be taken out of `default`: somebody else announces them, or those
            who have come to `default` all announce other tasks.
        """
        effects: list[Effect] = []
        for task in tasks:
            for attempt in self._binding.waiting_for(namespace, task):
                self._binding.leave_unbound(attempt)
                self._bind(attempt)
            effects += self._bind_parked(namespace, task)
        if queue == DEFAULT_QUEUE and not self.roster.takes_anything(namespace, queue):
            for task in self._binding.parked_tasks(namespace):
                effects += self._bind_parked(namespace, task)
        line = self._lines.there(namespace, queue)
        if line is not None and line.waiting:
            self._lines.ready[line] = None  # there may be more room
        self.pool.slot_freed()
        return effects

    # --- not wanted any more

    def withdraw(self, ids: Iterable[str]) -> list[Effect]:
        """Forget attempts that nobody wants; returns whom to tell."""
        stops: dict[tuple[str, str], list[Attempt]] = {}
        effects: list[Effect] = []
        for id_ in ids:
            attempt = self._known.get(id_)
            if attempt is None:
                continue
            if attempt.state is State.OWN:
                effects.append(StopOwn(attempt))
            elif attempt.state is State.OUT and attempt.queue is not None:
                stops.setdefault((attempt.namespace, attempt.queue), []).append(attempt)
            self._forget(attempt)
        effects += [Stop(*place, attempts) for place, attempts in stops.items()]
        return effects

    def tick(self, now_us: int) -> list[Effect]:
        """Let time pass: attempts that were silent for too long are answered for."""
        effects: list[Effect] = []
        for attempt in self.pulses.silent(now_us):
            said = self.pulses.details(attempt.id)
            effects.append(Silent(attempt, attempt.heartbeat_s, said))
            if attempt.queue is not None and attempt.state is State.OUT:
                effects.append(Stop(attempt.namespace, attempt.queue, [attempt]))
            self._forget(attempt)
        return effects

    def acknowledged_before(self, first_seq: int, now_us: int) -> int:
        """Forget attempts whose messages left the stream a while ago: their results are stored.

        Somebody else has read the results, or will: here they only held a place in their lines.

        Returns:
            How many were forgotten.
        """
        past = [
            a
            for a in self._known.values()
            if a.state is State.OUT
            and 0 < a.seq < first_seq
            and now_us - a.arrived_us > limits.FORGET_AFTER_US
        ]
        for attempt in past:
            self._forget(attempt)
        return len(past)

    def deaf(self, now_us: int) -> None:
        """Note that we could not hear until now: nobody's silence counts."""
        self.pulses.forgive(now_us)

    def forget_idle_lines(self) -> None:
        """Drop the lines of queues that nobody serves and nobody needs."""
        self._lines.forget_idle()

    # --- inside

    def _bind(self, attempt: Attempt) -> None:
        """Let an attempt that named no queue go to the one that is chosen for it, if there is."""
        queue = self._binding.queue_for(attempt)
        if queue is not None:
            self._hold(attempt, queue)

    def _hold(self, attempt: Attempt, queue: str) -> None:
        line = self._lines.line(attempt.namespace, queue)
        line.hold(attempt)
        if attempt.demand is not None:
            self.pool.wait(line, attempt)
        else:
            self._lines.ready[line] = None

    def _leave_out(self, line: Line, attempt: Attempt) -> None:
        """Note that an attempt is not out any more: what it had is free."""
        line.out -= 1
        if attempt.demand is not None:
            line.charged -= 1
            self.pool.give_back(attempt)

    def _leave_held(self, attempt: Attempt) -> None:
        line = self._lines.of(attempt)
        line.drop()
        if attempt.has_resources:
            line.charged -= 1
            self.pool.give_back(attempt)
        elif attempt.demand is not None:
            self.pool.leave(line, attempt)

    def _hold_again(self, line: Line, attempt: Attempt) -> None:
        """Hold an attempt that was out; what it has of resources it keeps: it may still run."""
        line.out -= 1
        line.hold(attempt, first=True)
        self._held_bytes += len(attempt.payload)
        self._lines.ready[line] = None

    def _take_back(self, attempt: Attempt) -> None:
        assert attempt.queue is not None, "what is out is in a queue"
        self.pulses.drop(attempt)
        self._hold_again(self._lines.line(attempt.namespace, attempt.queue), attempt)

    def _goes_alone(self, attempt: Attempt) -> bool:
        return attempt.parked or self.durations.is_long(attempt.namespace, attempt.task)

    def _bind_parked(self, namespace: str, task: str) -> list[Effect]:
        """Bind parked attempts anew; those that are out have to be taken out first."""
        moves: list[Effect] = []
        for attempt in self._binding.parked(namespace, task):
            if attempt.state is State.HELD:
                self._binding.unpark(attempt)
                self._leave_held(attempt)
                self._bind(attempt)
            elif attempt.state is State.OUT:
                moves += self._binding.moves_if_misplaced(attempt)
        return moves

    def _forget(self, attempt: Attempt) -> None:
        """Let go of an attempt, wherever it is."""
        del self._known[attempt.id]
        if attempt.heartbeat_s:
            self.pulses.drop(attempt)
        if attempt.parked:
            self._binding.unpark(attempt)
        state = attempt.state
        if state in _OUTSIDE:
            line = self._lines.of(attempt)
            self._leave_out(line, attempt)
            if line.waiting:
                self._lines.ready[line] = None
                self.pool.slot_freed()
        elif state is State.HELD:
            self._leave_held(attempt)
            self._held_bytes -= len(attempt.payload)
        elif state is State.UNBOUND:
            self._binding.leave_unbound(attempt)
            self._held_bytes -= len(attempt.payload)
        else:
            assert state is State.OWN, f"{attempt.id} is known and {state.name}"
            self._own_count -= 1
        attempt.become(State.GONE)
