"""What an attempt said to go on from reaches the next one, and no one after the run went back."""

from typing import cast

import msgspec

from services.workflow.core import commands as cm
from services.workflow.core.effects import Timer
from services.workflow.inbox import Addressed
from services.workflow.intake import read_results
from stretto.bus.message import Message, Settler
from stretto.contracts import events as ev
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure
from stretto.contracts.graph import Retry
from stretto.contracts.payload import MAX_DETAILS_BYTES, NULL
from stretto.contracts.public import Results, TaskResult
from tests.unit.workflow.builders import Story, graph, task


def failing(story: Story, said: bytes | None) -> None:
    """Fail the attempt that is out, and let the next begin where there is one."""
    attempt = story.run.nodes["do"].attempt
    story.give(
        cm.Result(
            path="do",
            attempt=attempt,
            failure=Failure(type="Boom", message="no"),
            details=NULL if said is None else msgspec.Raw(said),
        )
    )
    if "do" in story.run.open:
        timer = story.last(Timer)
        assert isinstance(timer, Timer)
        story.fire(timer)


def test_what_was_said_last_is_kept_until_something_else_is_said() -> None:
    story = Story(graph(task("do", retry=Retry(max_attempts=5))))
    node = story.run.nodes["do"]
    kept = []
    for said in (None, b'{"at":1}', None, b'{"at":2}'):
        failing(story, said)
        kept.append(node.details)
    assert kept == [None, b'{"at":1}', b'{"at":1}', b'{"at":2}']
    assert story.replayed().nodes["do"].details == b'{"at":2}'
    failed = [e for _, _, e in story.log if isinstance(e, ev.StepFailed)]
    assert [bytes(e.details) for e in failed] == [b"null", b'{"at":1}', b"null", b'{"at":2}']


def test_a_step_that_is_begun_anew_begins_without() -> None:
    story = Story(graph(task("do", retry=Retry(max_attempts=5))))
    failing(story, b'{"at":1}')
    node = story.run.nodes["do"]
    node.reset()
    assert node.details is None


def test_more_than_may_be_kept_is_left_out() -> None:
    for text, kept in (
        (b'"x"', b'"x"'),
        (b'"' + b"x" * MAX_DETAILS_BYTES + b'"', b"null"),
        (b"[" * 65 + b"]" * 65, b"null"),
    ):
        result = TaskResult(
            id="01890a5d-ac96-774b-bcce-b302099a8057:do:1",
            status="failed",
            details=msgspec.Raw(text),
        )
        data = json_encode(Results(results=[result]))
        message = Message(b"stretto.results.0", b"", b"", data, cast(Settler, None), 0)
        (item,) = read_results(message)
        assert isinstance(item, Addressed) and isinstance(item.command, cm.Result)
        assert bytes(item.command.details) == kept
