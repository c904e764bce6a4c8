"""Scorers of installed packages: found, refused with a reason, used by `learned`, done without."""

from collections.abc import Sequence
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from services.decision.routing.answers import Routes
from stretto.scoring import (
    Scorers,
    Situation,
    load_scorer,
    load_scorers_or_exit,
    scorer,
    scorer_names,
)
from stretto.scoring.scorer import ScorerError
from tests.unit.decision.routing.fleets import ask, hear, names


class ByName:
    """Likes what comes late in the alphabet."""

    def __init__(self) -> None:
        self.seen: list[Situation] = []

    def score(self, situations: Sequence[Situation]) -> Sequence[float]:
        self.seen = list(situations)
        return [1_000.0 - ord(situation.device[0]) for situation in situations]


class Broken:
    """Gives whatever it is told to."""

    def __init__(self, gives: Any = None) -> None:
        self.gives = gives

    def score(self, situations: Sequence[Situation]) -> Sequence[float]:
        if self.gives is None:
            raise ZeroDivisionError
        gives: Sequence[float] = self.gives
        return gives


def no_scorer() -> object:
    return object()


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    here = __name__
    found = [
        EntryPoint(name, f"{here}:{what}", scorer.GROUP)
        for name, what in (("by-name", "ByName"), ("none", "no_scorer"), ("lost", "Nothing"))
    ]
    monkeypatch.setattr(scorer, "entry_points", lambda group: found)
    scorer.scorer_names.cache_clear()


def test_a_scorer_is_found_by_its_name() -> None:
    assert isinstance(load_scorer(" by-name "), ByName)
    assert load_scorer("") is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("other", "there are: by-name, lost, none"),
        ("lost", "to make a scorer, but AttributeError"),
        ("none", "something that has `score`, but got a object"),
    ],
)
def test_what_is_no_scorer_is_refused_with_the_reason(
    name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ScorerError, match=said):
        load_scorer(name)
    with pytest.raises(SystemExit) as ended:
        load_scorers_or_exit(name, "")
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("STRETTO_DECISION_SCORER: ") and said in told
    with pytest.raises(SystemExit) as ended:
        load_scorers_or_exit("", f"by-name, {name}")
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("STRETTO_DECISION_SCORERS: ")


def test_a_service_has_one_for_all_routes_and_others_for_those_that_name_them() -> None:
    nothing = load_scorers_or_exit("", "")
    assert (nothing.default, dict(nothing.named)) == (None, {})
    one = load_scorers_or_exit("by-name", "")
    assert one.default is not None and one.named["by-name"] is one.default
    both = load_scorers_or_exit(" by-name", "by-name,")
    assert both.default is both.named["by-name"]
    named = load_scorers_or_exit("", "by-name")
    assert named.default is None and isinstance(named.named["by-name"], ByName)


def test_those_that_are_installed_have_names() -> None:
    assert scorer_names() == ("by-name", "lost", "none")
    scorer_names.cache_clear()


def test_a_route_names_its_scorer() -> None:
    by_name = ByName()
    made = fleet(Broken([0.0, 1.0, 2.0]))
    assert names(ask(made, strategy="learned", scorer="by-name")) == ["a", "b", "c"]
    lost = ask(made, strategy="learned", scorer="by-name").candidates[0].why
    assert lost == "no score of by-name, nothing learned yet, load 10%"
    with_it = Routes(explore=0.0, scorers=Scorers(None, {"by-name": by_name}))
    for name, busy in (("a", 0), ("b", 5), ("c", 9)):
        hear(with_it, name, busy=busy)
    assert names(ask(with_it, strategy="learned", scorer="by-name")) == ["c", "b", "a"]
    assert names(ask(with_it, strategy="learned")) == ["a", "b", "c"]


def fleet(of: Any) -> Routes:
    made = Routes(explore=0.0, scorers=Scorers(of))
    for name, busy in (("a", 0), ("b", 5), ("c", 9)):
        hear(made, name, busy=busy, attributes={"site": name}, labels={"zone": "z"})
    return made


def test_learned_goes_by_the_scorer_and_the_other_strategies_do_not() -> None:
    by_name = ByName()
    made = fleet(by_name)
    answer = ask(made, strategy="learned")
    assert names(answer) == ["c", "b", "a"]
    assert answer.candidates[0].why == "scored 901"
    first = by_name.seen[0]
    assert (first.task, first.device, first.slots, first.load) == ("scan", "a", 10, 0.0)
    assert (first.attributes, first.labels) == ({"site": "a"}, {"zone": "z"})
    assert (first.time_ms, first.cost_ms) == (None, None)
    assert names(ask(made, strategy="least_loaded")) == ["a", "b", "c"]
    assert names(ask(Routes(explore=0.0, scorers=Scorers(by_name)), strategy="learned")) == []


@pytest.mark.parametrize("gives", [None, [1.0], [float("nan")] * 3, ["x"] * 3, 5])
def test_a_scorer_that_gives_nothing_usable_is_done_without(
    gives: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made = fleet(Broken(gives))
    for _ in range(3):
        answer = ask(made, strategy="learned")
        assert len(answer.candidates) == 3
        assert "nothing learned yet" in answer.candidates[0].why
    told = [record for record in caplog.records if "scorer gave no scores" in record.message]
    assert len(told) == 2, "the 1st and the 2nd time, then less and less often"
