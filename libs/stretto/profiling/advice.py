"""What would make a run faster, in sentences: the largest things on its critical path."""

from collections import Counter
from collections.abc import Iterable, Mapping

from stretto.profiling.report import Advice, Part
from stretto.profiling.stretch import Stretch
from stretto.profiling.way import plain

MAX_ADVICE = 3
"""More is not read."""

MIN_SHARE = 0.05
"""What is a smaller part of the time than this is not worth a word."""

_ENGINE: tuple[Part, ...] = ("decide", "dispatch", "commit")
"""Small amounts of many steps: told together."""

_SAYS: dict[Part, tuple[str, str]] = {
    "queue": (
        "the longest wait is for {step}: {took} of {total} until a slot is free",
        "more slots or workers on its queue (`stretto worker MODULE --scale 1..8`) make it shorter",
    ),
    "run": (
        "{much} the work of {step}: {took} of {total}",
        "everything after it waits for it: make it faster, divide it with `for_each`, or let fewer "
        "steps need it",
    ),
    "backoff": (
        "{took} of {total} pass between failed attempts of {step}{failures}",
        "mend what fails, or let `retry` wait less",
    ),
    "wait": (
        "the longest wait is for {step}: {took} of {total} until what it waits for comes",
        "nothing else can go on meanwhile; steps that do not need it may come before it",
    ),
    "held": (
        "{took} of {total} nothing was under way in {step}",
        "it lets time pass between its rounds, or the run was paused",
    ),
}

_RUN_OF_ITEMS = (
    _SAYS["run"][0],
    "everything after it waits for it: make it faster, let more of its items run at once "
    "(`max_parallel`, more slots), or let fewer steps need it",
)

_HELD_RUN = (
    "{took} of {total} nothing was under way",
    "the run was paused, or waited for its place among those of its key",
)


def advise(
    way: Mapping[tuple[str, Part], float],
    total: float,
    stretches: Iterable[Stretch],
    *,
    runs: int = 1,
) -> list[Advice]:
    """Say what takes most of the critical path.

    Args:
        way: seconds on it by step of the definition and part, of all runs together.
        total: seconds of all runs together.
        stretches: those whose failures may be told.
    """
    if total <= 0:
        return []
    stretches = list(stretches)
    failures = _failures(stretches)
    items = {plain(stretch.path) for stretch in stretches if stretch.path.endswith("]")}
    weights = {key: took for key, took in way.items() if key[1] not in _ENGINE}
    found = [
        _advice(key, took, total, runs, failures, of_items=key[0] in items)
        for key, took in weights.items()
    ]
    engine = {part: sum(t for (_, of), t in way.items() if of == part) for part in _ENGINE}
    found.append(_engine(engine, total, runs))
    found = [advice for advice in found if advice.share >= MIN_SHARE]
    return sorted(found, key=lambda each: -each.share)[:MAX_ADVICE]


def _advice(
    key: tuple[str, Part],
    took: float,
    total: float,
    runs: int,
    failures: Mapping[str, str],
    *,
    of_items: bool,
) -> Advice:
    step, part = key
    what, remedy = _SAYS[part] if step else _HELD_RUN
    if of_items and part == "run":
        what, remedy = _RUN_OF_ITEMS
    said = what.format(
        step=f"`{step}`",
        much="most of the time is" if took > total / 2 else "a part of the time is",
        took=duration(took / runs),
        total=duration(total / runs),
        failures=failures.get(step, ""),
    )
    return Advice(sentence=f"{said}; {remedy}.", share=_share(took, total), part=part, step=step)


def _engine(engine: Mapping[Part, float], total: float, runs: int) -> Advice:
    took = sum(engine.values())
    largest = max(engine, key=lambda part: engine[part])
    many = "runs with many short steps one after the other pay it most: put such steps together"
    return Advice(
        sentence=f"the engine takes {duration(took / runs)} of {duration(total / runs)}, most of "
        f"it to {largest}; {many}.",
        share=_share(took, total),
        part=largest,
    )


def _failures(stretches: Iterable[Stretch]) -> dict[str, str]:
    counted: dict[str, Counter[str]] = {}
    for stretch in stretches:
        counted.setdefault(plain(stretch.path), Counter()).update(stretch.failures)
    return {
        step: f" ({', '.join(f'{n} × {name}' for name, n in counts.most_common(3))})"
        for step, counts in counted.items()
        if counts
    }


def _share(took: float, total: float) -> float:
    return round(took / total, 4)


def duration(seconds: float) -> str:
    """A length of time for a person, three digits at most: `340 ms`, `3.2 s`, `12 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 3600 else f"{seconds / 3600:.3g} h"
