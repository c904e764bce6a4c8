"""What is said to who asks wrongly, or of a run that is not there or not sound; without a log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.workflow.api import MAX_ASK_BYTES, MAX_PAGE_BYTES, Api, _within
from services.workflow.causes import queued_cause
from services.workflow.core.policy import child_id
from services.workflow.core.state import Line
from services.workflow.migration_api import MigrationApi
from services.workflow.parents import Parents
from services.workflow.payloads import BadPayload
from stretto.bus.service import Handler, Refusal
from stretto.contracts.codec import json_encode
from stretto.contracts.ids import AttemptId, run_id_text

from .builders import RUN_ID, START_US

TEXT = run_id_text(RUN_ID)


class Rows:
    """A log in which there are some runs, all of them at fault: none can be folded."""

    def __init__(self, *run_ids: bytes) -> None:
        self._run_ids = run_ids

    async def runs(self, run_ids: Sequence[bytes]) -> list[Any]:
        return [SimpleNamespace(run_id=r) for r in run_ids if r in self._run_ids]

    async def folded(self, _rows: Sequence[Any]) -> AsyncIterator[Any]:
        for nothing in ():
            yield nothing


def reads(*run_ids: bytes) -> dict[str, Handler]:
    rows = cast(Any, Rows(*run_ids))

    class NoVersions:
        async def find(self, *_: object) -> None:
            return None

    api = Api(rows, rows, cast(Any, None), cast(Any, None), cast(Any, None))
    return api.operations() | MigrationApi(rows, cast(Any, NoVersions()), rows).operations()


ABOUT_RUNS = ["state", "explain", "controls", "decision", "step", "bindings", "migration"]


@pytest.mark.parametrize("operation", ABOUT_RUNS)
@pytest.mark.parametrize(
    ("asked", "there", "code"),
    [
        (b"[]", (), "request_invalid"),
        ({"run_id": "nonsense", "step": "a"}, (), "run_id_invalid"),
        ({"run_id": TEXT, "step": "a"}, (), "run_unknown"),
        ({"run_id": TEXT, "step": "a"}, (RUN_ID,), "run_at_fault"),
    ],
)
async def test_who_asks_about_a_run_wrongly_is_told_why(
    operation: str, asked: Any, there: tuple[bytes, ...], code: str
) -> None:
    data = asked if isinstance(asked, bytes) else json_encode(asked)

    with pytest.raises(Refusal) as refused:
        await reads(*there)[operation](data)

    assert refused.value.code == code


@pytest.mark.parametrize(("version", "said"), [(None, "workflow"), (7, "version 7")])
async def test_a_migration_to_what_is_not_there_is_refused(version: int | None, said: str) -> None:
    asked = {"workflow": "w", "namespace": "default", "to_version": version}

    with pytest.raises(Refusal, match=said):
        await reads()["migrations"](json_encode(asked))


@pytest.mark.parametrize(
    ("resolved", "shown"),
    [(b'{"a":1}', b'{"a":1}'), (BadPayload("payload_missing", "expected it"), None)],
)
async def test_a_large_value_is_shown_whole_where_that_can_be(
    resolved: bytes | Exception, shown: bytes | None
) -> None:
    stored = b'{"$payload":"' + b"0" * 64 + b'","bytes":7}'

    class Payloads:
        async def resolve(self, run_id: bytes, value: bytes, limit: int) -> bytes:
            assert (run_id, value, limit) == (RUN_ID, stored, MAX_ASK_BYTES)
            if isinstance(resolved, Exception):
                raise resolved
            return resolved

    rows = cast(Any, Rows())
    api = Api(rows, rows, cast(Any, None), cast(Any, None), cast(Any, Payloads()))

    assert bytes(await api._whole(RUN_ID, stored)) == (shown or stored)
    assert bytes(await api._whole(RUN_ID, b"5")) == b"5"


def test_a_page_of_events_fits_a_message_and_is_never_empty() -> None:
    large = cast(Any, SimpleNamespace(data=b"x" * MAX_PAGE_BYTES))
    small = cast(Any, SimpleNamespace(data=b"x"))

    assert _within([large, small]) == [large]
    assert _within([small, small, large, small]) == [small, small]
    assert _within([small] * 3) == [small] * 3


# --- why a run is open


def line(limit: int = 1, cancels: tuple[str, ...] = ()) -> Line:
    made = Line("w", "k", limit, START_US)
    made.cancels = cancels
    return made


@pytest.mark.parametrize(
    ("of", "holders", "before", "said"),
    [
        (line(), [], 0, "At most 1 run is under way at once for the key 'k'."),
        (line(), ["r1"], 1, "key 'k'; r1 has the place, and 1 waits before this one."),
        (line(limit=2), ["r1", "r2"], 3, "r1, r2 have places, and 3 wait before this one."),
        (line(cancels=("r1",)), ["r1"], 0, "key 'k'; r1 cancelled to make room."),
    ],
)
def test_who_has_the_place_that_a_run_waits_for_is_said(
    of: Line, holders: list[str], before: int, said: str
) -> None:
    assert queued_cause(of, holders, before).sentence.endswith(said)


# --- starts of children


class Log:
    """The attempts that were sent, by run, step and number."""

    def __init__(self, *sent: tuple[int, int, str, int]) -> None:
        self._sent = sent
        self.asked = 0

    async def sent_attempts(self, _run_id: bytes, after: int) -> list[tuple[int, int, str, int]]:
        self.asked += 1
        return [each for each in self._sent if each[0] > after]


def start_of(parent: str | None, run_id: bytes) -> Any:
    return SimpleNamespace(parent=parent, run_id=run_id)


async def test_a_child_is_the_run_that_its_parent_sent() -> None:
    log = Log((5, START_US, "child", 1))
    parents = Parents(cast(Any, log))
    loader = cast(Any, SimpleNamespace(slots={}))
    child = child_id(RUN_ID, "child", 1, START_US)
    parent = str(AttemptId(RUN_ID, "child", 1))

    assert await parents.refuse(start_of(None, child), loader) is None
    assert await parents.refuse(start_of(parent, child), loader) is None
    assert await parents.refuse(start_of(parent, child), loader) is None
    assert log.asked == 1
    for wrong in (start_of(parent, RUN_ID), start_of(str(AttemptId(RUN_ID, "other", 1)), child)):
        refused = await parents.refuse(wrong, loader)
        assert refused is not None and "only the workflow service sets it" in refused.message


async def test_only_so_many_parents_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.workflow.parents.MAX_RUNS", 1)
    log = Log((5, START_US, "child", 1))
    parents = Parents(cast(Any, log))
    loader = cast(Any, SimpleNamespace(slots={}))

    for number in (1, 2, 1):
        other = bytes([number]) * 16
        child = child_id(other, "child", 1, START_US)
        parent = str(AttemptId(other, "child", 1))
        assert await parents.refuse(start_of(parent, child), loader) is None

    assert log.asked == 3
