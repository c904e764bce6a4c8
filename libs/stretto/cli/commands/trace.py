"""`stretto trace`: the spans of a run as a tree with times."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.markup import escape
from rich.tree import Tree

from stretto.cli.calling import Call, call_options, data_option
from stretto.cli.printing import note, out, print_json, seconds
from stretto.cli.run_ids import MAX_MATCHES, digits_of, may_begin, run_of
from stretto.client import Client, Rejected
from stretto.client.explaining import OWN_PREFIX
from stretto.contracts import ids
from stretto.dev.environment import OTLP_ENDPOINT
from stretto.dev.ready_file import read_ready
from stretto.dev.traces import Node, Span, TraceStore, tree_of
from stretto.runtime.errors import PermanentError
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
@call_options
def trace_command(call: Call, run_id: str, data: Path) -> None:
    """Print the trace of a run as a tree of spans, as `stretto dev` of this machine kept it.

    The trace id of a run is its run id without dashes: any tracing backend finds it by that.
    """
    trace_id = _trace_of(call, run_id, data)
    spans = TraceStore.read_from(data / "traces", trace_id)
    if not spans:
        raise PermanentError(
            "dev.no_trace",
            f"expected spans of trace {trace_id} in {data / 'traces'}, but there are none: "
            "`stretto dev` keeps its state elsewhere (say where with --data), the run was not "
            "sampled, its spans have not arrived yet, or they went to another receiver "
            f"({OTLP_ENDPOINT})",
        )
    if call.json:
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


def _trace_of(call: Call, text: str, data: Path) -> str:
    """The id of the trace that is meant: of a whole run id, of the beginning of one that has spans
    here, or of what the bus knows by the text."""
    directory = data / "traces"
    try:
        return ids.parse_run_id(text).hex()
    except ValueError:
        found = TraceStore.ids_in(directory, digits_of(text)) if may_begin(text) else []
        ready = read_ready(data)
        bus = call.url or (ready.nats if ready else None)
        if not found and bus is not None:
            return asyncio.run(_run_on_bus(replace(call, url=bus), text)).hex()
        if not found:
            raise Rejected(
                "run_id_invalid",
                f"expected the id of a run, or the beginning of one of which {directory} has "
                f"spans, but got {text[:60]!r}; keys are looked up on the bus, and no `stretto "
                f"dev` runs on {data} (--nats says where another one is)",
            ) from None
    if len(found) == 1:
        return found[0]
    kept = "\n  ".join([*found[:MAX_MATCHES], *(["…"] if len(found) > MAX_MATCHES else [])])
    raise Rejected(
        "run_ambiguous", f"expected {text!r} to mean one run, but {len(found)} fit:\n  {kept}"
    )


async def _run_on_bus(call: Call, text: str) -> bytes:
    client: Client
    async with call.client() as client:
        return ids.parse_run_id((await run_of(client, text)).id)


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
