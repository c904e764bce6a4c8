"""Routes of a run, told in lines."""

from stretto.cli.decision_story import decision_lines
from stretto.cli.route_story import MAX_TOLD, route_lines
from stretto.client.decisions import Decision
from stretto.contracts.bindings import Binding, Bindings, RoutedAttempt
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure
from stretto.contracts.routes import Candidate, Otherwise, Preference, Ranked, RoutePlan

AT = "2026-01-01T00:00:00Z"
PLAN = RoutePlan(
    where="device.load < 0.5",
    prefer=(Preference(condition="device.busy == 0", weight=2.0),),
    strategy="sticky",
    by="input.customer",
    otherwise=(Otherwise(wait_s=300.0), Otherwise(queue="manual"), Otherwise(fail="nobody")),
)
RANKED = Ranked(
    candidates=[
        Candidate(device="full", score=2.5, why="key x; +2 for device.busy == 0"),
        Candidate(device="taken", score=0.5),
        Candidate(device="next", score=0.25, why="load 20%"),
        Candidate(device="bad", score=3.0, why="set aside after failures", last=True),
    ],
    present=9, knowing=7, fitting=5, refused={"the condition is false": 2}, took_us=90,
)  # fmt: skip


def binding(**fields: object) -> Binding:
    plain = Binding(attempt=1, device="taken", at=AT, waited_ms=12.5, ranked=RANKED)
    return Binding(**{f: getattr(plain, f) for f in plain.__struct_fields__} | fields)


def route(*bindings: Binding, plan: RoutePlan = PLAN, waiting: str | None = None) -> Bindings:
    return Bindings(
        run_id="r", workflow="w", version=3, step="scan", task="read", plan=json_encode(plan),
        bindings=list(bindings), waiting=waiting,
    )  # fmt: skip


def test_candidates_are_told_with_scores_and_why_not_the_others() -> None:
    found = list(route_lines(route(binding(ended="step.completed", took_ms=40.0)), None))
    assert found == [
        "scan: a route of w v3, for read",
        "  where device.load < 0.5",
        "  prefer device.busy == 0 (+2)",
        "  prefer sticky (input.customer)",
        "  otherwise wait 300 s, queue manual, fail: nobody",
        f"attempt 1 at {AT}: to taken after 12.5 ms; 90 µs to rank",
        "  full: 2.5  (key x; +2 for device.busy == 0; no free slot then)",
        "* taken: 0.5",
        "  next: 0.25  (load 20%)",
        "  bad: 3  (set aside after failures; only when no other fits)",
        "  … 1 more that fit",
        "  9 present, 7 know the task, 5 fit",
        "  2 × the condition is false",
        "→ completed after 40.0 ms",
    ]


def test_ends_are_told() -> None:
    failure = Failure(type="Boom", message="it broke", retryable=True)
    ended = [
        binding(ranked=Ranked()),
        binding(ranked=Ranked(), ended="step.failed", took_ms=1.0, failure=failure),
        binding(ranked=Ranked(), ended="step.cancelled"),
    ]
    found = [line for line in route_lines(route(*ended), None) if line.startswith("→")]
    assert found == [
        "→ no result of it (yet)", "→ failed after 1.0 ms: Boom: it broke", "→ cancelled",
    ]  # fmt: skip


def test_one_that_was_chosen_to_learn_says_so() -> None:
    ranked = Ranked(candidates=[Candidate(device="taken", score=1.0)], explored=True)
    assert "* taken: 1  (chosen to learn about it)" in route_lines(
        route(binding(ranked=ranked)), None
    )


def test_only_the_last_ones_are_told() -> None:
    many = [binding(attempt=n, ranked=Ranked()) for n in range(MAX_TOLD + 2)]
    found = list(route_lines(route(*many, plan=RoutePlan()), None))
    assert found[1:4] == [
        "  where it knows the task", "  prefer least_loaded", "… 2 earlier ones",
    ]  # fmt: skip
    assert sum(line.startswith("attempt") for line in found) == MAX_TOLD


def test_what_waits_is_told() -> None:
    def last(at: str, device: str | None = None, reason: str = "") -> str:
        ranked = Ranked(present=2)
        waits = RoutedAttempt(
            id="r:scan:2", at=at, since=AT, device=device, reason=reason, ranked=ranked
        )
        lines = list(decision_lines(Decision(None, None, route(waiting="r:scan:2"), waits)))
        assert lines[-1] == "  2 present, 0 know the task, 0 fit"
        return lines[-2]

    assert last("waiting", None, "for a free slot of 2 devices") == (
        f"attempt 2: it waits for a free slot of 2 devices (since {AT})"
    )
    assert "being asked which devices fit" in last("ranking")
    assert "sent to d1, which has not accepted" in last("sent", "d1")
    assert "attempt 2: d1 has it" in last("accepted", "d1")
    [*_, unknown] = route_lines(route(waiting="r:scan:2"), None)
    assert unknown == "attempt 2 has no device; the execution service does not say why"


def test_a_queue_in_the_place_of_a_device_is_told() -> None:
    nobody = Ranked(present=2, knowing=2, refused={"the condition is false": 2})
    found = list(route_lines(route(binding(device="", queue="manual", ranked=nobody)), None))
    assert found[5:] == [
        f"attempt 1 at {AT}: to queue manual, because no device fits, after 12.5 ms",
        "  2 present, 2 know the task, 0 fit",
        "  2 × the condition is false",
        "→ no result of it (yet)",
    ]


def test_an_attempt_that_no_device_was_found_for_says_why() -> None:
    failure = Failure(type="NoDevice", message="nobody fits", retryable=False)
    nowhere = binding(device="", ranked=Ranked(), ended="step.failed", failure=failure)
    assert list(route_lines(route(nowhere), None))[5:] == [
        f"attempt 1 at {AT}: no device was found for it in 12.5 ms",
        "→ failed: NoDevice: nobody fits",
    ]


def test_a_route_names_its_scorer() -> None:
    plan = RoutePlan(strategy="learned", scorer="onnx")
    assert "  prefer learned (onnx)" in list(route_lines(route(plan=plan), None))
