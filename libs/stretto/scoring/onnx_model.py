"""A scorer that is an ONNX model: `STRETTO_DECISION_SCORER=onnx`, `STRETTO_SCORER_MODEL=file.onnx`.

The model has one input, a matrix of 32-bit floats with a row for each device and the columns of
`FEATURES` (what is not known is -1), and its first output has a number for each row. The columns of
`stretto decisions export` are called the same. Needs the extra `ml`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from stretto.contracts.routes import FEATURES
from stretto.scoring.scorer import ScorerError, Situation

__all__ = ["FEATURES", "MODEL_VARIABLE", "OnnxScorer", "from_environment"]

MODEL_VARIABLE = "STRETTO_SCORER_MODEL"
UNKNOWN = -1.0


class OnnxScorer:
    """See the module's docstring.

    Raises:
        ScorerError: the extra is not installed, or the file is no such model.
    """

    def __init__(self, model: Path) -> None:
        try:
            import numpy
            import onnxruntime
        except ImportError as error:
            raise ScorerError(
                f"expected the extra `ml` to be installed (stretto[ml]), but {error}"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a few rows: threads would cost more than they give
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ScorerError(f"expected {model} to be a model, but {error}") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ScorerError(f"expected a model with one input, but it has {len(inputs)}")
        self._input = inputs[0].name
        self._numpy = numpy

    def score(self, situations: Sequence[Situation]) -> Sequence[float]:
        """Ask the model, all devices at once."""
        rows = [features(situation) for situation in situations]
        matrix = self._numpy.asarray(rows, dtype=self._numpy.float32)
        scores: list[float] = self._session.run(None, {self._input: matrix})[0].ravel().tolist()
        return scores


def features(situation: Situation) -> tuple[float, ...]:
    """The columns of `FEATURES`."""
    known = (situation.load, situation.slots, situation.time_ms, situation.cost_ms)
    return tuple(UNKNOWN if value is None else float(value) for value in known)


def from_environment() -> OnnxScorer:
    """Make the scorer of the model that the environment names.

    Raises:
        ScorerError: it names none; see `OnnxScorer`.
    """
    path = os.environ.get(MODEL_VARIABLE, "")
    if not path:
        raise ScorerError(f"expected {MODEL_VARIABLE} to name a model, but it is not set")
    return OnnxScorer(Path(path))
