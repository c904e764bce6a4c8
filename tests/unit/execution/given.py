"""Builders for tests of admission."""

from collections.abc import Iterable

from services.execution.core.admission import Admission
from services.execution.core.attempt import Attempt
from services.execution.core.effects import Effect
from services.execution.core.line import Sending
from services.execution.core.roster import Roster
from stretto.contracts.public import Presence

NS = "default"
T0 = 1_700_000_000_000_000
S = 1_000_000


def attempt(id_: str, task: str = "t", queue: str | None = "q", **more: object) -> Attempt:
    """Make an attempt that was not admitted yet."""
    return Attempt(
        id_=id_,
        namespace=NS,
        task=task,
        queue=queue,
        payload=b'{"id":"%b"}' % id_.encode(),
        reply="stretto.results.0",
        **more,  # type: ignore[arg-type]
    )


def admission() -> Admission:
    """Make an empty admission that was ticked at T0."""
    core = Admission(Roster())
    core.tick(T0)
    return core


def admit(core: Admission, *attempts: Attempt, now_us: int = T0) -> list[str]:
    """Admit attempts one after the other; the ids of those that are to be run here."""
    return [each.id for each in attempts if core.admit(each, now_us)]


def present(
    core: Admission,
    name: str,
    *,
    queue: str | None = "q",
    tasks: Iterable[str] = ("t",),
    slots: int = 100,
    now_us: int = T0,
    gone: bool = False,
) -> list[Effect]:
    """Let a worker say that it is there."""
    presence = Presence(device=name, tasks=list(tasks), queue=queue, slots=slots, gone=gone)
    news = core.roster.hear(NS, name, presence, now_us)
    if queue is None or not news:
        return []
    return core.announced(NS, queue, news)


def send(core: Admission, first_seq: int = 1) -> list[Sending]:
    """Cut what may go out and store it, from a sequence number on."""
    messages = core.cut()
    for seq, sending in enumerate(messages, first_seq):
        core.stored(sending, seq)
    return messages


def ids(messages: Iterable[Sending]) -> list[list[str]]:
    """The ids in messages."""
    return [[each.id for each in sending.attempts] for sending in messages]
