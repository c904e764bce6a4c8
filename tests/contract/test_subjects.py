"""Subjects are read as they are built."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from stretto.contracts import subjects

PARSED = {
    name.removeprefix("parse_"): function
    for name, function in inspect.getmembers(subjects, inspect.isfunction)
    if name.startswith("parse_")
}


def built(kind: str) -> tuple[str, tuple[Any, ...]]:
    """A subject of a kind, and what it was built of."""
    build: Callable[..., str] = getattr(subjects, kind)
    wanted = inspect.signature(build).parameters
    parts = tuple(7 if name == "partition" else f"{name}-1" for name in wanted)
    return build(*parts), parts


@pytest.mark.parametrize("kind", PARSED)
def test_a_subject_is_read_as_it_was_built(kind: str) -> None:
    subject, parts = built(kind)
    read = PARSED[kind](subject)

    assert (tuple(read) if isinstance(read, tuple) else (read,)) == parts


@pytest.mark.parametrize("kind", PARSED)
def test_a_subject_of_another_kind_is_refused(kind: str) -> None:
    subject, _ = built(kind)

    for wrong in (
        f"{subject}.more",
        subject.rpartition(".")[0],
        f"other.{subject}",
        "",
        subject[1:],
    ):
        with pytest.raises(ValueError, match="expected a subject"):
            PARSED[kind](wrong)
