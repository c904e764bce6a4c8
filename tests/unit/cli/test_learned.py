"""What was learned, as a table."""

import pytest

from stretto.cli.commands.learned import MAX_ROWS, say_arms


def test_the_best_device_of_a_task_comes_first_and_what_is_left_out_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arms = [
        {"task": "t", "device": f"d{n}", "load": "0%+", "tries": 1.0, "cost_ms": 1000.0 - n}
        for n in range(MAX_ROWS + 2)
    ]
    say_arms(arms)
    said = capsys.readouterr()
    assert said.out.index(f"d{MAX_ROWS + 1} ") < said.out.index("d3 ")
    assert "2 more: --json shows all of them." in said.out + said.err
