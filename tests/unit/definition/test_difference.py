"""What changed between two versions, step by step and field by field."""

from typing import Any

import pytest

from stretto.definition.difference import Change, difference, document_of, told

OLD: dict[str, Any] = {
    "workflow": "w",
    "timeout": "1h",
    "labels": {"a": "1"},
    "steps": {
        "charge": {"task": "pay", "retry": {"max_attempts": 3}, "with": {"x": [1, 2], "gone": 1}},
        "old": {"task": "old"},
        "group": {"steps": {"in": {"set": {"a": 1}}, "same": {"wait": "5s"}}},
    },
}
NEW: dict[str, Any] = {
    "workflow": "w",
    "labels": {"a": "1", "b": "2"},
    "steps": {
        "group": {"steps": {"same": {"wait": "5s"}, "in": {"set": {"a": True}}}},
        "charge": {"task": "pay", "retry": {"max_attempts": 5}, "with": {"x": [1, 3]}},
        "new": {"needs": ["charge"], "task": "new"},
        "odd": 5,
    },
    "output": "${{ steps.new.output }}",
}


def test_steps_are_added_removed_and_changed_field_by_field() -> None:
    assert [told(change) for change in difference(OLD, NEW)] == [
        '- timeout: "1h"',
        '+ labels.b: "2"',
        '+ output: "${{ steps.new.output }}"',
        "~ group.in: set.a: 1 → true",
        "- old (task old)",
        "~ charge: retry.max_attempts: 3 → 5",
        "~ charge: with.x: [1,2] → [1,3]",
        "- charge: with.gone: 1",
        "+ new (task new)",
        "+ odd: 5",
    ]


def test_the_same_is_no_difference_whatever_the_order() -> None:
    turned = {**OLD, "steps": dict(reversed(OLD["steps"].items()))}

    assert difference(OLD, turned) == []


def test_there_and_back_is_the_opposite() -> None:
    there = {(c.step, c.field): (c.before, c.after) for c in difference(OLD, NEW)}
    back = {(c.step, c.field): (c.after, c.before) for c in difference(NEW, OLD)}

    assert there == back


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (Change(what="changed", step="a", before={"b": 1}, after=5), '~ a: {"b":1} → 5'),
        (Change(what="added", step="a", after={"steps": {}}), "+ a (steps)"),
        (Change(what="added", step="a", after={"odd": {}}), "+ a (step)"),
        (Change(what="changed", field="x", before="a\nb", after=None), '~ x: "a\\nb" → null'),
        (
            Change(what="added", field="x", after=list(range(99))),
            "+ x: " + "[" + ",".join(map(str, range(99)))[:98] + "…",
        ),
    ],
)
def test_a_change_is_a_line(change: Change, line: str) -> None:
    assert told(change) == line


def test_a_step_that_is_none_is_compared_as_a_whole() -> None:
    changes = difference({"steps": {"a": 1}}, {"steps": {"a": {"task": "t"}}})

    assert [(c.what, c.step, c.after) for c in changes] == [("changed", "a", {"task": "t"})]
    assert difference({"steps": 1}, {"steps": {}})[0].field == "steps"


def test_the_document_of_a_version_has_its_templates_written_out() -> None:
    assert document_of({"source": "a: 1", "expanded": {"b": 2}}) == {"b": 2}
    assert document_of({"source": "a: 1", "expanded": None}) == {"a": 1}
