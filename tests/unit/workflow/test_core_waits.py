"""A wait for an instant that is long past ends at once."""

import pytest

from services.workflow.core.effects import Timer
from stretto.contracts.graph import StepPlan
from tests.unit.workflow.builders import Story, graph


@pytest.mark.parametrize("until", ["1960-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2001-01-01"])
def test_a_wait_until_an_instant_long_past_ends_at_once(until: str) -> None:
    value = f'{{"until": "{until}{"" if until.endswith("Z") else "T00:00:00"}"}}'.encode()
    story = Story(graph(StepPlan(name="w", kind="wait", value=value)))

    story.fire(story.last(Timer))  # type: ignore[arg-type]

    assert story.types()[-2:] == ["step.completed w", "run.completed"]
