"""The values that an ask takes along: references resolved to JSON bytes."""

import msgspec

from services.workflow.core.instants import instant
from services.workflow.core.state import Node, NodeStatus, Role, Run, Scope
from stretto.contracts.graph import Ref
from stretto.contracts.ids import run_id_text

_encode = msgspec.json.Encoder().encode


def value_of(run: Run, node: Node | None, ref: Ref) -> bytes | None:
    """The value of `ref` as seen from `node` (None: from the run's output); None when it is absent
    because its step did not run."""
    match ref.root:
        case "input":
            return run.input
        case "step":
            return _step_value(run.root if node is None else node.scope, ref)
        case "item":
            item = _item_of(node)
            assert item.target is not None and item.target.each is not None
            return item.target.each.items[item.index]
        case "index":
            return b"%d" % _item_of(node).index
        case "output":
            assert node is not None and node.target is not None
            return node.target.output
        case "run":
            return _run_value(run)
        case "outcome":
            return _outcome(run, node)
        case root:
            raise AssertionError(f"a reference to {root!r} has no value in this build")


def _item_of(node: Node | None) -> Node:
    while node is not None and node.role is not Role.ITEM:
        node = node.target if node.role is Role.COMPENSATION else None
    assert node is not None, "item and index are checked to be inside a for_each at registration"
    return node


def _step_value(scope: Scope, ref: Ref) -> bytes | None:
    for _ in range(ref.up):
        assert scope.outer is not None
        scope = scope.outer.scope
    step = scope.nodes[ref.step]
    match ref.part:
        case "output":
            return None if step is None else step.output
        case "status":
            status = NodeStatus.PENDING if step is None else step.status
            return b'"%s"' % status.word.encode()
        case "failure":
            return None if step is None or step.failure is None else _encode(step.failure)


def _run_value(run: Run) -> bytes:
    return _encode(
        {
            "id": run_id_text(run.id),
            "key": run.caller_id,
            "namespace": run.namespace,
            "workflow": run.workflow,
            "version": run.version,
            "started_at": instant(run.started_us),
            "labels": run.labels,
        }
    )


def _outcome(run: Run, node: Node | None) -> bytes:
    """What `always() failed() cancelled() succeeded()` say about the needs of a step."""
    hurt = None if node is None else node.scope.hurt.get(node.index)
    cancelled = run.ending == "cancelled"
    failed = (hurt == "need_failed" or run.failing) and not cancelled
    return _encode(
        {
            "always": True,
            "failed": failed,
            "cancelled": cancelled,
            "succeeded": hurt is None and not run.failing,
        }
    )
