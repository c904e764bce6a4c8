"""How a benchmark goes: on which stack, in which order, with what around it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner

from stretto.bench import run as module
from stretto.bench.figures import Figures
from stretto.bench.growing import __main__ as growing
from stretto.bench.growing import filling
from stretto.bench.growing.cases import SMALL, Grown, Growth
from stretto.bench.ledger import Account
from stretto.bench.rig import Rig, RigOptions
from stretto.bench.run import BenchOptions, bench
from stretto.bench.sizes import SHORT, Sizes
from stretto.bench.workloads.steady import steady
from tests.unit.bench.reports import WORKLOADS


class Run:
    """A run that ends at once."""

    id = "r"

    async def result(self, _timeout_s: float) -> None:
        return None


class Client:
    """A client of whom it is counted what is started; nothing of it is ever told."""

    def __init__(self) -> None:
        self.started = 0

    async def start(self, *_arguments: object) -> Run:
        self.started += 1
        return Run()

    async def register(self, _source: str) -> None:
        return None

    async def start_many(self, starts: Any) -> None:
        self.started += len(list(starts))

    async def stats(self) -> SimpleNamespace:
        return SimpleNamespace(workflows={})


class FakeRig:
    """A stack without processes."""

    postgres = ""

    def __init__(self) -> None:
        self.client = Client()
        self.highest_runs_per_s: float | None = None
        self.waited_s: list[float] = []

    def parts(self) -> dict[str, list[int]]:
        return {}

    async def settled(self, give_up_s: float) -> None:
        self.waited_s.append(give_up_s)


def fake(made: FakeRig) -> Any:
    @asynccontextmanager
    async def rig(_options: RigOptions) -> AsyncIterator[FakeRig]:
        yield made

    return rig


async def test_a_workload_begins_on_an_idle_stack_with_what_is_wanted_around_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []

    async def workload(_rig: Rig, _sizes: Sizes) -> Figures:
        seen.append("run")
        return WORKLOADS["A"]

    @asynccontextmanager
    async def around(letter: str, _rig: Rig) -> AsyncIterator[None]:
        seen.append(f"{letter} begins")
        yield
        seen.append(f"{letter} ends")

    made = FakeRig()
    monkeypatch.setattr(module, "rig", fake(made))
    monkeypatch.setattr(module, "WORKLOADS", {"A": workload})
    options = BenchOptions(letters=("A",), sizes=SHORT)

    plain, profiled = await bench(options), await bench(options, around=around)

    assert seen == ["run", "A begins", "run", "A ends"]
    assert made.waited_s == [SHORT.settle_s] * 2
    assert (plain.settings["profiled"], profiled.settings["profiled"]) == (False, True)


async def test_each_workload_has_a_stack_of_its_own_and_hears_what_was_the_highest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[bool] = []
    heard: list[float | None] = []

    async def workload(rig: Rig, _sizes: Sizes) -> Figures:
        heard.append(rig.highest_runs_per_s)
        rig.highest_runs_per_s = 300.0
        return WORKLOADS["A"]

    @asynccontextmanager
    async def rig(options: RigOptions) -> AsyncIterator[FakeRig]:
        made.append(options.computed)
        yield FakeRig()

    monkeypatch.setattr(module, "rig", rig)
    monkeypatch.setattr(module, "WORKLOADS", {"A": workload, "B": workload})

    found = await bench(BenchOptions(letters=("A", "B"), sizes=SHORT, both=True))

    assert found.workloads == found.computed == dict.fromkeys("AB", WORKLOADS["A"])
    assert made == [False, False, True, True]
    assert heard == [None, 300.0, None, 300.0]


async def test_what_was_found_to_be_the_highest_is_not_measured_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def account(_postgres: str, run_ids: list[str]) -> Account:
        return cast(Account, SimpleNamespace(lost=len(run_ids) - 3))

    monkeypatch.setattr(sys.modules[steady.__module__], "account_of", account)
    made = FakeRig()
    made.highest_runs_per_s = 300.0
    sizes = Sizes(**{**SHORT.__dict__, "steady_s": 0.02})

    found = await steady(cast(Rig, made), sizes)

    assert (found.started_per_s, found.highest_per_s) == (150.0, 300.0)
    assert (made.client.started, found.runs, found.lost) == (3, 3, 0)
    assert made.waited_s == []


def test_each_case_of_growth_has_a_stack_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    stacks: list[Rig] = []

    async def case(rig: Rig, growth: Growth) -> Grown:
        assert growth is SMALL
        stacks.append(rig)
        return Grown(case="x", what="", unit="ms", small=1, large=1, dearer=1.0)

    @asynccontextmanager
    async def rig(_options: RigOptions) -> AsyncIterator[FakeRig]:
        yield FakeRig()

    monkeypatch.setattr(growing, "rig", rig)
    monkeypatch.setattr(growing, "CASES", {"open": case, "items": case})

    ended = CliRunner().invoke(growing.main, ["--small"])

    assert ended.exit_code == 0, ended.output
    assert ended.stderr == "open\nitems\n"
    assert stacks[0] is not stacks[1]


async def test_runs_that_do_not_become_known_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "COPY_TIMEOUT_S", -1.0)
    made = FakeRig()

    with pytest.raises(TimeoutError, match="expected 3 open runs, but there are 0"):
        await filling.fill_open(cast(Rig, made), 3)
    assert made.client.started == 3
