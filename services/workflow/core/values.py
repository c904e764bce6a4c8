"""The values that an ask takes along: references resolved to JSON bytes."""

from collections.abc import Iterator
from typing import assert_never

import msgspec

from services.workflow.core.effects import Ask, is_asked
from services.workflow.core.instants import instant
from services.workflow.core.nodes import Node, Scope
from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus, Role
from stretto.contracts.asks import Ref
from stretto.contracts.ids import run_id_text

_encode = msgspec.json.Encoder().encode


def asked_values(run: Run, ask: Ask) -> list[bytes | None] | None:
    """The values that an ask takes along; None where it is not asked any more."""
    if not is_asked(run, ask):
        return None
    node = run.nodes[ask.path] if ask.path else None
    return [value_of(run, node, ref) for ref in ask.ask.refs]


def value_of(run: Run, node: Node | None, ref: Ref) -> bytes | None:
    """The value of `ref` as seen from `node` (None: from the run's output); None when it is absent
    because its step did not run."""
    match ref.root:
        case "input":
            return run.input
        case "step":
            return _step_value(run.root if node is None else scope_of(node), ref)
        case "item":
            item = _item_of(node)
            assert item.target is not None and item.target.each is not None
            return item.target.each.items[item.index]
        case "index":
            return b"%d" % _item_of(node).index
        case "output":
            assert node is not None and node.target is not None
            return node.target.output
        case "error":
            return _error(node)
        case "loop":
            return _loop(node)
        case "signal":
            assert node is not None and node.plan.signal is not None
            signals = run.signals.get(node.plan.signal.name, [])
            return signals[node.candidate] if node.candidate < len(signals) else None
        case "run":
            return _run_value(run)
        case "outcome":
            return _outcome(run, node)
        case root:
            raise AssertionError(f"a reference to {root!r} has no value in this build")


def scope_of(node: Node) -> Scope:
    """Where the names of a node's question are looked up: inside it, when it is finishing."""
    if not node.finishing:
        return node.scope
    inside = node.round if node.is_loop and node.handler < 0 else node
    assert inside is not None and inside.body is not None
    return inside.body


def around(node: Node) -> Iterator[Node]:
    """A node and what it is inside of, outward."""
    at: Node | None = node
    while at is not None:
        yield at
        at = at.target if at.role is not Role.STEP and at.target is not None else at.scope.outer


def step_of(node: Node) -> Node:
    """The step that a node is a part of: an item, a round or a compensation belongs to one."""
    while node.role not in (Role.STEP, Role.EACH):
        assert node.target is not None
        node = node.target
    return node


def _item_of(node: Node | None) -> Node:
    found = None if node is None else next((n for n in around(node) if n.role is Role.ITEM), None)
    assert found is not None, "item and index are checked to be inside a for_each at registration"
    return found


def _error(node: Node | None) -> bytes:
    """The failure that the handler around a node handles, with all its fields."""
    found = None if node is None else next((n for n in around(node) if n.handler >= 0), None)
    assert found is not None, "error is checked to be inside a catch at registration"
    assert found.failure is not None, f"{found.path} is handled, but it has not failed"
    return _encode(msgspec.structs.asdict(found.failure))


def _loop(node: Node | None) -> bytes:
    """How far the loop around a node is: number and output of the round that ended last."""
    inside = () if node is None else around(node)
    # A loop that asks whether it may begin is not inside itself.
    loop = next((n for n in inside if n.is_loop and (n is not node or n.finishing)), None)
    assert loop is not None, "loop is checked to be inside a repeat at registration"
    ended = loop.round if loop.round is not None and loop.round.ended else None
    output = loop.output if ended is None else ended.output
    return b'{"index":%d,"output":%b}' % (loop.rounds - 1, output or b"null")


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
        case _:
            assert_never(ref.part)


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
    hurt, failing = None, run.failing
    if node is not None:
        step = step_of(node)
        hurt = step.scope.hurt.get(step.index)
        failing = failing or any(n.scope.failure is not None for n in around(step))
    cancelled = run.ending == "cancelled"
    failed = (hurt == "need_failed" or failing) and not cancelled
    return _encode(
        {
            "always": True,
            "failed": failed,
            "cancelled": cancelled,
            "succeeded": hurt is None and not failing,
        }
    )


def derived_output(node: Node) -> bytes:
    """The JSON that a group gives that does not say: an object of the outputs of its steps. A
    loop: that of its last round."""
    if node.body is None:
        assert node.round is not None
        return node.round.output or b"null"
    parts = [
        b'"%b":%b' % (inner.plan.name.encode(), inner.output)
        for inner in node.body.nodes
        if inner is not None and inner.output is not None
    ]
    return b"{" + b",".join(parts) + b"}"
