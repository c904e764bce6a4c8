"""`run_workflow`: play a workflow from a Python test, without anything asynchronous."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stretto.contracts.durations import parse_duration
from stretto.definition import load
from stretto.testing.replies import Reply
from stretto.testing.scene import Act, Outcome, Scene
from stretto.testing.stage import World, engine


class DefinitionWrong(AssertionError):
    """The workflow of a test has mistakes; the message names each with its place."""


def source_of(definition: str | Path) -> str:
    """Give the text of a definition: a path is read, a text with more than one line is it.

    Raises:
        OSError: the file cannot be read.
        DefinitionWrong: the definition has mistakes.
    """
    named = isinstance(definition, Path) or "\n" not in definition
    text = Path(definition).read_text(encoding="utf-8") if named else str(definition)
    mistakes = load(text, str(definition) if named else "<definition>").mistakes
    if mistakes:
        raise DefinitionWrong("\n".join(str(mistake) for mistake in mistakes))
    return text


def run_workflow(
    definition: str | Path,
    input: Any = None,  # noqa: A002 - the word of the contract
    *,
    tasks: Mapping[str, Reply] | None = None,
    steps: Mapping[str, Reply] | None = None,
    script: Iterable[Act] = (),
    children: Iterable[str | Path] = (),
    until: str | float | None = None,
) -> Outcome:
    """Start a run, let happen what the script says, and move the clock until nothing is due.

    Args:
        definition: a path, or the text of a definition.
        tasks: what each task answers; a task that is not named answers `{}` at once, the built-in
            ones `std.echo`, `std.sleep` and `std.fail` do what they do.
        steps: the same by step, for a task that several steps ask for.
        script: what happens from outside: `After("2h").signal("paid")`.
        children: definitions of the workflows that steps start.
        until: when to stop, as a length of time since the start.

    Raises:
        DefinitionWrong: a definition has mistakes.
        PermanentError: what tests need is not installed.
    """
    scene = Scene(
        definitions=tuple(source_of(each) for each in (definition, *children)),
        input={} if input is None else input,
        tasks=dict(tasks or {}),
        steps=dict(steps or {}),
        acts=tuple(sorted(script, key=lambda act: act.at_s)),
        until_s=parse_duration(until) if isinstance(until, str) else until,
    )
    return engine().play(scene)


def open_world(
    *definitions: str | Path,
    tasks: Mapping[str, Reply] | None = None,
    steps: Mapping[str, Reply] | None = None,
) -> World:
    """Give a world whose clock the test moves itself: `start`, `signal`, `advance`, `finish`."""
    texts = [source_of(each) for each in definitions]
    return engine().World(*texts, tasks=tasks, steps=steps)
