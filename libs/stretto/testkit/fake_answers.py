"""What the fake workflow service answers, in the forms of the real one (docs/architecture.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import yaml

from stretto.contracts import public
from stretto.runtime.clock import now_us, rfc3339
from stretto.testkit.fake_run import FakeRun

_EXPORT_PAGE = 1000

Runs = Mapping[str, FakeRun]
"""By the text of their id."""

Definitions = Mapping[tuple[str, str], Sequence[str]]
"""By namespace and name: the sources of their versions."""


def answer_of(
    operation: str, request: dict[str, Any], runs: Runs, definitions: Definitions
) -> object:
    """Answer `stretto.api.workflow.<operation>`; raises LookupError(code, sentence)."""
    match operation:
        case "export":
            return _export(request, runs)
        case "validate":
            return {"mistakes": mistakes_of(request["source"])}
        case "definitions" | "definition":
            return _defined(operation, request, definitions)
    run = runs.get(request["run_id"])
    if run is None:
        raise LookupError("run_unknown", "expected a run that exists, but there is none")
    if operation == "history":
        after = request.get("after_seq") or 0
        page = run.log[after : after + (request.get("limit") or 1000)]
        return {"run_id": run.id_text, "events": [_event(*row) for row in page]}
    pending = [
        {"step": name, "cause": "task", "owner": "worker", "since": rfc3339(run.log[-1][2])}
        for name, _ in run.left[:1]
    ]
    if operation == "explain":
        return {"run_id": run.id_text, "status": run.status, "pending": pending}
    if operation == "controls":
        commands = [] if run.status in public.CLOSED_STATUSES else ["cancel", "terminate"]
        return {"run_id": run.id_text, "status": run.status, "commands": commands}
    state: dict[str, Any] = {
        "run_id": run.id_text,
        "workflow": run.workflow,
        "version": run.version,
        "status": run.status,
        "input": msgspec.Raw(run.input),
        "output": msgspec.Raw(run.output),
        "steps": [],
        "pending": pending,
    }
    if run.failure is not None:
        state["failure"] = run.failure
    return state


def _export(request: dict[str, Any], runs: Runs) -> object:
    """A page of the whole log by (run_id, seq): see docs/architecture.md, Reads."""
    after_run, after_seq = request.get("after") or ["", 0]
    limit = min(request.get("limit") or _EXPORT_PAGE, _EXPORT_PAGE)
    rows = [
        {
            "run_id": run.id_text,
            "namespace": run.namespace,
            "workflow": run.workflow,
            "version": run.version,
            "id": run.key,
            **_event(*row),
        }
        for run in sorted(runs.values(), key=lambda r: r.id_text)
        for row in run.log
        if (run.id_text, row[0]) > (after_run, after_seq)
    ][:limit]
    return {"events": rows}


def _defined(operation: str, request: dict[str, Any], definitions: Definitions) -> object:
    namespace = request["namespace"]
    if operation == "definitions":
        return {
            "definitions": [
                {"workflow": name, "version": len(versions), "created_at": rfc3339(now_us())}
                for (space, name), versions in sorted(definitions.items())
                if space == namespace
            ]
        }
    versions = definitions.get((namespace, request["workflow"]), [])
    version = request.get("version") or len(versions)
    if not 0 < version <= len(versions):
        raise LookupError("workflow_unknown", "expected a definition, but there is none")
    return {
        "workflow": request["workflow"],
        "version": version,
        "source": versions[version - 1],
        "graph": {"root": {"steps": _steps_of(versions[version - 1])}},
        "created_at": rfc3339(now_us()),
    }


def _steps_of(source: str) -> list[dict[str, str]]:
    """The steps of a graph, by name alone."""
    return [{"name": name} for name in yaml.safe_load(source)["steps"]]


def mistakes_of(source: str) -> list[dict[str, Any]]:
    """What is wrong with a definition, as far as this looks."""
    try:
        document = yaml.safe_load(source)
    except yaml.YAMLError as error:
        return [{"line": 1, "path": "", "message": f"expected YAML, but {error}"}]
    if not isinstance(document, dict) or "workflow" not in document:
        return [{"line": 1, "path": "workflow", "message": "expected a name, but there is none"}]
    if not isinstance(document.get("steps"), dict):
        return [{"line": 1, "path": "steps", "message": "expected steps, but there are none"}]
    return []


def _event(seq: int, type_: str, at_us: int, data: bytes, step: str | None) -> dict[str, Any]:
    event = {"seq": seq, "type": type_, "at": rfc3339(at_us), "data": msgspec.Raw(data)}
    return event if step is None else {**event, "step": step}
