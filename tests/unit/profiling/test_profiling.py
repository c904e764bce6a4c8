"""Where the time of a run went, told from its events and its graph."""

from typing import Any

import pytest

from stretto.profiling import RunProfile, profile_many, profile_run
from stretto.profiling.advice import duration
from stretto.profiling.many import RunToProfile
from stretto.profiling.way import above, needs_of, plain

from .stories import graph, instant, step, tell, worked


def profiled(told: list[Any], **needs: list[str]) -> RunProfile:
    events = tell(*sorted(told, key=lambda each: each[0]))
    profile = profile_run("r1", events, graph(**needs))
    # Whatever happened: the pieces touch, and together they are all of the run.
    at = 0.0
    for piece in profile.critical_path:
        assert piece.at_ms == pytest.approx(at, abs=0.01)
        assert sum(piece.parts.values()) == pytest.approx(piece.took_ms, abs=0.01)
        at += piece.took_ms
    assert at == pytest.approx(profile.took_ms, abs=0.01)
    assert sum(profile.parts.values()) == pytest.approx(profile.took_ms, abs=0.01)
    return profile


def way(profile: RunProfile) -> list[str]:
    return [piece.step for piece in profile.critical_path]


def test_the_way_goes_through_what_ended_last_of_all_that_a_step_needs() -> None:
    profile = profiled(
        [
            *worked("fetch", 0, (5, 95), 100),
            *worked("slow", 100, (105, 395), 400, worker="bob"),
            *worked("quick", 100, (105, 145), 150),
            *worked("last", 400, (405, 495), 500),
            (500, "run.completed", {}),
        ],
        fetch=[], slow=["fetch"], quick=["fetch"], last=["slow", "quick"],
    )  # fmt: skip
    assert way(profile) == ["fetch", "slow", "last"]
    assert (profile.took_ms, profile.work_ms, profile.status) == (500, 510, "completed")
    assert profile.parallelism == 1.02
    assert profile.parts == {"dispatch": 15, "run": 470, "commit": 15}
    assert profile.tasks["t"].count == 4 and profile.tasks["t"].max_ms == 290
    assert list(profile.workers) == ["bob", "ann"]
    assert profile.steps[0].step == "slow" and profile.steps[-1].critical_ms == 0
    assert profile.advice[0].step == "slow"
    first, second, *_ = profile.advice
    assert first.sentence.startswith("most of the time is the work of `slow`: 290 ms of 500 ms")
    assert second.sentence.startswith("a part of the time is the work of `")


def test_a_wait_for_a_slot_is_told_apart_from_the_way_to_the_worker() -> None:
    profile = profiled(
        [
            *worked("a", 0, (4, 50), 60),
            *worked("dock", 60, (3_060, 3_900), 4_000),
            (4_000, "run.completed", {}),
        ],
        a=[], dock=["a"],
    )  # fmt: skip
    dock = profile.critical_path[-1]
    assert dock.parts == {"queue": 2_996, "dispatch": 4, "run": 840, "commit": 100}
    assert profile.advice[0].sentence.startswith("the longest wait is for `dock`: 3 s of 4 s")


def test_the_log_says_when_an_attempt_was_bound_to_a_device_and_begun() -> None:
    profile = profiled(
        [
            step(0, "activated", "a"),
            step(10, "scheduled", "a", attempt=1, task="t"),
            step(60, "bound", "a", attempt=1, device="d1"),
            step(70, "started", "a", attempt=1, worker="d1"),
            step(170, "completed", "a", attempt=1),
            (180, "run.finishing", {}),
            (200, "run.completed", {}),
        ],
        a=[],
    )  # fmt: skip
    assert profile.critical_path[0].parts == {
        "decide": 10, "queue": 50, "dispatch": 10, "run": 100,
    }  # fmt: skip
    # From the last step's end to the run's: nothing, then its output.
    assert [(p.step, p.parts) for p in profile.critical_path[1:]] == [
        ("", {"held": 10, "decide": 20})
    ]
    assert profile.workers["d1"].total_ms == 100


def test_attempts_that_failed_and_the_time_between_them_are_on_the_way() -> None:
    failure = {"type": "Busy", "message": "no"}
    profile = profiled(
        [
            step(0, "scheduled", "a", attempt=1, task="t"),
            step(20, "failed", "a", attempt=1, failure=failure, retry_at=instant(520),
                 worker="ann", started_at=instant(5), finished_at=instant(15)),
            step(520, "scheduled", "a", attempt=2, task="t"),
            step(560, "completed", "a", attempt=2, worker="ann", started_at="when it began",
                 finished_at=instant(555)),
            step(560, "failed", "all", failure=failure),
            (560, "run.completed", {}),
        ],
        a=[],
    )  # fmt: skip
    parts = profile.critical_path[0].parts
    assert parts == {"dispatch": 5, "run": 50, "commit": 5, "backoff": 500}
    assert "failed attempts of `a` (1 × Busy)" in profile.advice[0].sentence
    assert profile.steps[0].attempts == 2


def test_the_clock_of_a_worker_may_be_wrong() -> None:
    profile = profiled(
        [*worked("a", 0, (90_000, 90_080), 100), *worked("b", 100, (-500, 900), 200)],
        a=[], b=["a"],
    )  # fmt: skip
    a, b = profile.critical_path
    assert a.parts == {"dispatch": 20, "run": 80}
    assert b.parts == {"run": 100}
    assert profile.status == "running"


def test_the_way_goes_inside_groups_items_and_rounds() -> None:
    profile = profiled(
        [
            step(0, "activated", "scan"),
            step(10, "expanded", "scan", items=[1, 2, 3]),
            *worked("scan[0]", 10, (20, 90), 100),
            *worked("scan[1]", 10, (20, 40), 50),
            *worked("scan[2]", 50, (60, 190), 200),  # in the place of the second
            step(200, "completed", "scan"),
            step(200, "opened", "ship"),
            *worked("ship.pack", 200, (210, 290), 300),
            step(300, "finishing", "ship"),
            step(310, "completed", "ship", derived=True),
            step(310, "opened", "poll"),
            *worked("poll[0].read", 310, (320, 340), 350),
            step(350, "finishing", "poll"),
            step(360, "repeated", "poll", at=instant(400)),
            *worked("poll[1].read", 400, (410, 440), 450),
            step(450, "completed", "poll"),
            (450, "run.completed", {}),
        ],
        scan=[], ship=["scan"], poll=["ship"],
    )  # fmt: skip
    assert way(profile) == [
        "scan", "scan[1]", "scan[2]", "ship.pack", "ship",
        "poll[0].read", "poll", "poll[1].read",
    ]  # fmt: skip
    assert profile.critical_path[-2].parts == {"decide": 10, "held": 40}
    assert profile.advice[0].step == "scan"
    assert "let more of its items run at once (`max_parallel`" in profile.advice[0].sentence
    told = {each.step: each for each in profile.steps}
    assert told["poll.read"].took.count == 2 and told["scan"].took.count == 4


def test_a_round_that_ends_when_the_next_is_asked_for_is_told_in_its_own_place() -> None:
    profile = profiled(
        [
            step(0, "opened", "poll"),
            *worked("poll[0].read", 0, (0, 50), 50),
            step(50, "repeated", "poll", at=instant(80)),
            *worked("poll[1].read", 80, (80, 100), 100),
            step(100, "completed", "poll"),
        ],
        poll=[],
    )
    assert way(profile) == ["poll[0].read", "poll", "poll[1].read"]
    assert profile.parts == {"run": 70, "held": 30}


def test_waits_signals_approvals_and_what_catches_failures_are_told() -> None:
    failure = {"type": "Odd", "message": "so"}
    profile = profiled(
        [
            step(0, "waiting", "sleep"),
            step(100, "completed", "sleep"),
            step(100, "waiting", "order"),
            step(150, "signalled", "order", asked=True),
            step(160, "waiting", "order"),
            step(200, "signalled", "order"),
            step(200, "waiting", "agree"),
            step(300, "approved", "agree", by="ann"),
            step(300, "scheduled", "pay", attempt=1, task="t"),
            step(310, "failed", "pay", attempt=1, failure=failure, handler=0),
            *worked("pay~catch.tell", 310, (320, 390), 400),
            step(400, "completed", "pay"),
            step(400, "activated", "way"),
            step(400, "chosen", "way", branch=0),
            step(400, "skipped", "other", reason="not_chosen"),
            (450, "run.failing", {"failure": failure}),
            *worked("pay~compensate", 450, (460, 490), 500),
            step(500, "failed", "review", failure=failure, by="ann"),
            (500, "run.failed", {"failure": failure}),
        ],
        sleep=[], order=["sleep"], agree=["order"], pay=["agree"], way=["pay"], other=["way"],
    )  # fmt: skip
    assert way(profile) == [
        "sleep", "order", "agree", "pay", "pay~catch.tell", "", "pay~compensate",
    ]  # fmt: skip
    assert profile.parts["wait"] == 290 and profile.parts["held"] == 50
    assert profile.status == "failed"


def test_a_rollout_that_pauses_and_is_undone_is_told_whole() -> None:
    def roll(ms: float, kind: str) -> tuple[float, str, dict[str, Any]]:
        return ms, f"rollout.{kind}", {"step": "a"}

    profile = profiled(
        [
            step(0, "activated", "a"),
            step(10, "expanded", "a"),
            *worked("a[0]", 10, (10, 100), 110),
            roll(110, "paused"),
            roll(600, "advanced"),
            *worked("a[1]", 600, (600, 990), 1_000),
            *worked("a[2]", 600, (600, 690), 700),
            roll(700, "aborted"),
            step(1_000, "failed", "a"),
            (1_000, "run.failing", {}),
            *worked("a[1]~compensate", 1_000, (1_000, 1_190), 1_200),
            (1_200, "run.failed", {}),
        ],
        a=[],
    )
    assert way(profile) == ["a", "a[0]", "a", "a[1]", "a[1]~compensate"]
    assert profile.parts["wait"] == 490 and "held" not in profile.parts
    assert all(took > 0 for piece in profile.critical_path for took in piece.parts.values())


def test_a_run_that_went_back_and_on_with_another_version_is_told_whole() -> None:
    profile = profiled(
        [
            (30, "run.admitted", {"line": "l"}),
            *worked("a", 30, (40, 90), 100),
            *worked("b", 100, (110, 190), 200),
            (200, "run.finishing", {}),
            (200, "run.paused", {}),
            (260, "run.rewound", {"steps": ["b", "open"]}),
            (260, "run.migrated", {"from_version": 3, "to_version": 4}),
            *worked("b", 260, (270, 290), 300),
            step(300, "scheduled", "open", attempt=1, task="t"),
            (350, "step.hastened", {"step": "open"}),
            (400, "signal.received", {"name": "x"}),
        ],
        a=[], b=["a"], open=["b"],
    )  # fmt: skip
    assert way(profile) == ["", "a", "b", "", "b", "open"]
    assert (profile.version, profile.status) == (4, "running")
    assert profile.critical_path[0].parts == {"held": 30}
    assert profile.critical_path[-1].parts == {"queue": 100}


def test_a_run_of_no_time_and_of_no_events_are_answered() -> None:
    nothing = profiled([])
    assert (nothing.took_ms, nothing.parallelism, nothing.advice) == (0, 0, [])
    assert nothing.critical_path == []
    with pytest.raises(ValueError, match="expected the events of a run"):
        profile_run("r1", [], graph())


def test_what_the_engine_takes_is_told_together() -> None:
    profile = profiled(
        [step(0, "activated", "a"), step(80, "completed", "a"), *worked("b", 80, (85, 95), 100)],
        a=[], b=["a"],
    )  # fmt: skip
    assert "the engine takes 90 ms of 100 ms, most of it to decide" in profile.advice[0].sentence


def test_time_in_which_nothing_was_under_way_is_told_of_the_run_or_of_a_loop() -> None:
    told = profiled([*worked("a", 500, (500, 1_000), 1_000)], a=[])
    assert any("nothing was under way; the run was paused" in a.sentence for a in told.advice)
    told = profiled(
        [
            step(0, "opened", "a"),
            *worked("a[0].b", 500, (500, 900), 900),
            step(900, "completed", "a"),
        ],
        a=[],
    )
    assert any("nothing was under way in `a`" in advice.sentence for advice in told.advice)


def test_many_runs_are_told_together() -> None:
    runs = [
        RunToProfile(
            f"r{n}",
            tell(*worked("a", 0, (0, 100 * n), 100 * n), (100 * n, "run.completed", {})),
            graph(a=[]),
        )
        for n in (1, 2, 3)
    ]
    profile = profile_many("w", runs, more=True)
    assert profile is not None
    assert (profile.runs, profile.took.mean_ms, profile.work_ms) == (3, 200, 200)
    assert (profile.parts, profile.parallelism) == ({"run": 200}, 1.0)
    assert profile.slowest == ["r3", "r2", "r1"] and profile.more
    assert profile.steps[0].critical_ms == 200
    assert "`a`: 200 ms of 200 ms" in profile.advice[0].sentence
    assert profile_many("w", []) is None
    still = profile_many("w", [RunToProfile("r", tell(), graph())])
    assert still is not None and still.parallelism == 0


def test_needs_are_read_from_groups_and_handlers_too() -> None:
    inside = {"steps": [{"name": "x"}, {"name": "y", "needs": [0]}]}
    found = needs_of(
        {"root": {"steps": [{"name": "g", "body": inside, "catch": [{"body": inside}, {}]}]}}
    )
    assert found["g.y"] == {"g.x"} and found["g~catch.y"] == {"g~catch.x"}
    assert needs_of({}) == {}


@pytest.mark.parametrize(
    ("path", "from_", "step_"),
    [
        ("a", "", "a"),
        ("scan[3].read", "scan[3]", "scan.read"),
        ("scan[3]", "scan", "scan"),
        ("a~catch.tell", "a~catch", "a~catch.tell"),
        ("a.b~compensate", "a", "a.b~compensate"),
    ],
)
def test_paths_are_read_from_their_end(path: str, from_: str, step_: str) -> None:
    assert (above(path), plain(path)) == (from_, step_)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0123, "12.3 ms"), (3.21, "3.21 s"), (90, "1.5 min"), (7_200, "2 h")]
)
def test_lengths_of_time_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
