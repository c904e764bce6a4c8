"""Events as sentences."""

import pytest

from stretto.cli.story import sentence
from stretto.contracts.events import EVENT_TYPES

from .runs import BROKEN, STARTED, Told, completed, events, failed, scheduled


def said(told: Told) -> str:
    return sentence(events(told)[0])


WAVE = {"wave": 1, "waves": 4, "upto": 10, "size": 10, "completed": 9}


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (STARTED, 'w version 2 with {"n":1}'),
        (("run.started", None, {"workflow": "w", "version": 2, "id": "k"}), "w version 2 as 'k'"),
        (("run.failing", None, {"ending": "failed", "failure": BROKEN}), "Broken: no luck"),
        (("run.finishing", None, {}), "the output is worked out"),
        (("run.completed", None, {"output": 3}), "output 3"),
        (("run.failed", None, {"failure": BROKEN}), "Broken: no luck"),
        (
            ("run.cancelled", None, {"failure": BROKEN, "uncompensated": ["a"]}),
            "Broken: no luck; not undone: a",
        ),
        (("run.terminated", None, {"failure": BROKEN}), "Broken"),
        (("step.activated", "a", {}), "may run"),
        (("step.expanded", "a", {"items": [1, 2]}), "goes over 2 items"),
        (scheduled("a", queue="q", input={"x": 1}), 'attempt 1 of t.do on queue q with {"x":1}'),
        (scheduled("a"), "attempt 1 of t.do"),
        (("step.started", "a", {"attempt": 2, "worker": "wk"}), "attempt 2 was accepted by wk"),
        (completed("a", [1]), "completed by wk: [1]"),
        (("step.completed", "a", {}), "completed"),
        (("step.chosen", "a", {"branch": 1, "then": ["b"]}), "took branch 2: b"),
        (("step.chosen", "a", {"branch": -1}), "took no branch: no case fits"),
        (
            ("step.bound", "a", {"attempt": 1, "device": "d", "reason": "its turn"}),
            "attempt 1 goes to d: its turn",
        ),
        (
            ("step.diverted", "a", {"attempt": 2, "queue": "manual"}),
            "no device fits: attempt 2 goes to queue manual",
        ),
        (("step.waiting", "a", {"until": "later"}), "waits until later"),
        (failed("a"), "attempt 1 failed: Broken: no luck"),
        (("step.failed", "a", {"failure": BROKEN}), "failed: Broken: no luck"),
        (failed("a", retry_at="2026-01-01T00:00:00.2+00:00"), "; the next one in 200 ms"),
        (("step.skipped", "a", {"reason": "not_chosen"}), "was skipped: not chosen"),
        (("step.cancelled", "a", {"reason": "run_failing"}), "was cancelled: the run ends"),
        (("compensation.started", None, {"steps": ["b", "a"]}), "undoes b, a"),
        (("compensation.started", None, {"steps": []}), "undoes nothing"),
        (("run.paused", None, {"by": "ada", "reason": "full"}), "was paused by ada: full"),
        (("run.resumed", None, {}), "goes on"),
        (("run.queued", None, {"key": "k"}), "waits for a place for the key 'k'"),
        (("run.queued", None, {"key": "k", "ahead": ["r"]}), "for the key 'k' behind r"),
        (("run.queued", None, {"key": "k", "cancels": ["r"]}), "waits until r made room"),
        (("run.admitted", None, {"key": "k"}), "has a place for the key 'k'"),
        (
            ("step.limited", "a", {"timeouts": {"run_s": 5.0}, "retry": {"max_attempts": 3}}),
            "is limited to max_attempts 3, run_s 5.0",
        ),
        (
            ("step.limited", "a", {"cache_key": "k"}),
            "is equal to others of the key 'k'",
        ),
        (
            ("step.limited", "a", {"rate_key": "acme", "priority": 7, "escalate_s": 60.0}),
            "counts for the rate of 'acme', has the priority 7, is escalated after 60 s",
        ),
        (
            ("step.limited", "a", {"by": ["ann", "bob"], "escalate_to": ["eve"]}),
            "is decided by ann, bob, is escalated to eve",
        ),
        (
            ("step.limited", "a", {"cache_key": "k", "retry": {"max_attempts": 3}}),
            "is limited to max_attempts 3, is equal to others of the key 'k'",
        ),
        (("step.seeking", "a", {"key": "k"}), "looks for what an equal step gave, of the key 'k'"),
        (("step.seeking", "a", {"key": "k", "anew": True}), "is done anew, of the key 'k'"),
        (
            ("step.reused", "a", {"from_run": "r", "from_step": "b", "kept_at": "t", "output": 1}),
            "takes what step b of run r at t gave: 1",
        ),
        (("step.labelled", "a", {"labels": {"k": "v", "l": ""}}), "is labelled k=v, l="),
        (("run.rewound", None, {"steps": ["a"], "by": "ada"}), "goes back to a by ada"),
        (("run.failing", None, {"ending": "x", "failure": BROKEN, "by": "ada"}), "(asked by ada)"),
        (("run.terminated", None, {"failure": BROKEN, "by": "ada"}), "(asked by ada)"),
        (
            ("signal.received", None, {"name": "go", "payload": 1, "by": "ada", "reason": "r"}),
            "signal 'go' came with 1 by ada: r",
        ),
        (("signal.received", None, {"name": "go"}), "signal 'go' came"),
        (("step.approved", "a", {"by": "ada", "reason": "fine"}), "was approved by ada: fine"),
        (("step.escalated", "a", {"to": ["bob"]}), "may be approved by bob now, too"),
        (("step.hastened", "a", {"by": "ada"}), "is tried again at once by ada"),
        (
            ("step.skipped", "a", {"reason": "by_request", "by": "ada", "why": "late"}),
            "was skipped by ada: late",
        ),
        (("step.failed", "a", {"failure": BROKEN, "by": "ada"}), "was rejected by ada: Broken"),
        (("step.opened", "a", {}), "begins"),
        (("step.finishing", "a", {}), "its steps have ended"),
        (("step.repeated", "a", {"at": "later"}), "goes round again at later"),
        (("step.signalled", "a", {"asked": True}), "looks at a signal"),
        (("step.signalled", "a", {}), "takes the signal"),
        (("step.waiting", "a", {}), "waits"),
        (
            ("run.rolling_back", None, {"to": "a", "steps": ["b"], "by": "ada", "reason": "r"}),
            "goes back to the end of a by ada: r",
        ),
        (("run.rolled_back", None, {"steps": ["b", "c"]}), "is back; b, c run again"),
        (("run.rolled_back", None, {"steps": [], "paused": True}), "nothing runs again, and is"),
        (
            ("run.forked", None, {"from_run": "r1", "at_seq": 4, "taken": {"a": {}}, "by": "ada"}),
            "begins where run r1 after its event 4 stood; taken over: a by ada",
        ),
        (
            ("run.migrated", None, {"from_version": 1, "to_version": 2, "by": "ada"}),
            "moved from version 1 to 2 by ada",
        ),
        (("compensation.retried", "a~compensate", {"by": "ada"}), "is tried again by ada"),
        (
            ("step.failed", "a", {"attempt": 1, "failure": BROKEN, "blocked": True}),
            "attempt 1 failed: Broken: no luck; a person has to decide",
        ),
        (("rollout.throttled", "a", {"until": "later"}), "the next ones begin at later"),
        (
            ("rollout.paused", "a", {**WAVE, "until": "later"}),
            "wave 1 of 4 was a success (9 of 10); the next one begins at later",
        ),
        (("rollout.paused", "a", {**WAVE, "signal": "go"}), "begins with the signal 'go'"),
        (("rollout.paused", "a", WAVE), "begins when a person approves"),
        (("rollout.advanced", "a", WAVE), "wave 1 of 4 begins, up to 10"),
        (("rollout.advanced", "a", {**WAVE, "signal": "go"}), "up to 10, by the signal 'go'"),
        (
            ("rollout.advanced", "a", {**WAVE, "by": "ada", "reason": "all quiet"}),
            "up to 10, approved by ada: all quiet",
        ),
        (
            ("rollout.aborted", "a", {"wave": 2, "by": "ada", "failure": BROKEN}),
            "is stopped in wave 2 (asked by ada): Broken: no luck",
        ),
    ],
)
def test_an_event_is_a_sentence(told: Told, text: str) -> None:
    assert text in said(told)


def test_an_event_of_a_newer_version_tells_its_facts() -> None:
    assert said(("run.beamed", None, {"to": "moon"})) == 'to "moon"'
    assert said(("step.beamed", "a", {"step": "a", "to": [1]})) == "to [1]"


def test_a_sentence_can_be_made_of_every_type_that_the_log_knows() -> None:
    told = {
        "workflow": "w", "version": 1, "ending": "failed", "failure": BROKEN, "items": [],
        "attempt": 1, "task": "t", "branch": 0, "until": "later", "steps": [], "reason": "x",
        "name": "go", "to": "a", "from_run": "r", "at_seq": 1, "from_version": 1, "to_version": 2,
        "device": "d-1", "key": "k", "limit": 1, "from_step": "a", "kept_at": "then", **WAVE,
    }  # fmt: skip
    for kind in EVENT_TYPES:
        assert said((kind.type, "a", dict(told)))
