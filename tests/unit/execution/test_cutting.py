"""How messages are cut: fair to all who are present, small where nothing is gained."""

import pytest

from services.execution.core import line as limits
from services.execution.core.durations import LONG_US, MAX_TASKS, Durations
from services.execution.core.line import message_size
from services.execution.core.roster import Crew

from .given import NS, admission, admit, attempt, ids, present, send


@pytest.mark.parametrize(
    ("count", "crew", "size"),
    [
        (1_000, Crew(), 1),
        (1_000, Crew(workers=1, slots=1_000, smallest=1_000), 100),
        (1_000, Crew(workers=1, slots=100, smallest=100), 25),
        (10, Crew(workers=3, slots=300, smallest=100), 4),
        (10, Crew(workers=20, slots=2_000, smallest=100), 1),
        (10, Crew(workers=1, slots=3, smallest=3), 1),
    ],
)
def test_a_message_holds_a_fair_part(count: int, crew: Crew, size: int) -> None:
    assert message_size(count, crew) == size


def test_a_message_is_closed_when_it_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_MESSAGE_BYTES", 25)
    core = admission()
    present(core, "w")
    admit(core, *[attempt(f"{n}") for n in range(5)])
    assert ids(send(core)) == [["0", "1"], ["2", "3"], ["4"]]


def test_an_attempt_larger_than_a_message_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_MESSAGE_BYTES", 5)
    core = admission()
    present(core, "w")
    admit(core, attempt("a"), attempt("b"))
    assert ids(send(core)) == [["a"], ["b"]]


def test_long_tasks_go_alone() -> None:
    core = admission()
    present(core, "w", tasks=["t", "long"])
    core.durations.learn(NS, "long", 2 * LONG_US)
    admit(core, attempt("a"), attempt("b", task="long"), attempt("c"))
    assert ids(send(core)) == [["b"], ["a", "c"]]


def test_habits_change_slowly() -> None:
    durations = Durations()
    assert not durations.is_long(NS, "t")
    durations.learn(NS, "t", LONG_US // 2)
    durations.learn(NS, "t", LONG_US * 2)
    assert not durations.is_long(NS, "t")
    for _ in range(10):
        durations.learn(NS, "t", LONG_US * 2)
    assert durations.is_long(NS, "t")


def test_durations_are_bounded() -> None:
    durations = Durations()
    for n in range(MAX_TASKS + 1):
        durations.learn(NS, f"{n}", 2 * LONG_US)
    assert not durations.is_long(NS, "0")
    assert durations.is_long(NS, f"{MAX_TASKS}")
