"""Plans are compiled once; what cannot be compiled is an answer."""

import pytest

from services.decision.core import plans
from services.decision.core.plans import BrokenPlan, CompiledPlan, PlanCache
from tests.unit.decision.plans import decide, failure_of, plan


def test_a_plan_is_compiled_once() -> None:
    cache = PlanCache()
    encoded = plan("input", condition="input.x > 1")
    assert cache.get(encoded) is cache.get(bytes(bytearray(encoded)))
    counted = cache.statistics()
    assert (counted.hits, counted.misses, counted.evictions, counted.entries) == (1, 1, 0, 1)


def test_plans_of_another_version_share_their_programs() -> None:
    cache = PlanCache()
    cache.get(plan("input", condition="input.x > 1"))
    cache.get(plan("input", condition="input.x > 1", items="input.y"))
    assert cache.statistics().hits == 0
    assert cache.program_statistics().hits == 1


def test_the_plan_that_was_not_used_for_longest_goes_first() -> None:
    cache = PlanCache(2)
    first, second, third = (plan("input", items=f"input.{name}") for name in "abc")
    kept = cache.get(first)
    cache.get(second)
    cache.get(first)
    cache.get(third)
    assert cache.get(first) is kept
    counted = cache.statistics()
    assert (counted.evictions, counted.entries) == (1, 2)
    cache.get(second)
    assert cache.statistics().misses == 4


def test_long_plans_make_room_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (plan("input", template="x" * length) for length in (500, 600, 3_000))
    monkeypatch.setattr(plans, "MAX_PLAN_BYTES", 2_000)
    cache = PlanCache()
    cache.get(first)
    cache.get(second)
    assert cache.text_bytes == len(first) + len(second)
    cache.get(third)  # too long beside any other, but kept: it is what was asked for last
    assert cache.statistics().entries == 1
    assert cache.text_bytes == len(third)
    assert cache.statistics().evictions == 2


def test_a_cache_without_room_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        PlanCache(0)


@pytest.mark.parametrize("encoded", [b"", b"{", b'{"workflow":1}', b"[" * 100_000])
def test_bytes_that_are_no_plan_answer_every_record_with_an_error(encoded: bytes) -> None:
    cache = PlanCache()
    assert isinstance(cache.get(encoded), BrokenPlan)
    code, message = failure_of(decide(encoded, cache=cache))
    assert code == "plan"
    assert message.startswith("expected a plan, but: ")


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        (plan("input", condition="input.("), "if"),
        (plan("input", items="input..x"), "for_each"),
        (plan("input", cases=("true", "nonsense")), "switch[1].if"),
        (plan("input", template={"a": ["${{ 1 + }}"]}), "a[0]"),
        (plan("input", values={"n": "${{ ( }}"}), ""),
    ],
)
def test_an_expression_that_does_not_compile_is_an_answer_with_its_place(
    asked: bytes, place: str
) -> None:
    code, message = failure_of(decide(asked, {}))
    assert code == "syntax"
    assert message.startswith(f"{place}: " if place else "expected")


def test_a_condition_that_can_never_be_a_bool_is_a_mistake() -> None:
    code, message = failure_of(decide(plan(condition="'text'")))
    assert code == "syntax"
    assert "expected a bool" in message


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (("steps.a", "steps.a.output"), "steps.a.output is inside steps.a"),
        (("steps.a.output", "steps"), "steps.a.output is inside steps"),
    ],
)
def test_places_inside_each_other_are_refused(paths: tuple[str, ...], said: str) -> None:
    code, message = failure_of(decide(plan(*paths), {}, {}))
    assert code == "syntax"
    assert message == f"expected places beside each other, but {said}"


def test_an_empty_place_is_refused() -> None:
    broken = PlanCache().get(b'{"workflow":"w","version":1,"step":"s","paths":[[]]}')
    assert isinstance(broken, BrokenPlan)
    assert "but one is empty" in broken.failure.message


def test_an_empty_plan_answers_nothing() -> None:
    assert isinstance(PlanCache().get(plan()), CompiledPlan)
    answer = decide(plan())
    assert (answer.skip, answer.error, answer.output, answer.items) == (False, None, None, None)
