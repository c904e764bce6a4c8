"""Rates of queues, in virtual time; and what people may write."""

import pytest

from services.execution.core.admission import Admission
from services.execution.core.rates import Bucket, LineRate
from services.execution.core.roster import Roster
from stretto.contracts.admission import Rate, parse_rates, parse_resources

from .given import T0, S, admit, attempt, present


def _core(**rates: Rate) -> Admission:
    core = Admission(Roster(), {"gpu": 9}, {name.replace("_", "/"): r for name, r in rates.items()})
    core.tick(T0)
    present(core, "w")
    return core


def _went(core: Admission, now_us: int) -> int:
    return sum(len(sending.attempts) for sending in core.cut(now_us))


def test_a_queue_lets_out_its_burst_and_then_by_its_rate() -> None:
    core = _core(q=Rate(10.0, 5.0))
    admit(core, *[attempt(f"{n}") for n in range(100)])
    assert _went(core, T0) == 5
    assert _went(core, T0) == 0
    assert core.pause_us(T0) == 100_000
    assert _went(core, T0 + 100_000) == 1
    total = sum(_went(core, T0 + 100_000 + n * 10_000) for n in range(1, 401))
    assert total == 40
    assert _went(core, T0) == 0  # a clock that goes back gives nothing


def test_a_rate_of_a_namespaces_queue_holds_there_only() -> None:
    core = _core(other_q=Rate(1.0, 1.0))
    admit(core, *[attempt(f"{n}") for n in range(100)])
    assert _went(core, T0) == 100
    assert core.pause_us(T0) is None


def test_each_workflow_may_have_a_rate_of_its_own() -> None:
    core = _core(q=Rate(1.0, 2.0, "workflow"))
    admit(core, *[attempt(f"a{n}", workflow="a") for n in range(10)])
    admit(core, *[attempt(f"b{n}", workflow="b") for n in range(10)])
    assert _went(core, T0) == 4
    assert _went(core, T0) == 0
    assert _went(core, T0 + S) == 2


def test_a_rate_holds_for_attempts_with_resources_too() -> None:
    core = _core(q=Rate(1.0, 1.0))
    admit(core, *[attempt(f"{n}", demand=(("gpu", 1),)) for n in range(3)])
    assert [_went(core, T0), _went(core, T0), _went(core, T0 + S)] == [1, 0, 1]


def test_lanes_share_a_rate() -> None:
    rate = LineRate(Rate(10.0, 10.0), lanes=4)
    assert rate.room(T0) == 2
    rate = LineRate(Rate(1.0, 1.0), lanes=4)
    assert rate.room(T0) == 1
    rate.take("w")
    assert rate.wait_us(T0) == 4 * S
    assert rate.wait_us(T0 + 4 * S) is None


def test_buckets_of_workflows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.execution.core.rates.MAX_BUCKETS", 10)
    rate = LineRate(Rate(1.0, 1.0, "workflow"), lanes=1)
    assert rate.wait_us(T0) is None
    assert rate.room(T0) is None
    for number in range(30):
        assert rate.allows(f"{number}")
    assert len(rate._buckets) <= 10


def test_a_bucket_is_full_at_most() -> None:
    bucket = Bucket(1.0, 3.0, T0)
    assert bucket.is_full
    bucket.take(3)
    assert not bucket.is_full
    assert bucket.whole(T0 + 100 * S) == 3


def test_rates_and_resources_are_read() -> None:
    assert parse_rates("") == {}
    assert parse_rates('{"a": "10/s", "n/b": {"rate": "90/m", "burst": 3, "per": "workflow"}}') == {
        "a": Rate(10.0, 10.0),
        "n/b": Rate(1.5, 3.0, "workflow"),
    }
    assert parse_resources("") == {}
    assert parse_resources('{"gpu": 4, "licence/cad": 2}') == {"gpu": 4, "licence/cad": 2}


@pytest.mark.parametrize(
    "text",
    ["x", "[]", '{"a": 1}', '{"a": "1/d"}', '{"a": "0/s"}', '{"a": {"rate": "1/s", "burst": 0}}',
     "{{{}}}".format(",".join(f'"{n}":"1/s"' for n in range(1_001)))],
)  # fmt: skip
def test_rates_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_rates(text)


@pytest.mark.parametrize(
    "text",
    ["x", "[]", '{"a": "b"}', '{"a b": 1}', '{"a": -1}',
     "{{{}}}".format(",".join(f'"{n}":1' for n in range(1_001)))],
)  # fmt: skip
def test_resources_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_resources(text)


def test_a_queue_that_waits_for_slots_is_not_looked_at_again_for_its_rate() -> None:
    core = _core(q=Rate(1_000.0, 1_000.0))
    present(core, "w", slots=1)
    admit(core, *[attempt(f"{n}", priority=1) for n in range(100)])
    assert 0 < _went(core, T0) < 100
    assert core.pause_us(T0 + S) is None
