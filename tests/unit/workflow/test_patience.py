"""A round waits for answers as long as that saves more than it costs."""

from services.workflow.patience import ANSWERED_SOON_S, TRY_AGAIN_ROUNDS, Patience


def test_at_first_a_round_waits() -> None:
    assert Patience().pays()


def test_answers_that_come_within_a_commit_are_waited_for() -> None:
    patience = Patience()

    for _ in range(50):
        patience.committed(0.0010)
        patience.answered(0.0004)

    assert patience.pays()


def test_answers_that_take_longer_than_a_commit_are_not_waited_for_but_now_and_then() -> None:
    patience = Patience()
    for _ in range(50):
        patience.committed(0.0003)
        patience.answered(ANSWERED_SOON_S)

    waits = [patience.pays() for _ in range(2 * TRY_AGAIN_ROUNDS)]

    assert waits.count(True) == 2


def test_answers_that_have_become_fast_are_waited_for_again() -> None:
    patience = Patience()
    for _ in range(50):
        patience.committed(0.0010)
        patience.answered(ANSWERED_SOON_S)
    assert not patience.pays()

    for _ in range(20):
        patience.answered(0.0002)

    assert patience.pays()
