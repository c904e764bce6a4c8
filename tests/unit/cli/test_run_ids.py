"""Which run is meant: a whole id, the beginning of one, a key."""

from typing import Any, cast

import pytest

from stretto.cli.run_ids import MAX_MATCHES, SeveralRuns, run_of
from stretto.client import Client, Rejected
from stretto.contracts.answers import RunPage, RunSummary

ONE = "01a204be-63d0-7757-8131-d2865ce76af0"
OTHER = "01a204be-6586-77fa-9fd3-5df5d9cb277f"


class Handle:
    def __init__(self, run_id: str) -> None:
        self.id = run_id


class Known:
    """Knows some runs, and searches as monitoring does: beginnings of ids and of keys."""

    namespace = "default"

    def __init__(self, *runs: RunSummary) -> None:
        self.all = runs
        self.asked: list[str] = []

    def get(self, run_id: str) -> Handle:
        return Handle(run_id)

    async def runs(self, *, search: str, limit: int) -> RunPage:
        self.asked.append(search)
        digits = search.replace("-", "")
        found = [
            run
            for run in self.all
            if run.run_id.replace("-", "").startswith(digits) or (run.id or "").startswith(search)
        ]
        return RunPage(runs=found[:limit])


def summary(run_id: str, **more: Any) -> RunSummary:
    fields = {"workflow": "w", "version": 1, "status": "running", "namespace": "default"}
    fields |= {"started_at": "2030-01-01T00:00:00Z", "steps": {}, "duration_ms": 1.0}
    return RunSummary(run_id=run_id, **{**fields, **more})


async def meant(known: Known, text: str) -> str:
    return (await run_of(cast(Client, known), text)).id


async def test_a_whole_id_is_believed_without_asking() -> None:
    known = Known()
    assert await meant(known, ONE) == ONE
    assert await meant(known, ONE.replace("-", "")) in (ONE, ONE.replace("-", ""))
    assert known.asked == []


@pytest.mark.parametrize("text", ["01a204be-63", "01A204BE63", "01a204be-63d0-7757-8131"])
async def test_a_beginning_that_only_one_has_means_it(text: str) -> None:
    assert await meant(Known(summary(ONE), summary(OTHER)), text.lower()) == ONE


async def test_a_key_means_its_run_and_of_several_the_one_that_is_open() -> None:
    closed = summary(OTHER, id="order-7", closed_at="2030-01-01T00:01:00Z", status="failed")
    longer = summary("01a204be-6736-7536-a978-b27275000323", id="order-77")

    assert await meant(Known(closed, longer), "order-7") == OTHER
    assert await meant(Known(closed, summary(ONE, id="order-7")), "order-7") == ONE


async def test_several_that_fit_are_listed() -> None:
    with pytest.raises(SeveralRuns) as refused:
        await meant(Known(summary(ONE), summary(OTHER)), "01a204be")
    assert refused.value.code == "run_ambiguous"
    assert "but 2 fit:" in refused.value.message
    assert ONE in refused.value.message and OTHER in refused.value.message
    assert [each["run_id"] for each in refused.value.details] == [ONE, OTHER]

    many = [summary(f"01a204be-63d0-7757-8131-{n:012x}") for n in range(MAX_MATCHES + 1)]
    with pytest.raises(SeveralRuns, match=f"more than {MAX_MATCHES} fit") as refused:
        await meant(Known(*many), "01a204be")
    assert len(refused.value.details) == MAX_MATCHES


@pytest.mark.parametrize("text", ["01a", "nobody", "01a2zz", "----"])
async def test_what_fits_none_is_unknown(text: str) -> None:
    with pytest.raises(Rejected) as refused:
        await meant(Known(summary(ONE)), text)
    assert refused.value.code == "run_unknown"


@pytest.mark.parametrize("text", ["", "x" * 101])
async def test_what_can_be_no_id_is_not_looked_up(text: str) -> None:
    known = Known()
    with pytest.raises(Rejected) as refused:
        await meant(known, text)
    assert (refused.value.code, known.asked) == ("run_id_invalid", [])
