"""Tasks that are built in: known when a definition is written, and no others begin with `std.`."""

from collections.abc import Mapping

from services.execution.own.tasks import own_handlers
from stretto.definition import load
from stretto.definition.policies import BUILT_IN_TASKS


async def publish(subject: str, data: bytes, headers: Mapping[str, str]) -> None:
    raise AssertionError(f"nothing is published here: {subject} {data!r} {headers}")


def test_those_that_are_known_are_those_that_the_service_does() -> None:
    assert set(BUILT_IN_TASKS) == set(own_handlers(publish, "_INBOX", http_allow_private=False))


def test_one_that_there_is_none_of_is_a_warning_with_the_one_that_was_meant() -> None:
    loaded = load("workflow: w\nsteps:\n  a: {task: std.htpp}\n  b: {task: standard}\n")
    assert [str(mistake) for mistake in loaded.mistakes] == []
    assert [(warning.code, str(warning)) for warning in loaded.warnings] == [
        (
            "unknown_task",
            "<definition>:3:13: steps.a.task: expected a task that is built in (std.echo, "
            'std.fail, std.http, std.log, std.publish, std.sleep), but got "std.htpp"; '
            'did you mean "std.http"?',
        )
    ]


def test_those_that_there_are_are_no_warning() -> None:
    steps = "".join(f"  s{n}: {{task: {task}}}\n" for n, task in enumerate(BUILT_IN_TASKS))
    assert load(f"workflow: w\nsteps:\n{steps}").warnings == []
