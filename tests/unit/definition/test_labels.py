"""Labels of versions, as documents."""

import pytest

from stretto.definition.labels import LabelText, read_label


def test_a_label_points_to_a_version_or_is_taken_away() -> None:
    assert read_label("label: stable\nworkflow: order\nversion: 3\n") == LabelText(
        label="stable", kind="workflow", name="order", version=3
    )
    assert read_label('{"label": "a", "template": "t", "workflow": null, "version": null}') == (
        LabelText(label="a", kind="template", name="t")
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("label: latest\nworkflow: a\n", "l:1:8: label: expected a label of one's own, but latest"),
        ("label: 5\nworkflow: a\n", "l:1:8: label: expected a label of a version"),
        ("label: a\n", "l:1:1: expected a label to have either workflow or template, but it has n"),
        ("label: a\nworkflow: b\ntemplate: c\n", "l:1:1: expected a label to have either workflow"),
        ("label: a\nworkflow: b\nversion: 0\n", "l:3:10: version: expected a version from 1"),
        ("label: a\nworkflw: b\n", 'l:2:1: workflw: expected a known key, but got "workflw"'),
        ("label: [", "l:2:1: expected the document to be YAML"),
        ("[]", "l:1:1: expected a label (a mapping), but got an empty list"),
    ],
)
def test_a_wrong_label_is_told(text: str, said: str) -> None:
    read = read_label(text, "l")

    assert isinstance(read, list)
    assert any(str(mistake).startswith(said) for mistake in read)
