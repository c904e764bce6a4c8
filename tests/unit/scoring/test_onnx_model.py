"""A tiny model, trained here, decides where attempts go."""

import builtins
import random
from pathlib import Path
from typing import Any

import numpy
import onnx
import pytest
from onnx import TensorProto, helper

from services.decision.routing.answers import Routes
from stretto.scoring import Scorers
from stretto.scoring.onnx_model import FEATURES, MODEL_VARIABLE, OnnxScorer, from_environment
from stretto.scoring.scorer import ScorerError, Situation
from tests.unit.decision.routing.fleets import ask, hear, names, took


def situation(load: float, time_ms: float | None = None) -> Situation:
    return Situation("t", "d", load, 4, time_ms, None, {}, {})


def linear(path: Path, weights: Any, *, inputs: int = 1) -> Path:
    """Write a model that is a weighted sum, with a constant at its end."""
    given = [
        helper.make_tensor_value_info(f"x{n}", TensorProto.FLOAT, [None, len(FEATURES)])
        for n in range(inputs)
    ]
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x0", "w"], ["y"]),
            helper.make_node("Add", ["y", "b"], ["cost"]),
        ],
        "cost",
        given,
        [helper.make_tensor_value_info("cost", TensorProto.FLOAT, [None, 1])],
        [
            helper.make_tensor("w", TensorProto.FLOAT, [len(FEATURES), 1], weights[:-1]),
            helper.make_tensor("b", TensorProto.FLOAT, [1], weights[-1:]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Trained on what came of made-up attempts: 20 ms, and 200 more for a device that is full."""
    drawn = random.Random(5)
    rows, costs = [], []
    for _ in range(500):
        load, slots = drawn.random(), drawn.randrange(1, 8)
        time_ms = drawn.uniform(10, 300)
        rows.append([load, slots, time_ms, drawn.uniform(-1, 300), 1.0])
        costs.append(20 + 200 * load + 0.5 * time_ms + drawn.gauss(0, 5))
    weights, *_ = numpy.linalg.lstsq(numpy.array(rows), numpy.array(costs), rcond=None)
    return linear(tmp_path / "model.onnx", weights.astype(numpy.float32).tolist())


def test_the_model_has_learned_what_a_device_costs(model: Path) -> None:
    idle, full, slow = OnnxScorer(model).score(
        [situation(0.0, 100.0), situation(1.0, 100.0), situation(0.0, 300.0)]
    )
    assert idle == pytest.approx(70, abs=5)
    assert full == pytest.approx(270, abs=5)
    assert slow == pytest.approx(170, abs=5)


def test_attempts_go_where_the_model_says(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, str(model))
    routes = Routes(explore=0.0, scorers=Scorers(None, {"onnx": from_environment()}))
    for name, busy, ms in (("full", 10, 20.0), ("slow", 0, 400.0), ("good", 2, 20.0)):
        hear(routes, name, busy=busy)
        took(routes, name, ms)
    assert names(ask(routes, strategy="learned", scorer="onnx")) == ["good", "slow", "full"]


def test_what_cannot_be_used_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(MODEL_VARIABLE, raising=False)
    with pytest.raises(ScorerError, match=f"expected {MODEL_VARIABLE} to name a model"):
        from_environment()
    none = tmp_path / "none.onnx"
    none.write_bytes(b"none")
    with pytest.raises(ScorerError, match="to be a model, but"):
        OnnxScorer(none)
    two = linear(tmp_path / "two.onnx", [1.0] * 5, inputs=2)
    with pytest.raises(ScorerError, match="one input, but it has 2"):
        OnnxScorer(two)


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name == "onnxruntime":
            raise ImportError("No module named 'onnxruntime'")
        return plain(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ScorerError, match="extra `ml`"):
        OnnxScorer(tmp_path / "model.onnx")
