"""The workflows of the benchmark are valid and are what the workloads say."""

import json

import pytest
import yaml

from stretto.bench.definitions import (
    FAN,
    FAN_OUT,
    ONE,
    PARALLEL,
    SEQUENCE,
    STEPS_A,
    STEPS_B,
    TEN,
    THREE,
    definitions,
)
from stretto.bench.handlers import NO_OP, PAYLOAD_BYTES, SLEEP_S, payload, worker
from stretto.definition import load

DEFINITIONS = definitions()
COMPUTED = definitions(computed=True)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_workflow_is_valid(name: str) -> None:
    assert load(DEFINITIONS[name]).mistakes == load(COMPUTED[name]).mistakes == []


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_step_has_one_expression_in_its_with(name: str) -> None:
    steps = yaml.safe_load(DEFINITIONS[name])["steps"]
    for step in steps.values():
        assert list(step["with"]) == ["n"]
        assert step["with"]["n"].startswith("${{ ")


@pytest.mark.parametrize("name", DEFINITIONS)
def test_computed_ones_are_the_same_with_sums(name: str) -> None:
    computed, plain = yaml.safe_load(COMPUTED[name]), yaml.safe_load(DEFINITIONS[name])
    for step in computed["steps"].values():
        assert step["with"]["n"].endswith(" + 0 }}")
        step["with"]["n"] = step["with"]["n"].replace(" + 0", "")
    assert computed == plain


@pytest.mark.parametrize(("name", "count"), [(THREE, STEPS_A), (TEN, STEPS_B), (ONE, 1)])
def test_steps_of_a_chain_follow_one_another(name: str, count: int) -> None:
    steps = yaml.safe_load(DEFINITIONS[name])["steps"]
    sources = [step["with"]["n"] for step in steps.values()]
    assert sources == [
        "${{ input.n }}",
        *(f"${{{{ steps.s{n}.output.n }}}}" for n in range(1, count)),
    ]
    assert {step["task"] for step in steps.values()} == {NO_OP}


def test_all_of_a_fan_may_run_at_once() -> None:
    assert yaml.safe_load(DEFINITIONS[FAN_OUT])["steps"]["each"]["max_parallel"] == FAN


def test_branches_and_their_sequence_differ_in_nothing_else() -> None:
    parallel, sequence = (yaml.safe_load(DEFINITIONS[n]) for n in (PARALLEL, SEQUENCE))
    assert (parallel["steps"]["each"].pop("max_parallel"), parallel.pop("workflow")) == (
        20,
        PARALLEL,
    )
    assert (sequence["steps"]["each"].pop("max_parallel"), sequence.pop("workflow")) == (
        1,
        SEQUENCE,
    )
    assert parallel == sequence


def test_a_payload_has_200_bytes_of_json() -> None:
    assert len(json.dumps(payload(7), separators=(",", ":"))) == PAYLOAD_BYTES == 200


async def test_handlers_give_a_payload_back() -> None:
    assert await worker.run_local("bench.no_op", {"n": 3}) == payload(3)
    assert await worker.run_local("bench.sleep", {"n": 4}) == payload(4)
    assert SLEEP_S == 0.05
