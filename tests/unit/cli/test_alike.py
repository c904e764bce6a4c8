"""Causes of items that wait for the same are told once."""

from stretto.cli.alike import alike


def cause(step: str, text: str, **more: str) -> dict[str, str]:
    return {"step": step, "sentence": f"Step {step!r}, attempt 1: {text}"} | more


def test_items_that_wait_for_the_same_are_told_once() -> None:
    waits = "nobody does 'x'. At the latest at 2026-01-01T00:00:0{}.5Z its time is up."
    causes = [
        cause("a", "nobody does 'x'."),
        *(cause(f"b[{n}]", waits.format(n)) for n in range(6)),
        cause("b[7]", "worker 'w' began 'x'."),
        cause("b[8]", waits.format(8), remedy="start one"),
    ]

    found = alike(causes)

    assert [each.cause["step"] for each in found] == ["a", "b[0]", "b[7]", "b[8]"]
    assert [each.more for each in found] == [
        None, "and 5 like it: b[1], b[2], b[3], …", None, None,
    ]  # fmt: skip


def test_steps_that_are_no_items_and_what_says_nothing_stay_by_themselves() -> None:
    causes = [cause("a", "x"), cause("a", "x"), {"step": "b[0]"}, {"step": "b[1]"}, {}]
    assert [each.more for each in alike(causes)] == [None] * 5


def test_few_are_all_named() -> None:
    [found] = alike([cause(f"b[{n}]", "x") for n in range(3)])
    assert found.more == "and 2 like it: b[1], b[2]"
