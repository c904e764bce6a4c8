"""Devices as items: who fits, in which order, what is kept of them, and when there are too few."""

import pytest

from services.decision.core.evaluate import FrameValues, evaluate
from services.decision.core.plans import CompiledPlan, PlanCache
from services.decision.held import MAX_HELD, Held
from services.decision.routing import expanding
from services.decision.routing.answers import Routes
from services.decision.routing.expanding import HEARD_ALL_US, PresentDevices
from stretto.contracts.asks import AskPlan, DevicesPlan
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure
from stretto.contracts.frames import DecidedRecord, DecideFrame, DecideRecord
from stretto.contracts.public import Presence
from stretto.expression.errors import EvaluationError

RUN = b'{"namespace": "default"}'
SCOPE = {"run": {"namespace": "default"}}


def fleet(*presences: Presence) -> PresentDevices:
    routes = Routes(explore=0.0)
    for presence in presences:
        routes.heard("default", presence.device, presence, 1)
    routes.heard("other", "stranger", Presence(tasks=["t"]), 1)
    return PresentDevices(routes, lambda: 1)


def ask(devices: PresentDevices | None, plan: DevicesPlan, path: str = "run") -> DecidedRecord:
    asked = AskPlan(workflow="w", version=1, step="s", paths=((path,),), devices=plan)
    compiled = PlanCache().get(json_encode(asked))
    assert isinstance(compiled, CompiledPlan)
    record = DecideRecord(bytes(16), "s", 1, 0, 0, (0,))
    return evaluate(compiled, FrameValues([RUN]), record, devices)


THREE = (
    Presence(device="b", tasks=["t"], attributes={"site": "n"}, slots=4, busy=3),
    Presence(device="a", tasks=["t"], attributes={"site": "n"}, labels={"x": "y"}),
    Presence(device="c", tasks=["u"], attributes={"site": "s"}),
)


def test_those_that_know_the_task_and_fit_come_in_the_order_of_their_names() -> None:
    answer = ask(fleet(*THREE), DevicesPlan(where="device.attributes.site == 'n'", task="t"))
    assert answer.items is not None
    assert answer.items[0] == (
        b'{"name":"a","queue":null,"tasks":["t"],"capabilities":[],"attributes":{"site":"n"},'
        b'"labels":{"x":"y"},"slots":1}'
    )
    assert len(answer.items) == 2 and b'"busy"' not in answer.items[1]


def test_without_a_task_and_a_condition_it_is_everybody_of_the_namespace() -> None:
    devices = fleet(*THREE, Presence(device="d"))
    assert len(ask(devices, DevicesPlan()).items or ()) == 4
    assert len(ask(devices, DevicesPlan(task="u")).items or ()) == 2, "d says no tasks: it may"


def test_nobody_is_an_empty_list_and_too_few_a_failure_that_counts() -> None:
    plan = DevicesPlan(where="device.attributes.site == 'x'", task="t")
    assert ask(fleet(*THREE), plan).items == []
    error = ask(fleet(*THREE), DevicesPlan(where="device.slots > 1", task="t", at_least=2)).error
    assert error is not None and error.type == "TooFewDevices" and not error.retryable
    assert error.message == (
        "expected at least 2 devices that fit, but 1 does (3 present, 2 know 't', 1: the condition "
        "is false)"
    )


def test_a_condition_that_does_not_hold_for_a_device_refuses_it_and_a_wrong_one_is_an_error() -> (
    None
):
    assert len(ask(fleet(*THREE), DevicesPlan(where="device.labels.x == 'y'")).items or ()) == 1
    error = ask(fleet(*THREE), DevicesPlan(where="device.(")).error
    assert error is not None and error.type == "ExpressionError"


def test_where_nobody_knows_devices_and_where_there_are_too_many_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = ask(None, DevicesPlan()).error
    assert error is not None and "nobody does here" in error.message
    monkeypatch.setattr("services.decision.core.evaluate.MAX_ITEMS", 2)
    error = ask(fleet(*THREE), DevicesPlan()).error
    assert error is not None and "at most 2 devices, but 3 fit" in error.message


def test_compiled_conditions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expanding, "MAX_MATCHERS", 1)
    devices = fleet(*THREE)
    for _ in range(2):
        for where in ("device.name == 'a'", "device.name == 'b'", "device.name == 'b'"):
            found = devices.that_fit(DevicesPlan(where=where), SCOPE)
            assert not isinstance(found, Failure) and len(found) == 1
    with pytest.raises(EvaluationError):
        devices.that_fit(DevicesPlan(where="("), SCOPE)


def test_everybody_has_been_heard_after_a_while() -> None:
    now = [5]
    devices = PresentDevices(Routes(explore=0.0), lambda: now[0])
    assert not devices.is_complete
    devices.listens()
    assert not devices.is_complete
    now[0] += HEARD_ALL_US
    assert devices.is_complete


def test_what_is_held_is_given_once_and_is_bounded() -> None:
    held, frame = Held(), DecideFrame(plans=[], values=[], records=[])
    for turn in range(MAX_HELD + 1):
        held.take(frame, DecideRecord(bytes(16), "s", turn, 0, 0))
    turns = [record.turn for _, record in held.all()]
    assert turns == list(range(1, MAX_HELD + 1)) and not list(held.all())


def test_too_few_of_any_task_are_told_without_one() -> None:
    error = ask(fleet(*THREE), DevicesPlan(where="device.slots > 9", at_least=1)).error
    assert error is not None
    assert error.message == (
        "expected at least 1 devices that fit, but none do (3 present, 3: the condition is false)"
    )
