"""A run of many items, for a person."""

from stretto.cli.shortened import MAX_ALIKE, shortened
from stretto.contracts.answers import StepView


def step(path: str, status: str = "completed") -> StepView:
    return StepView(step=path, status=status, activated_at="2026-01-01T00:00:00Z")


def told(*steps: StepView) -> list[str]:
    return [
        each.step.step if each.step else f"{each.more} {each.like} {each.status}"
        for each in shortened(steps)
    ]


def test_of_many_items_that_ended_alike_the_first_are_shown_and_how_many_more() -> None:
    items = [step(f"a[{n}]", "failed" if n % 10 == 7 else "completed") for n in range(50)]
    undone = [step(f"a[{n}]~compensate") for n in range(45)]

    lines = told(step("a", "failed"), *items, *undone, step("b"))

    assert lines[: MAX_ALIKE + 2] == ["a", *(f"a[{n}]" for n in range(MAX_ALIKE + 1))]
    assert lines[MAX_ALIKE + 2] == "35 a[…] completed"
    assert lines[MAX_ALIKE + 3 : MAX_ALIKE + 7] == ["a[17]", "a[27]", "a[37]", "a[47]"]
    assert lines[-2:] == ["35 a[…]~compensate completed", "b"]


def test_few_are_all_shown_and_one_more_is_no_line_of_its_own() -> None:
    paths = [f"a[{n}]" for n in range(MAX_ALIKE + 1)]
    assert told(*map(step, paths)) == paths
