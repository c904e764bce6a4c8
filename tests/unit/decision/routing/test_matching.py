"""Who fits: by the index as by the condition alone."""

import random
from typing import Any

import pytest

from services.decision.routing.terms import terms_of
from stretto.expression import native
from tests.unit.decision.routing.fleets import NOW_US, ask, hear, names, routes

SITES = (
    ("a", {"capabilities": ["scanner"], "attributes": {"site": "north", "floor": 1}}),
    ("b", {"capabilities": ["scanner", "arm"], "attributes": {"site": "south", "floor": 2}}),
    ("c", {"capabilities": ["arm"], "attributes": {"site": "north", "floor": 2}}),
    ("d", {"tasks": ["other"], "capabilities": ["scanner"], "attributes": {"site": "north"}}),
    ("e", {"tasks": [], "queue": "any", "labels": {"zone": "z1"}, "attributes": {"site": "north"}}),
)
INPUT: tuple[tuple[str, ...], ...] = (("input",),)


@pytest.mark.parametrize(
    ("where", "fitting"),
    [
        (None, "abce"),
        ("'scanner' in device.capabilities", "ab"),
        ("'scanner' in device.capabilities && device.attributes.site == input.site", "a"),
        ("input.site == device.attributes.site", "ace"),
        ("device.attributes['floor'] == 2", "bc"),
        ("device.attributes.floor >= 2", "bc"),
        ("device.labels.zone == 'z1'", "e"),
        ("device.name == 'b' || device.name == 'c'", "bc"),
        ("device.name == 'b'", "b"),
        ("device.queue == 'any'", "e"),
        ("device.load < 0.5 && device.slots > 1", "abce"),
        ("'scan' in device.tasks", "abc"),
        ("device.attributes.site == 'nowhere'", ""),
        ("false", ""),
    ],
)
def test_conditions_choose(where: str | None, fitting: str) -> None:
    answer = ask(routes(*SITES), where=where, paths=INPUT, values=({"site": "north"},))
    assert sorted(names(answer)) == list(fitting)
    assert (answer.present, answer.knowing, answer.fitting) == (5, 4, len(fitting))


def test_what_does_not_fit_is_told_with_its_reason() -> None:
    answer = ask(
        routes(*SITES), where="'scanner' in device.capabilities && device.attributes.floor > 1"
    )
    assert names(answer) == ["b"]
    assert answer.refused["device.capabilities is not as asked"] == 2
    assert answer.refused["the condition is false"] == 1
    missing = ask(routes(*SITES), where="device.attributes.floor > 0")
    assert sorted(names(missing)) == ["a", "b", "c"]
    assert any("floor" in reason for reason in missing.refused), "why e does not fit"


def test_who_is_asked_for_by_name_and_is_away_is_named() -> None:
    answer = ask(
        routes(*SITES), where="device.name == input.on", paths=INPUT, values=({"on": "z-9"},)
    )
    assert answer.refused == {"device.name is not 'z-9'": 4}


def test_true_is_not_one() -> None:
    fleet = routes(("a", {"attributes": {"on": True}}), ("b", {"attributes": {"on": 1}}))
    assert names(ask(fleet, where="device.attributes.on == true")) == ["a"]
    assert names(ask(fleet, where="device.attributes.on == 1")) == ["b"]


def test_the_index_says_what_the_expression_says() -> None:
    drawn = random.Random(7)
    fleet = routes()
    for number in range(300):
        hear(
            fleet, f"d{number}", capabilities=drawn.sample(["x", "y", "z"], 2),
            attributes={"site": f"s{drawn.randrange(5)}", "n": drawn.randrange(3)},
            labels={"zone": drawn.choice("ab")},
        )  # fmt: skip
    terms = (
        "'x' in device.capabilities", "device.attributes.site == input.site",
        "device.attributes.n == 1", "device.labels.zone == 'a'",
    )  # fmt: skip
    for _ in range(40):
        chosen = drawn.sample(terms, drawn.randrange(1, 5))
        # A condition in another form has no terms for the index: every device is looked at.
        plain = " && ".join(f"({term} ? true : false)" for term in chosen)
        values: tuple[Any, ...] = ({"site": f"s{drawn.randrange(6)}"},)
        by_index = ask(fleet, where=" && ".join(chosen), paths=INPUT, values=values)
        by_hand = ask(fleet, where=plain, paths=INPUT, values=values)
        assert by_index.fitting == by_hand.fitting


def test_terms_are_taken_out_of_conditions() -> None:
    found = terms_of(native.parse(
        "'a' in device.capabilities && device.labels['z'] == 'q' && 1 < 2 && device.load == 0.5"
    ).root)  # fmt: skip
    assert [term.key for term in found.terms] == [("capabilities",), ("labels", "z")]
    assert not found.complete
    assert terms_of(native.parse("device.name == input.who").root).complete
    assert terms_of(native.parse("device.name == device.queue").root).terms == ()


def test_matches_are_kept_until_somebody_changes() -> None:
    fleet = routes(*SITES)
    for _ in range(3):
        ask(fleet, where="device.attributes.floor == 2")
    assert fleet.matches.counts()[:2] == (2, 1)
    hear(fleet, "a", capabilities=["scanner"], attributes={"site": "north", "floor": 1}, busy=5)
    ask(fleet, where="device.attributes.floor == 2")
    assert fleet.matches.counts().hits == 3, "its load is no change"
    hear(fleet, "a", attributes={"floor": 2})
    assert sorted(names(ask(fleet, where="device.attributes.floor == 2"))) == ["a", "b", "c"]
    ask(fleet, where="device.load < 2.0")
    assert sum(fleet.matches.counts()[:2]) == 5, "what asks for the load is not kept"


def test_who_is_silent_or_gone_is_no_candidate() -> None:
    fleet = routes(*SITES)
    hear(fleet, "a", gone=True)
    hear(fleet, "nobody", gone=True)
    assert "a" not in names(ask(fleet))
    fleet.fleet.forgive(NOW_US + 8_000_000)
    assert fleet.fleet.expire(NOW_US + 10_000_000) == 0
    assert fleet.fleet.expire(NOW_US + 18_000_000) == 4
    assert len(fleet.fleet) == 0
    assert ask(fleet).present == 0


@pytest.mark.parametrize(
    ("fields", "values", "text"),
    [
        ({"where": "device.name ==="}, (), "route.where"),
        ({"prefer": [("1 +", 1.0)]}, (), "route.prefer[0].if"),
        ({"paths": INPUT}, (), "expected 1 values for the route, but got 0"),
        ({"strategy": "sticky", "by": "input.none", "paths": INPUT}, ({},), "none"),
    ],
)
def test_a_route_that_cannot_be_worked_out_fails_with_its_place(
    fields: dict[str, Any], values: tuple[Any, ...], text: str
) -> None:
    answer = ask(routes(*SITES), values=values, **fields)
    assert answer.failure is not None
    assert text in answer.failure.message


def test_an_absent_value_is_none() -> None:
    answer = ask(routes(*SITES), where="has(steps.x.output)", paths=(("steps", "x", "output"),),
                 values=(None,), absent=(0,))  # fmt: skip
    assert answer.fitting == 0
