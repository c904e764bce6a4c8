"""`run_workflow`: play a workflow from a Python test, without anything asynchronous."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stretto.contracts.durations import parse_duration
from stretto.testing.definitions import Text, library_of, read_definition, written_out
from stretto.testing.devices import devices_of
from stretto.testing.replies import Reply
from stretto.testing.scene import Act, Outcome, Scene
from stretto.testing.stage import World, engine


class DefinitionWrong(AssertionError):
    """The workflow of a test has mistakes; the message names each with its place."""


def text_of(definition: str | Path) -> Text:
    """Give the text of a definition or template: a path is read, a text with more than one line is
    it. Raises OSError if the file cannot be read."""
    if isinstance(definition, str) and "\n" in definition:
        return Text("<definition>", definition)
    return Text(str(definition), Path(definition).read_text(encoding="utf-8"))


def sources_of(
    definitions: Iterable[str | Path], templates: Iterable[str | Path] = ()
) -> tuple[str, ...]:
    """Give the texts of definitions, the templates that they use written out.

    Raises:
        OSError: a file cannot be read.
        DefinitionWrong: one of them has mistakes.
    """
    library, mistakes = library_of(map(text_of, templates))
    found = []
    for text in map(text_of, definitions):
        loaded = read_definition(text, library)
        mistakes += loaded.mistakes
        if loaded.definition is not None:
            found.append(written_out(loaded.definition, text.source))
    if mistakes:
        raise DefinitionWrong("\n".join(str(mistake) for mistake in mistakes))
    return tuple(found)


def run_workflow(
    definition: str | Path,
    input: Any = None,  # noqa: A002 - the word of the contract
    *,
    tasks: Mapping[str, Reply] | None = None,
    steps: Mapping[str, Reply] | None = None,
    script: Iterable[Act] = (),
    children: Iterable[str | Path] = (),
    templates: Iterable[str | Path] = (),
    devices: Mapping[str, Mapping[str, Any]] | None = None,
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
        templates: paths, or texts, of the templates that they use.
        devices: who is present, by name, and what they say of themselves (`capabilities`,
            `attributes`, `labels`, `slots`, `tasks`: all where none are named); attempts with a
            route go to them. None: routes are not looked at.
        until: when to stop, as a length of time since the start.

    Raises:
        DefinitionWrong: a definition has mistakes.
        PermanentError: what tests need is not installed.
    """
    scene = Scene(
        definitions=sources_of((definition, *children), templates),
        input={} if input is None else input,
        tasks=dict(tasks or {}),
        steps=dict(steps or {}),
        acts=tuple(sorted(script, key=lambda act: act.at_s)),
        devices=devices_of(devices or {}),
        until_s=parse_duration(until) if isinstance(until, str) else until,
    )
    return engine().play(scene)


def open_world(
    *definitions: str | Path,
    tasks: Mapping[str, Reply] | None = None,
    steps: Mapping[str, Reply] | None = None,
    templates: Iterable[str | Path] = (),
    devices: Mapping[str, Mapping[str, Any]] | None = None,
) -> World:
    """Give a world whose clock the test moves itself: `start`, `signal`, `advance`, `finish`."""
    present = devices_of(devices or {})
    sources = sources_of(definitions, templates)
    return engine().World(*sources, tasks=tasks, steps=steps, devices=present)
