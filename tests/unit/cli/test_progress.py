"""What has been done, from events."""

import pytest

from stretto.cli.progress import Progress, failure_text, is_item, row_name
from stretto.contracts.answers import RunProgress

from .runs import BROKEN, RUN_ID, STARTED, Told, at, completed, events, failed, scheduled


def seen(*told: Told) -> Progress:
    progress = Progress(RUN_ID)
    for event in events(STARTED, *told):
        progress.take(event)
    return progress


def test_a_step_goes_from_scheduled_to_completed_and_takes_its_time() -> None:
    progress = seen(("step.activated", "a", {}), scheduled("a"))
    row = progress.rows["a"]
    assert (progress.workflow, progress.version, row.status) == ("w", 2, "scheduled")
    assert row.note == "t.do"
    assert row.seconds(at(11)) == 10
    progress = seen(scheduled("a"), ("step.started", "a", {"attempt": 1}))
    assert progress.rows["a"].status == "running"
    progress = seen(scheduled("a"), completed("a"))
    row = progress.rows["a"]
    assert row.done
    assert row.seconds(at(99)) == 1


def test_a_failed_attempt_is_retried_and_then_the_step_has_failed() -> None:
    progress = seen(scheduled("a"), failed("a", retry_at="2026-01-01T00:00:09Z"))
    row = progress.rows["a"]
    assert (row.status, row.retries, row.note) == ("retrying", 1, "Broken: no luck")
    progress = seen(failed("a", retry_at="x"), scheduled("a", 2))
    assert progress.rows["a"].note == "t.do, try 2"
    progress = seen(failed("a"))
    assert (progress.rows["a"].status, progress.rows["a"].note) == ("failed", "Broken: no luck")


def test_the_items_of_a_for_each_are_counted_in_one_row() -> None:
    progress = seen(
        ("step.expanded", "scan", {"items": [1, 2, 3, 4]}),
        scheduled("scan[0]"),
        completed("scan[0]"),
        failed("scan[1]", retry_at="x"),
        failed("scan[1]", 2),
        ("step.skipped", "scan[2]", {"reason": "condition"}),
        ("step.cancelled", "scan[3]", {"reason": "run_failing"}),
    )
    [row] = progress.rows.values()
    assert (row.total, row.finished, row.failed, row.retries) == (4, 4, 1, 1)
    assert row.status == "running"
    progress = seen(("step.expanded", "scan", {"items": []}), completed("scan"))
    assert progress.rows["scan"].done


def test_compensations_of_items_have_a_row_of_their_own() -> None:
    progress = seen(scheduled("scan[0]~compensate"), completed("scan[0]~compensate"))
    row = progress.rows["scan~compensate"]
    assert (row.status, row.finished, row.ended) == ("running", 1, at(2))


@pytest.mark.parametrize(
    ("told", "status", "note"),
    [
        (("step.skipped", "a", {"reason": "need_failed"}), "skipped", "need failed"),
        (("step.cancelled", "a", {"reason": "run_failing"}), "cancelled", "the run ends"),
        (("step.waiting", "a", {"until": "later"}), "waiting", "until later"),
        (("step.chosen", "a", {"branch": 0, "then": ["b", "c"]}), "completed", "→ b, c"),
        (("step.chosen", "a", {"branch": -1}), "completed", ""),
        (("step.unheard_of", "a", {}), "waiting", ""),
        (("step.approved", "a", {"by": "ann"}), "completed", ""),
        (("step.signalled", "a", {}), "completed", ""),
        (("step.signalled", "a", {"asked": True}), "waiting", ""),
        (("step.opened", "a", {}), "running", ""),
        (("step.queued", "a", {"key": "k"}), "queued", "for a place for the key 'k'"),
        (("step.admitted", "a", {}), "running", ""),
    ],
)
def test_every_other_fact_has_its_status(told: Told, status: str, note: str) -> None:
    row = seen(told).rows["a"]
    assert (row.status, row.note) == (status, note)


def test_a_step_that_reused_has_ended_and_says_of_which_run() -> None:
    progress = seen(("step.seeking", "a", {"key": "k"}), ("step.reused", "a", {"from_run": "r"}))
    row = progress.rows["a"]
    assert (row.status, row.done, row.note) == ("completed", True, "reused from r")


def test_a_run_ends_with_its_output_or_its_failure() -> None:
    progress = seen(("run.finishing", None, {}), ("run.completed", None, {"output": 7}))
    assert (progress.status, progress.output, progress.over) == ("completed", 7, True)
    assert progress.seconds(at(99)) == 2
    progress = seen(("run.failing", None, {"ending": "failed", "failure": BROKEN}))
    assert (progress.status, progress.over) == ("failing", False)
    assert progress.seconds(at(99)) == 99
    for ending in ("failed", "cancelled", "terminated"):
        progress = seen((f"run.{ending}", None, {"failure": BROKEN}))
        assert (progress.status, progress.failure) == (ending, BROKEN)


def test_a_run_may_be_paused_and_resumed() -> None:
    assert seen(("run.paused", None, {})).status == "paused"
    assert seen(("run.paused", None, {}), ("run.resumed", None, {})).status == "running"


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (("run.rewound", None, {}), "running"),
        (("run.rolling_back", None, {"step": "a"}), "rolling back"),
        (("run.rolled_back", None, {"paused": True}), "paused"),
        (("run.rolled_back", None, {}), "running"),
        (("run.migrated", None, {"from_version": 2, "to_version": 5}), "failed"),
    ],
)
def test_a_run_that_failed_may_be_open_again(told: Told, status: str) -> None:
    progress = seen(("run.failed", None, {"failure": BROKEN}), told)
    assert progress.status == status
    assert progress.version == (5 if told[0] == "run.migrated" else 2)
    if told[0] in ("run.rewound", "run.rolling_back"):
        assert (progress.over, progress.failure) == (False, None)


def test_a_step_that_a_person_went_back_to_is_told_from_its_new_beginning() -> None:
    rewound = ("run.rewound", None, {"steps": ["a"]})
    again = seen(scheduled("a"), completed("a"), rewound, ("step.activated", "a", {}))
    row = again.rows["a"]
    assert (row.done, row.seconds(at(9))) == (False, 5)
    back = ("run.rolled_back", None, {"steps": ["a", "c"]})
    assert seen(scheduled("a"), completed("a"), scheduled("b"), back).rows.keys() == {"b"}


def test_what_is_left_becomes_less_as_time_goes_by() -> None:
    progress = seen(scheduled("a"))
    assert progress.left_s(at(5)) is None
    progress.estimate = RunProgress(
        run_id=RUN_ID, workflow="w", status="running", progress=0.5, at="", left_ms=4_000.0
    )
    assert progress.left_s(at(5)) is None  # since when it is known is not known
    progress.estimated_at = at(5)
    assert (progress.left_s(at(6)), progress.left_s(at(60))) == (3.0, 0.0)


def test_a_run_that_nothing_is_known_of_has_taken_no_time() -> None:
    progress = Progress(RUN_ID)
    assert progress.seconds(at(5)) == 0
    assert not progress.over


@pytest.mark.parametrize(
    ("path", "row", "item"),
    [
        ("a", "a", False),
        ("a.b", "a.b", False),
        ("a~compensate", "a~compensate", False),
        ("a[3]", "a", True),
        ("a[3].b", "a", True),
        ("a[3]~compensate", "a~compensate", True),
    ],
)
def test_paths_belong_to_rows(path: str, row: str, item: bool) -> None:
    assert (row_name(path), is_item(path)) == (row, item)


def test_failures_are_one_line() -> None:
    assert failure_text(BROKEN) == "Broken: no luck"
    assert failure_text({"type": "Broken"}) == "Broken"
    assert failure_text(None) == ""
