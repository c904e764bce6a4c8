"""Where attempts come in: each record of a frame goes to the gate of its key's rate, to a device by
its route, to a queue, or to the tasks that run here."""

from collections.abc import Callable, Iterable

from services.execution.core.admission import OWN_PREFIX, Admission
from services.execution.core.answered import Answered
from services.execution.core.attempt import Attempt, State
from services.execution.core.effects import Effect
from services.execution.core.gate import Gate
from services.execution.intake import attempt_of, id_of, misplaced
from services.execution.own.house import House
from services.execution.routing import Router
from stretto.contracts.failures import Failure
from stretto.contracts.frames import DispatchFrame, DispatchRecord
from stretto.runtime.clock import Clock

_NOT_SENT = frozenset({State.NEW, State.UNBOUND, State.HELD, State.SENDING})


class Entrance:
    """See the module's docstring.

    Args:
        gate: who waits for the rate of a key.
        answered: whose results came since the lane was taken.
        do: carries out what admission wants.
        answer: answers for an attempt that can be sent nowhere.
    """

    def __init__(
        self,
        core: Admission,
        gate: Gate,
        router: Router,
        house: House,
        *,
        answered: Answered,
        clock: Clock,
        do: Callable[[Iterable[Effect]], None],
        answer: Callable[[Attempt, Failure], None],
    ) -> None:
        self.gate = gate
        self._core = core
        self._router = router
        self._house = house
        self._answered = answered
        self._clock = clock
        self._do = do
        self._answer = answer

    def admit(self, frame: DispatchFrame) -> str | None:
        """Admit the records of a frame; return what is wrong with the first that cannot be."""
        core, now_us = self._core, self._clock.now_us()
        own: list[Attempt] = []
        wrong: str | None = None
        for record in frame.records:
            id_ = id_of(record)
            known = core.get(id_)
            routed = self._router.core.get(id_)
            if routed is not None:
                self._router.repeated(routed, again=record.again)
                continue
            if known is not None and record.again and known.state is State.OWN:
                own.append(known)  # where it has ended, its result was lost with the stream
                continue
            if known is not None:
                self._do(core.repeated(known, record.queue, now_us, again=record.again))
                continue
            if record.rate is not None and id_ in self.gate:
                continue
            if record.again and id_ in self._answered:
                continue
            try:
                attempt = attempt_of(record, id_)
            except (ValueError, OverflowError) as error:
                wrong = wrong or f"expected a record that a task can be made of, but: {error}"
                continue
            refused = misplaced(record)
            if refused is not None:
                self._answer(attempt, refused)
            elif record.rate is None or not self.gate.admit(record, attempt, now_us):
                self._place(record, attempt, now_us, own)
        if frame.withdrawn:
            self._withdraw([id_of(record) for record in frame.withdrawn], now_us)
        if own:
            self._house.run(own)
        return wrong

    def let_in(self, now_us: int) -> None:
        """Let those go on that the rate of their key kept back until now."""
        own: list[Attempt] = []
        for attempt, record in self.gate.passing(now_us):
            self._place(record, attempt, now_us, own)
        if own:
            self._house.run(own)
            for attempt in own:
                self.sent(attempt)

    def pause_us(self, now_us: int) -> int | None:
        """How long until somebody may go on; None: nobody waits for a rate here."""
        return self.gate.pause_us(now_us)

    def sent(self, attempt: Attempt) -> None:
        """Take note that an attempt is out, with its token."""
        self.gate.sent(attempt.id, self._clock.now_us())

    def settle(self) -> None:
        """Find attempts that have passed the gate and have ended before they were sent."""
        waits = self._router.core.waits
        self.gate.settle(self._clock.now_us(), lambda each: waits(each.id) or self._is_held(each))

    def _is_held(self, attempt: Attempt) -> bool:
        return self._core.get(attempt.id) is attempt and attempt.state in _NOT_SENT

    def _place(
        self, record: DispatchRecord, attempt: Attempt, now_us: int, own: list[Attempt]
    ) -> None:
        if record.route is not None and not attempt.task.startswith(OWN_PREFIX):
            self._router.admit(record, attempt)
        elif self._core.admit(attempt, now_us):
            own.append(attempt)  # the only effect of an admission: to run it here

    def _withdraw(self, ids: list[str], now_us: int) -> None:
        self._router.withdraw(ids)
        self._do(self._core.withdraw(ids))
        for id_ in ids:
            self.gate.forget(id_, now_us)
