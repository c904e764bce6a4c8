"""Names in groups: every task is given the output of the innermost step of a name."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.testing import Attempt, World
from stretto.definition.limits import MAX_GROUP_DEPTH

NAMES = ("a", "b", "c", "d")


class Text:
    """A random definition, and what each task must be given, by path and name."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.expected: dict[str, dict[str, str]] = {}
        self.lines = ["workflow: w", "steps:"]
        self.scope({}, "", 1)

    def scope(self, seen: dict[str, str], prefix: str, depth: int) -> None:
        """Write steps; `seen` are the names that are known around them, with their paths."""
        own: dict[str, str] = {}
        names = self.rng.sample(NAMES, k=self.rng.randint(1, 3))
        for name in names:
            # Names of this scope hide outer ones even where they come later: those can not be read.
            visible = {n: p for n, p in {**seen, **own}.items() if n in own or n not in names}
            own[name] = self.step(name, visible, prefix, depth)

    def step(self, name: str, visible: dict[str, str], prefix: str, depth: int) -> str:
        pad, path = "  " * (2 * depth - 1), prefix + name
        kind = self.rng.random()
        if kind < 0.4 and depth <= min(4, MAX_GROUP_DEPTH):
            inner = {n: p for n, p in visible.items() if n != name}
            if kind < 0.2:
                self.lines += [f"{pad}{name}:", f"{pad}  repeat:", f"{pad}    until: true"]
                self.lines += [f"{pad}    output: {path}", f"{pad}    steps:"]
                self.nested(inner, f"{path}[0].", depth, extra=1)
            else:
                self.lines += [f"{pad}{name}:", f"{pad}  output: {path}", f"{pad}  steps:"]
                self.nested(inner, f"{path}.", depth, extra=0)
            return path
        given_ = {n: p for n, p in visible.items() if self.rng.random() < 0.7}
        values = ", ".join(f'{n}: "${{{{ steps.{n}.output }}}}"' for n in given_)
        self.lines.append(f"{pad}{name}: {{task: t, with: {{{values}}}}}")
        self.expected[path] = given_
        return path

    def nested(self, seen: dict[str, str], prefix: str, depth: int, *, extra: int) -> None:
        begin = len(self.lines)
        self.scope(seen, prefix, depth + 1)
        if extra:
            self.lines[begin:] = ["  " + line for line in self.lines[begin:]]


def say_path(attempt: Attempt) -> str:
    return attempt.step


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_a_task_is_given_what_its_names_mean(seed: int) -> None:
    text = Text(seed)
    world = World("\n".join(text.lines) + "\n", tasks={"t": say_path})

    run = world.start()

    assert run.status == "completed", (run.failure, text.lines)
    assert {a.step: a.input for a in world.attempts} == text.expected
