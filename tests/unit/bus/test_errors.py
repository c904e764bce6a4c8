"""Errors keep their code and detail wherever they go."""

from __future__ import annotations

import pickle

from stretto.bus.api_errors import Missing
from stretto.runtime.errors import NotReachable, PermanentError, StrettoError, TransientError


def test_an_error_says_its_sentence_and_its_code() -> None:
    error = PermanentError("demo.code", "expected one thing, but got another", {"n": 1})
    assert str(error) == "expected one thing, but got another [demo.code]"
    assert (error.code, error.detail) == ("demo.code", {"n": 1})
    assert NotReachable("a", "b").detail == {}


def test_an_error_survives_the_way_from_another_process() -> None:
    for kind in (TransientError, NotReachable, PermanentError, Missing):
        error = pickle.loads(pickle.dumps(kind("demo.code", "sentence", {"n": 1})))
        assert type(error) is kind
        assert (error.code, error.message, error.detail) == ("demo.code", "sentence", {"n": 1})
        assert isinstance(error, StrettoError)
