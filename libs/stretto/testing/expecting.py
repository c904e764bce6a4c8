"""What is expected of a run against what came of it: differences, each in one sentence."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from stretto.definition.nodes import path_text
from stretto.definition.shapes import Located
from stretto.testing.document import Expected, StepExpected
from stretto.testing.scene import Outcome

MAX_SHOWN_CHARS = 400
"""A value is shown up to here."""

CLOSE_S = 0.000_001
"""Lengths of time are whole microseconds."""

Paths = list[Located[str]]


@dataclass(frozen=True)
class Difference:
    """One thing that is otherwise than expected, and the line of the file that expects it."""

    what: str
    message: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.what}: {self.message}"


def differences(expected: Expected, outcome: Outcome, line: int = 0) -> list[Difference]:
    """Compare a run with what is expected of it; [] when all is as expected."""
    return [*_ending(expected, outcome, line), *_way(expected, outcome), *_rest(expected, outcome)]


def _ending(expected: Expected, outcome: Outcome, line: int) -> Iterator[Difference]:
    fails = expected.failure is not None or expected.message is not None
    wanted = "failed" if fails else "completed"
    at = line
    if expected.status is not None:
        wanted, at = expected.status.value, expected.status.node.line
    ended_badly = {"failed", "cancelled", "terminated", "refused"}
    right = outcome.status == wanted or (
        expected.status is None and fails and outcome.status in ended_badly
    )
    if not right:
        yield Difference("status", f"expected {wanted}, but it is {_how(outcome)}", at)
    failure = outcome.failure
    kind = "none" if failure is None else failure.type
    if expected.failure is not None and expected.failure.value != kind:
        text = f"expected {expected.failure.value}, but it is {kind}"
        more = f": {failure.message}" if failure is not None and failure.message else ""
        yield Difference("failure", text + more, expected.failure.node.line)
    if expected.message is not None:
        message = "" if failure is None else failure.message
        if expected.message.value not in message:
            text = f"expected it to hold {expected.message.value!r}, but it is {message!r}"
            yield Difference("message", text, expected.message.node.line)
    if expected.output is not None:
        wanted_output = expected.output.value.data
        for where, said in compare(wanted_output, outcome.output, "output", whole=True):
            yield Difference(where, said, expected.output.node.line)


def _how(outcome: Outcome) -> str:
    if outcome.failure is not None:
        said = outcome.failure.message
        where = f" at {outcome.failure.step}" if outcome.failure.step else ""
        return f"{outcome.status}{where}: {outcome.failure.type}" + (f": {said}" if said else "")
    waits = "; ".join(outcome.waits_for)
    return f"{outcome.status}: {waits}" if waits else outcome.status


def _way(expected: Expected, outcome: Outcome) -> Iterator[Difference]:
    """Which steps ran, in which order."""
    if expected.path is not None:
        yield from _same_list("path", expected.path, outcome.path)
    if expected.compensated is not None:
        yield from _same_list("compensated", expected.compensated, outcome.compensated)
    if expected.ran is not None:
        yield from _in_order(expected.ran, outcome)
    for each in [] if expected.skipped is None else expected.skipped.value:
        if each.value not in outcome.skipped:
            text = f"expected {each.value} to be skipped, but it is {_status(outcome, each.value)}"
            yield Difference("skipped", text, each.node.line)
    for each in [] if expected.not_run is None else expected.not_run.value:
        if each.value in outcome.path:
            text = f"expected {each.value} not to run, but it is {_status(outcome, each.value)}"
            yield Difference("not_run", text, each.node.line)


def _status(outcome: Outcome, path: str) -> str:
    found = outcome.steps.get(path)
    return "pending (the run did not come to it)" if found is None else found.status


def _same_list(what: str, wanted: Located[Paths], got: list[str]) -> Iterator[Difference]:
    names = [each.value for each in wanted.value]
    if names != got:
        text = f"expected {_listed(names)}, but it is {_listed(got)}"
        yield Difference(what, text, wanted.node.line)


def _listed(names: list[str]) -> str:
    return " → ".join(names) if names else "none"


def _in_order(ran: Located[Paths], outcome: Outcome) -> Iterator[Difference]:
    left = iter(outcome.path)
    before = ""
    for each in ran.value:
        if each.value not in outcome.path:
            text = f"expected {each.value} to run, but it is {_status(outcome, each.value)}"
            yield Difference("ran", text, each.node.line)
        elif each.value not in left:
            text = f"expected {each.value} after {before}, but the order is "
            yield Difference("ran", text + _listed(outcome.path), each.node.line)
            return
        else:
            before = each.value


def _rest(expected: Expected, outcome: Outcome) -> Iterator[Difference]:
    for path, step in expected.steps.items():
        for text in _step(step.value, outcome, path):
            yield Difference(f"steps.{path}", text, step.node.line)
    for task, wanted in expected.calls.items():
        count = sum(1 for call in outcome.calls if call.task == task)
        if count != wanted.value:
            text = f"expected {wanted.value:g} calls, but there were {count}"
            yield Difference(f"calls.{task}", text, wanted.node.line)
    if expected.emitted is not None:
        got = [data for _, data in outcome.emitted]
        for where, said in compare(expected.emitted.value.data, got, "emitted", whole=True):
            yield Difference(where, said, expected.emitted.node.line)
    if expected.took is not None:
        took = expected.took.value
        low, high = took.at_least, took.at_most
        if low is not None and low == high and abs(outcome.took_s - low) > CLOSE_S:
            text = f"expected {length(low)}, but it took {length(outcome.took_s)}"
            yield Difference("took", text, expected.took.node.line)
        elif low is not None and outcome.took_s < low - CLOSE_S:
            text = f"expected at least {length(low)}, but it took {length(outcome.took_s)}"
            yield Difference("took", text, expected.took.node.line)
        elif high is not None and outcome.took_s > high + CLOSE_S:
            text = f"expected at most {length(high)}, but it took {length(outcome.took_s)}"
            yield Difference("took", text, expected.took.node.line)


def _step(wanted: StepExpected, outcome: Outcome, path: str) -> Iterator[str]:
    found = outcome.steps.get(path)
    if found is None:
        if wanted.status != "pending":
            yield f"expected {wanted.status or 'it to run'}, but the run did not come to it"
        return
    if wanted.status is not None and wanted.status != found.status:
        why = f" ({found.reason})" if found.reason else ""
        yield f"expected {wanted.status}, but it is {found.status}{why}"
    if wanted.attempts is not None and wanted.attempts != found.attempts:
        yield f"expected {wanted.attempts:g} attempts, but there were {found.attempts}"
    if wanted.failure is not None:
        kind = "none" if found.failure is None else found.failure.type
        if kind != wanted.failure:
            yield f"expected failure {wanted.failure}, but it is {kind}"
    if wanted.device is not None and wanted.device != found.device:
        yield f"expected it to go to {wanted.device}, but it went to {found.device or 'none'}"
    for name, node, got in (
        ("input", wanted.input, found.input),
        ("output", wanted.output, found.output),
    ):
        if node is not None:
            for where, text in compare(node.data, got, name, whole=False):
                yield f"{where}: {text}"


def compare(wanted: Any, got: Any, where: str, *, whole: bool) -> list[tuple[str, str]]:
    """Compare JSON values: (place, sentence) of each difference. Not `whole`: objects may hold
    more than is wanted."""
    return list(_compare(wanted, got, (where,), whole=whole))


def _compare(
    wanted: Any, got: Any, path: tuple[str | int, ...], *, whole: bool
) -> Iterator[tuple[str, str]]:
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key in wanted:
            if key in got:
                yield from _compare(wanted[key], got[key], (*path, key), whole=whole)
            else:
                yield path_text((*path, key)), f"expected {shown(wanted[key])}, but there is none"
        for key in got if whole else ():
            if key not in wanted:
                yield path_text((*path, key)), f"expected none, but it is {shown(got[key])}"
        return
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for index, (left, right) in enumerate(zip(wanted, got, strict=True)):
            yield from _compare(left, right, (*path, index), whole=whole)
        return
    numbers = not isinstance(wanted, bool) and not isinstance(got, bool)
    if wanted != got or (type(wanted) is not type(got) and not numbers):
        yield path_text(path), f"expected {shown(wanted)}, but it is {shown(got)}"


def shown(value: Any) -> str:
    """Write a value as JSON on one line, cut where it is long."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 1] + "…"


_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"))


def length(seconds: float) -> str:
    """Write a length of time as tests write it: `1d2h`, `90ms`, `1.5s`."""
    if seconds < 1:
        return f"{round(seconds * 1e3, 3):g}ms"
    text = ""
    left = round(seconds, 6)
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        text += f"{count:.0f}{unit}" if count else ""
    left = round(left, 6)
    return text + (f"{left:g}s" if left or not text else "")
