"""Files that belong together: in which order they are registered, and what uses what."""

from pathlib import Path

import pytest

from stretto.cli.calling import Call
from stretto.cli.template_files import look, ordered, sketched
from stretto.client import Rejected
from stretto.client.catalogue import instance_of
from stretto.client.starting import Start, settle, version_of

A = "template: a\nsteps: {x: {use: b@1}}\n"
B = "template: b\nsteps: {x: {use: c}}\n"
C = "template: c\nsteps: {x: {task: t}}\n"
RING = "template: c\nsteps: {x: {use: a}}\n"
W = "workflow: w\nsteps: {x: {use: a}}\n"
LABEL = "label: stable\nworkflow: w\nversion: 1\n"
NOWHERE = Call("nats://127.0.0.1:1", "default", json=False)


def files(*texts: str) -> list[tuple[Path, str]]:
    return [(Path(str(number)), text) for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        ((LABEL, W, A, B, C), "43210"),
        ((W, C, C, B), "2310"),
        ((A, B, RING), "210"),
        ((W,), "0"),
    ],
)
def test_what_is_used_comes_before_what_uses_it(texts: tuple[str, ...], order: str) -> None:
    found = ordered(sketched(files(*texts)))

    assert "".join(str(one.file) for one in found) == order


def test_files_that_are_all_there_need_no_server() -> None:
    looked = look(sketched(files(W, A, B, C)), NOWHERE)

    assert [loaded.mistakes for loaded in looked.templates.values()] == [[], [], []]
    assert looked.library.names() == ["a", "b", "c"]
    assert looked.library.missing == {}


def test_a_template_that_is_nowhere_is_told_with_the_reason() -> None:
    looked = look(sketched(files(W, A, B)), NOWHERE)

    assert list(looked.library.missing) == ["c"]
    assert "the server could not be asked" in looked.library.missing["c"]


def test_a_file_that_is_no_template_after_all_is_told() -> None:
    looked = look(sketched(files("template: [5]\nsteps: {}\n")), NOWHERE)

    (loaded,) = looked.templates.values()
    assert loaded.mistakes
    assert looked.library.names() == []


def test_a_workflow_says_its_version() -> None:
    assert settle(Start(workflow="order@3")) == Start(workflow="order", version="3")
    assert settle(Start(workflow="order", version=3)) == Start(workflow="order", version=3)
    assert [version_of(v) for v in (None, 3, "3", "stable", "latest")] == [
        (None, None),
        (3, None),
        (3, None),
        (None, "stable"),
        (None, None),
    ]
    with pytest.raises(Rejected, match="expected one version"):
        settle(Start(workflow="order@3", version=3))
    with pytest.raises(Rejected, match="expected a version"):
        version_of("Not a label")


def test_an_instance_is_a_definition() -> None:
    assert instance_of("t@2", {"a": 1}) == '{"workflow":"t","use":"t@2","with":{"a":1}}'
    assert instance_of("t", {}, "w") == '{"workflow":"w","use":"t","with":{}}'
