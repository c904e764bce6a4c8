"""Pages of a history, attempts of many workers, and runs that nobody follows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

import stretto
from stretto.client import carrying, decisions
from stretto.client.errors import Rejected
from stretto.client.explaining import Fleet, _Worker
from stretto.client.run import Run
from stretto.contracts.codec import json_encode
from stretto.contracts.ids import run_id_text, uuid7
from stretto.contracts.payload import payload_problem
from stretto.runtime.errors import NotReachable

RUN = run_id_text(uuid7(1_700_000_000_000, b"client"))


async def test_a_history_is_read_a_page_at_a_time_until_one_is_short(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(carrying, "PAGE", 2)
    event = {"type": "run.started", "at": "2026-01-01T00:00:00Z", "data": {}}
    asked: list[int] = []

    async def ask_raw(_service: str, _operation: str, request: bytes) -> bytes:
        after = msgspec.json.decode(request)["after_seq"]
        asked.append(after)
        return json_encode(
            {"events": [{"seq": n, **event} for n in range(after + 1, min(after + 3, 4))]}
        )

    link = cast(Any, SimpleNamespace(asks=SimpleNamespace(ask_raw=ask_raw)))

    events = await carrying._events(link, RUN)

    assert [each.seq for each in events] == [1, 2, 3]
    assert asked == [0, 2]


def test_an_attempt_is_found_with_the_worker_that_runs_it_among_others() -> None:
    workers = msgspec.convert(
        [
            {"device": "w1", "running": [{"id": "r:a:1", "since": "x"}]},
            {"device": "w2", "running": [
                {"id": "r:b:1", "since": "y"}, {"id": "r:c:1", "since": "z"},
            ]},
        ],
        list[_Worker],
    )  # fmt: skip
    fleet = Fleet(workers, [])

    found = fleet.runs("r:c:1")

    assert found is not None and (found[0].device, found[1]) == ("w2", "z")
    assert fleet.runs("r:d:1") is None


class Answered:
    """Carries out every command, and notes it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def control(self, _namespace: str, _run: str, command: str, fields: Any) -> str:
        self.asked.append((command, fields))
        return "done"


async def test_a_run_goes_back_to_a_step_with_who_asks_and_why() -> None:
    answered = Answered()
    run = Run.__new__(Run)
    run.id = RUN
    run._link = cast(Any, SimpleNamespace(answered=answered, namespace="default"))

    await run.rollback("a", pause=True, by="ann", reason="so")

    assert answered.asked == [("rollback", {"to": "a", "pause": True, "by": "ann", "reason": "so"})]


def test_a_refusal_of_a_run_that_nobody_follows_is_nobodys() -> None:
    run = Run.__new__(Run)
    run._followed = None

    run.refuse(Rejected("input_invalid", "expected a number"))

    assert run._followed is None


async def test_an_older_service_that_does_not_tell_of_steps_is_no_failure() -> None:
    class Older:
        async def ask(self, *_: object) -> None:
            raise NotReachable("client.no_answer", "expected an answer, but nobody serves it")

    assert await decisions._told(cast(Any, Older()), RUN, "a") is None
    assert await decisions._told(cast(Any, None), RUN, "output") is None


def test_what_the_package_has_not_is_told_with_what_it_has() -> None:
    with pytest.raises(AttributeError, match=r"expected one of .*Client"):
        _ = stretto.nothing


def test_many_lists_that_are_not_nested_are_no_problem() -> None:
    assert payload_problem(b"[" + b"[]," * 500 + b"[]]") is None
    assert "nested" in str(payload_problem(b"[" * 500 + b"]" * 500))
