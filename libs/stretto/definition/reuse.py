"""`cache: {key, for}`: an equal step takes what a step gave, instead of being done."""

from typing import Any

import msgspec

from stretto.contracts.asks import POLICY_CACHE
from stretto.contracts.graph import Cache
from stretto.definition.concurrency import KEY, settled_key
from stretto.definition.container_shapes import Placed, Record, Short
from stretto.definition.durations import Duration
from stretto.definition.expressions import Expressions
from stretto.definition.limits import MAX_REUSE_S, MIN_REUSE_S
from stretto.definition.mistakes import Report
from stretto.definition.model import CacheText, StepText
from stretto.definition.nodes import Mapping, Node, Path, quoted
from stretto.definition.references import Gathering
from stretto.definition.shapes import Field, Schema


class _HowLong(Duration):
    """How long an output is kept."""

    def __init__(self) -> None:
        super().__init__(MIN_REUSE_S)

    def read(self, node: Node, path: Path, report: Report) -> float | None:
        seconds = super().read(node, path, report)
        if seconds is not None and seconds > MAX_REUSE_S:
            report.mistake(
                node,
                path,
                "out_of_range",
                f"expected a duration of at most {MAX_REUSE_S / 86_400:g} days, but got "
                f"{seconds / 86_400:.15g} days",
                "what is kept for ever belongs into a store of its own",
            )
            return None
        return seconds

    def schema(self) -> Schema:
        words, number = super().schema()["anyOf"]
        return {"anyOf": [words, {**number, "maximum": MAX_REUSE_S}], "examples": ["1h", "7d"]}


def _make_cache(**values: Any) -> CacheText:
    """Rename `for`, which is a word of Python."""
    return CacheText(for_s=values["for"], key=values.get("key"))


CACHE = Short(
    Record(
        "a cache (a duration, or a mapping with for)",
        _make_cache,
        {
            "key": Field(
                Placed(KEY),
                "Steps of the same task and key are equal. Default: those of equal input.",
            ),
            "for": Field(_HowLong(), "How long the output may be reused.", required=True),
        },
    ),
    _HowLong(),
    lambda seconds: CacheText(for_s=seconds),
)


def check_cache(
    step: StepText,
    expressions: Expressions,
    into: Gathering,
    policies: dict[str, msgspec.Raw],
    report: Report,
) -> Cache | None:
    """Check the cache of a step; a key that is not constant goes to what is worked out with its
    input (`policies`)."""
    text = step.cache
    if text is None:
        return None
    assert isinstance(step.node, Mapping)
    at, path = step.node.key("cache"), (*step.path, "cache")
    if step.compensate is not None:
        report.warn(
            at,
            path,
            "undone",
            f"expected what others may reuse to last, but {quoted(step.name)} can be undone: runs "
            "that reused its output do not hear of it",
        )
    if text.key is None:
        if step.devices is not None:
            report.mistake(
                at,
                path,
                "missing",
                "expected a key that names the device, for what one gives is not what another "
                "would, but there is none",
                "write key: ${{ item.name }}",
            )
        return Cache(for_s=text.for_s)
    return Cache(
        for_s=text.for_s,
        key=settled_key(text.key, expressions, into, policies, report, policy=POLICY_CACHE),
    )
