"""A file of tests together with its workflows: read, and checked against each other.

All mistakes are told at once, as `stretto validate` does: place, reason, suggestion. A mocked task
that nobody asks for, or a step that is not there, would make a test that claims nothing.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stretto.contracts.graph import Graph
from stretto.definition import Mistake, compile_graph
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Mapping, Node, path_text, quoted
from stretto.definition.shapes import Located
from stretto.definition.yaml_reader import read
from stretto.testing.definitions import Text, library_of, read_definition, written_out
from stretto.testing.document import Expected, FileText, TestText, read_file
from stretto.testing.outline import paths_in, signals_in, tasks_in, without_indices
from stretto.testing.scene import Act, Scene

_MAX_LISTED = 20


@dataclass(frozen=True, kw_only=True)
class TestFile:
    """A file of tests, ready to be played; with mistakes there are no scenes."""

    __test__ = False

    file: str
    mistakes: list[Mistake] = field(default_factory=list)
    tests: list[tuple[TestText, Scene]] = field(default_factory=list)


def read_tests(file: Path) -> TestFile:
    """Read a file of tests and the definitions that it names.

    Raises:
        OSError: the file itself cannot be read.
        UnicodeDecodeError: it is no text.
    """
    text = file.read_text(encoding="utf-8")
    report = Report(str(file))
    node = read(text, report)
    document = None
    if node is not None and (other := _is_another(node)) is not None:
        report.mistake(node, (), "not_tests", *other)
    elif node is not None:
        document = read_file(node, report)
    if document is None:
        return TestFile(file=str(file), mistakes=report.mistakes())
    library, wrong = library_of(_texts(file, document.templates, report))
    texts = _texts(file, [document.workflow, *document.children], report)
    loaded = [read_definition(text, library) for text in texts]
    wrong += [mistake for each in loaded for mistake in each.mistakes]
    definitions = [each.definition for each in loaded if each.definition is not None]
    if len(definitions) == 1 + len(document.children):
        _check_names(document, [compile_graph(each, 1) for each in definitions], report)
    if report.count or wrong:
        return TestFile(file=str(file), mistakes=[*report.mistakes(), *wrong])
    sources = tuple(
        written_out(definition, text.source)
        for definition, text in zip(definitions, texts, strict=True)
    )
    return TestFile(
        file=str(file), tests=[(each, _scene(document, each, sources)) for each in document.tests]
    )


def _is_another(node: Node) -> tuple[str, str] | None:
    """Say what a document is that is no file of tests, and what to do; None: it may be one."""
    if not isinstance(node, Mapping) or "tests" in node.entries:
        return None
    for key, what in _OTHERS.items():
        if key in node.entries and not (key == "workflow" and _names_a_file(node.entries[key])):
            return (
                f"expected a file of tests (a mapping with workflow and tests), but this is {what}",
                "write the tests into a file of their own beside it: workflow: FILE, tests: […]",
            )
    return None


_OTHERS = {
    "template": "a template",
    "schedule": "a schedule",
    "label": "a label",
    "workflow": "the definition of a workflow",
}
"""Documents of other kinds, by their first key. `workflow` names a file in a file of tests."""


def _names_a_file(node: Node) -> bool:
    """Names of workflows hold neither dots nor slashes."""
    return not isinstance(node.data, str) or "." in node.data or "/" in node.data


def _texts(file: Path, names: list[Located[str]], report: Report) -> list[Text]:
    """Read the files that a file of tests names; those that cannot be read are mistakes."""
    found = []
    for name in names:
        path = file.parent / name.value
        try:
            found.append(Text(str(path), path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            near = report.meant(name.value, [p.name for p in file.parent.glob("*.y*ml")])
            report.mistake(
                name.node, name.path, "no_file",
                f"expected to read {quoted(str(path))}, but {why}", near,
            )  # fmt: skip
    return found


def _scene(document: FileText, test: TestText, sources: tuple[str, ...]) -> Scene:
    tasks = {name: each.value for name, each in {**document.tasks, **test.tasks}.items()}
    steps = {name: each.value for name, each in {**document.steps, **test.steps}.items()}
    return Scene(
        definitions=sources,
        input={} if test.input is None else test.input.value.data,
        tasks=tasks,
        steps=steps,
        acts=tuple(sorted((each.value for each in test.do), key=lambda act: act.at_s)),
        devices=tuple(
            device.presence(name) for name, device in {**document.devices, **test.devices}.items()
        ),
        until_s=test.until,
    )


class _Names:
    """What may be named in a file, and how to say that something is not there."""

    def __init__(self, graphs: list[Graph], report: Report) -> None:
        self._report = report
        self.workflow = graphs[0].name
        self.paths = paths_in(graphs[0])
        self.mocked_paths = {path for graph in graphs for path in paths_in(graph)}
        self.tasks = {task for graph in graphs for task in tasks_in(graph)}
        self.signals = signals_in(graphs[0])

    def want(self, what: str, name: str, known: Collection[str], at: Located[Any]) -> None:
        if name in known:
            return
        listed = ", ".join(sorted(known)[:_MAX_LISTED]) or "none"
        self._report.mistake(
            at.node, at.path, f"unknown_{what}",
            f"expected a {what} of {quoted(self.workflow)}, but {quoted(name)} is none",
            self._report.meant(name, sorted(known)) or f"known are {listed}",
        )  # fmt: skip

    def want_step(self, path: str, at: Located[Any]) -> None:
        self.want("step", without_indices(path), self.paths, at)


def _check_names(document: FileText, graphs: list[Graph], report: Report) -> None:
    names = _Names(graphs, report)
    for tasks in (document.tasks, *(test.tasks for test in document.tests)):
        for task, at in tasks.items():
            names.want("task", task, names.tasks, at)
    for steps in (document.steps, *(test.steps for test in document.tests)):
        for path, at in steps.items():
            names.want("step", without_indices(path), names.mocked_paths, at)
    _check_titles(document.tests, report)
    for test in document.tests:
        for act in test.do:
            _check_act(act, names)
        if test.expect is not None:
            _check_expected(test.expect.value, names)


def _check_titles(tests: Iterable[TestText], report: Report) -> None:
    seen: dict[str, Located[str]] = {}
    for test in tests:
        first = seen.setdefault(test.name.value, test.name)
        if first is not test.name:
            report.mistake(
                test.name.node, test.name.path, "duplicate",
                f"expected tests to have names of their own, but {path_text(first.path)} is "
                f"{quoted(first.value)} too",
            )  # fmt: skip


def _check_act(act: Located[Act], names: _Names) -> None:
    fields = act.value.fields
    if act.value.command == "signal" and "name" in fields:
        names.want("signal", fields["name"], names.signals, act)
    elif "step" in fields:
        names.want_step(fields["step"], act)


def _check_expected(expected: Expected, names: _Names) -> None:
    listed = (
        expected.path, expected.ran, expected.skipped, expected.not_run, expected.compensated
    )  # fmt: skip
    for each in listed:
        for path in [] if each is None else each.value:
            names.want_step(path.value, path)
    for name, at in expected.steps.items():
        names.want_step(name, at)
    for task, count in expected.calls.items():
        names.want("task", task, names.tasks, count)
