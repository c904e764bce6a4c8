"""Stacks are sorted into kinds of work, and the CPU of a part is shared out by them."""

from pathlib import Path

from stretto.bench.kinds import budget, budget_lines, kind_of, read_stacks, shares

LOOP = "run (asyncio/runners.py:118)"


def test_the_innermost_frame_that_is_known_tells_the_kind() -> None:
    assert kind_of([LOOP, "_round (services/workflow/engine.py:200)"]) == "event loop"
    decided = [LOOP, "decide (services/workflow/core/decide.py:30)", "append (x.py:1)"]
    assert kind_of(decided) == "decide"
    assert kind_of([*decided, "unpack_results (stretto/contracts/codec.py:9)"]) == "decode"
    assert kind_of(["commit (stretto/postgres/pool.py:90)"]) == "append"
    assert kind_of(["settle (stretto/bus/pull.py:400)"]) == "acknowledge"
    assert kind_of(["write_now (stretto/bus/nats_core.py:147)"]) == "publish"
    assert kind_of(["pack (stretto/contracts/codec.py:20)"]) == "encode"
    assert kind_of(["record (services/workflow/spans.py:20)"]) == "spans"
    assert kind_of(["something (else.py:1)"]) == "other"


def test_a_budget_adds_up_to_what_the_parts_cost(tmp_path: Path) -> None:
    (tmp_path / "workflow.raw").write_text("a (core/x.py:1) 6\n")
    (tmp_path / "workflow-2.raw").write_text("pack (y.py:1) 2\n")
    found = budget({"workflow": 0.08, "nats": 0.05}, read_stacks(tmp_path))
    assert found == {"workflow": {"decide": 60.0, "encode": 20.0}, "nats": {"server": 50.0}}
    assert budget_lines(found) == [
        "| µs a step | decide | encode | server | all |",
        "|---|---|---|---|---|",
        "| workflow | 60 | 20 |  | 80 |",
        "| nats |  |  | 50 | 50 |",
        "| **all** | 60 | 20 | 50 | 130 |",
    ]
    assert shares([]) == {}
