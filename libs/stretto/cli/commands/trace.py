"""`stretto trace`: the spans of a run as a tree with times."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.markup import escape
from rich.tree import Tree

from stretto.cli.calling import data_option
from stretto.cli.exits import EXIT_RUN_FAILED
from stretto.cli.printing import note, out, print_json, seconds
from stretto.client.explaining import OWN_PREFIX
from stretto.contracts import ids
from stretto.dev.environment import OTLP_ENDPOINT
from stretto.dev.traces import Node, Span, TraceStore, tree_of
from stretto.telemetry.names import (
    ATTR_QUEUE,
    ATTR_STEP,
    ATTR_TASK,
    ATTR_WORKER,
    SPAN_ATTEMPT,
    SPAN_STEP,
)

_SHOWN = (ATTR_TASK, ATTR_WORKER, ATTR_QUEUE)


@click.command("trace")
@click.argument("run_id", metavar="RUN")
@data_option
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def trace_command(run_id: str, data: Path, as_json: bool) -> None:
    """Print the trace of a run as a tree of spans, as `stretto dev` of this machine kept it.

    The trace id of a run is its run id without dashes: any tracing backend finds it by that.
    """
    try:
        trace_id = ids.parse_run_id(run_id).hex()
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    spans = TraceStore.read_from(data / "traces", trace_id)
    if not spans:
        note(
            f"expected spans of trace {trace_id} in {data / 'traces'}, but there are none: "
            "`stretto dev` keeps its state elsewhere (say where with --data), the run was not "
            "sampled, its spans have not arrived yet, or they went to another receiver "
            f"({OTLP_ENDPOINT})"
        )
        sys.exit(EXIT_RUN_FAILED)
    if as_json:
        print_json({"trace_id": trace_id, "spans": spans})
        return
    if _lacks_workers(spans):
        note(
            "There is no span of a worker: it sends its spans elsewhere, or nowhere. One that is "
            "started with `stretto worker` in the folder of `stretto dev` sends them here; any "
            f"other needs {OTLP_ENDPOINT} (`stretto dev` says which, in its ready file)."
        )
    roots = tree_of(spans)
    began = min(span.start_ns for span in spans)
    for root in roots:
        tree = Tree(_label(root.span, began))
        _grow(tree, root, began)
        out().print(tree)


def _lacks_workers(spans: Sequence[Span]) -> bool:
    """Whether attempts went to workers, and none of them has sent its spans."""
    if any(span.name.startswith(SPAN_ATTEMPT) for span in spans):
        return False
    tasks = [str(span.attributes[ATTR_TASK]) for span in spans if ATTR_TASK in span.attributes]
    return any(not task.startswith(OWN_PREFIX) for task in tasks)


def _grow(tree: Tree, node: Node, began_ns: int) -> None:
    pending = [(tree, node)]
    while pending:
        branch, parent = pending.pop()
        pending += [(branch.add(_label(c.span, began_ns)), c) for c in parent.children]


def _label(span: Span, began_ns: int) -> str:
    name = span.name
    path = str(span.attributes.get(ATTR_STEP, ""))
    if name.startswith(SPAN_STEP) and "[" in path:
        name = f"{SPAN_STEP} {path}"  # names of spans leave the item out: there would be too many
    at = seconds((span.start_ns - began_ns) / 1e9)
    facts = " ".join(f"{span.attributes[n]}" for n in _SHOWN if n in span.attributes)
    wrong = f"  [red]{escape(span.error or 'failed')}[/]" if span.error is not None else ""
    return (
        f"{escape(name)}  [cyan]{seconds(span.seconds)}[/]  "
        f"[dim]+{at}  {escape(span.service)}  {escape(facts)}[/]{wrong}"
    )
