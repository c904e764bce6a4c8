"""What a start looks like before it is sent, and errors that travel."""

from __future__ import annotations

import pickle

import msgspec
import pydantic
import pytest

from stretto.client.errors import DefinitionMistakes, Rejected, RunFailed, ended, rejection
from stretto.client.starting import Start, encode_payload, new_run_id, prepare, read_answer
from stretto.contracts.failures import Failure, Reason


def test_a_start_has_its_run_id_before_it_is_sent() -> None:
    run_id, message = prepare(Start(workflow="w", input={"a": 1}), "default")
    assert message.subject == "stretto.start.default.w"
    assert msgspec.json.decode(message.data) == {"input": {"a": 1}, "run_id": run_id}
    assert message.msg_id == run_id
    assert message.headers is None


def test_a_chosen_run_id_is_no_message_id() -> None:
    # The store must not drop a start that was refused and is sent again.
    chosen = new_run_id()
    run_id, message = prepare(
        Start(workflow="w", run_id=chosen, id="k", version=3, labels={"a": "b"}, traceparent="t"),
        "default",
    )
    assert run_id == chosen and message.msg_id is None
    assert message.headers == {"traceparent": "t"}
    assert msgspec.json.decode(message.data) == {
        "input": None,
        "id": "k",
        "run_id": chosen,
        "version": 3,
        "labels": {"a": "b"},
    }


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (Start(workflow="Big"), "expected the workflow to be a name"),
        (Start(workflow="a" * 101), "expected the workflow to be a name"),
        (Start(workflow="w.*"), "expected the workflow to be a name"),
        (Start(workflow="w", run_id="17"), "expected a run id to be a UUID"),
        (Start(workflow="w", input=object()), "expected the input to be JSON"),
        (Start(workflow="w", input="x" * 1_100_000), "expected at most 1048576 bytes"),
    ],
)
def test_what_would_be_refused_is_refused_at_once(start: Start, why: str) -> None:
    with pytest.raises(Rejected, match=why):
        prepare(start, "default")


def test_deep_input_is_refused() -> None:
    deep: object = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(Rejected, match="nested at most 64 deep"):
        encode_payload(deep, "input")


def test_models_and_ready_json_are_taken_as_they_are() -> None:
    class Order(pydantic.BaseModel):
        number: int

    assert encode_payload({"order": Order(number=7)}, "input") == b'{"order":{"number":7}}'
    assert encode_payload(msgspec.Raw(b' {"a" : 1}'), "input") == b' {"a" : 1}'


def test_run_ids_are_in_the_order_of_their_making() -> None:
    assert new_run_id()[14] == "7"
    assert len({new_run_id() for _ in range(1000)}) == 1000


def test_answers_are_read() -> None:
    assert read_answer(b'{"run_id":"r","workflow":"w","version":1}') == ("r", False)
    assert read_answer(b'{"run_id":"r","existing":true}') == ("r", True)
    with pytest.raises(Rejected, match="no"):
        read_answer(b'{"rejected":{"code":"c","message":"no"}}')


def test_errors_survive_pickling_with_all_they_say() -> None:
    mistakes = [{"line": n, "message": f"m{n}"} for n in range(7)]
    error = rejection(Reason(code="definition_invalid", message="wrong", details=mistakes))
    assert isinstance(error, DefinitionMistakes)
    copy = pickle.loads(pickle.dumps(error))
    assert copy.mistakes == mistakes
    assert str(copy).splitlines()[-2:] == ["  line 4: m4", "  … and 2 more"]

    failed = ended("r", "failed", Failure(type="T", message="m"))
    assert isinstance(failed, RunFailed)
    copy = pickle.loads(pickle.dumps(failed))
    assert (copy.run_id, copy.status, copy.failure) == ("r", "failed", failed.failure)
    assert str(copy) == "expected run r to complete, but it is failed: T: m [run.failed]"
