"""A match is void when what it asks of the fleet has changed, and only then."""

import random
from typing import Any

import pytest

from services.decision.routing import parts as parts_module
from services.decision.routing.fleet import Fleet
from services.decision.routing.matches import Asked
from services.decision.routing.matching import Matcher
from services.decision.routing.parts import MEMBERS, TASKS, Parts, parts_of
from stretto.contracts.public import Presence
from stretto.expression import compile_expression
from tests.unit.decision.routing.fleets import NOW_US, ask, hear, names, routes

SITE = "device.attributes.site == 'north'"


def device(**said: Any) -> dict[str, Any]:
    return {"attributes": {"site": "north", "battery": 80}, "labels": {"rack": "a"}, **said}


def hits(before: int, of: Any) -> int:
    return int(of.matches.counts().hits) - before


@pytest.mark.parametrize(
    ("condition", "parts"),
    [
        ("device.attributes.site == input.site", (("attributes", "site"),)),
        ("device.attributes['a b'] > 1 && device.labels.x == ''",
         (("attributes", "a b"), ("labels", "x"))),
        ("device.attributes.lens.mm > 3", (("attributes", "lens"),)),
        ("'x' in device.attributes", (("attributes",),)),
        ("device.attributes[input.k] == 1", (("attributes",),)),
        ("'k' in device.capabilities && device.queue == 'q'", (("capabilities",), ("queue",))),
        ("device.name == 'a'", ()),
        ("input.x == 1", ()),
        ("device.load < 0.5", None),
        ("device.busy == 0 || device.attributes.site == ''", None),
        ("device.slots > 2", None),
        ("device == input", None),
    ],
)  # fmt: skip
def test_a_condition_asks_for_parts(
    condition: str, parts: tuple[tuple[str, ...], ...] | None
) -> None:
    found = parts_of(compile_expression(condition).references)
    wanted = None if parts is None else tuple(sorted({MEMBERS, TASKS, *parts}))
    assert found == wanted


@pytest.mark.parametrize(
    ("change", "void"),
    [
        ({"attributes": {"site": "north", "battery": 79}}, False),
        ({"labels": {"rack": "b"}}, False),
        ({"capabilities": ["scanner"]}, False),
        ({"queue": "other"}, False),
        ({"busy": 7, "slots": 3}, False),
        ({"attributes": {"site": "south", "battery": 80}}, True),
        ({"attributes": {"battery": 80}}, True),
        ({"tasks": ["scan", "print"]}, True),
        ({"gone": True}, True),
    ],
)
def test_only_a_change_of_what_is_asked_for_makes_a_match_void(
    change: dict[str, Any], void: bool
) -> None:
    fleet = routes(("a", device()), ("b", device()))
    ask(fleet, where=SITE)
    before = fleet.matches.counts().hits
    hear(fleet, "a", **device(**change))
    ask(fleet, where=SITE)
    assert hits(before, fleet) == (0 if void else 1)


def test_a_device_that_comes_or_is_silent_makes_a_match_void() -> None:
    fleet = routes(("a", device()))
    assert names(ask(fleet, where=SITE)) == ["a"]
    hear(fleet, "b", now_us=NOW_US + 10_000_000, **device())
    assert sorted(names(ask(fleet, where=SITE))) == ["a", "b"]
    assert fleet.fleet.expire(NOW_US + 10_000_000) == 1
    assert names(ask(fleet, where=SITE)) == ["b"]


def test_numbers_of_another_type_are_a_change() -> None:
    where = "type(device.attributes.n) == int"
    fleet = routes(("a", {"attributes": {"n": 1}}))
    assert names(ask(fleet, where=where)) == ["a"]
    hear(fleet, "a", attributes={"n": 1.0})
    assert names(ask(fleet, where=where)) == []


def test_another_namespace_changes_nothing_here() -> None:
    fleet = routes(("a", device()))
    ask(fleet, where=SITE)
    fleet.heard("other", "x", Presence(tasks=["scan"]), NOW_US)
    ask(fleet, where=SITE)
    assert fleet.matches.counts().hits == 1


@pytest.mark.parametrize("seed", range(5))
def test_matches_are_the_same_as_if_none_was_kept(seed: int) -> None:
    chance = random.Random(seed)
    kept = routes()
    conditions = [
        SITE, "device.attributes.n >= 2", "'k1' in device.capabilities",
        "'site' in device.attributes",
        "device.labels.rack == 'a' && device.attributes.site != 'east'", "device.load < 0.5",
        "size(device.tasks) > 1", "device.queue == 'q1'",
    ]  # fmt: skip
    now: dict[str, dict[str, Any]] = {}
    for _ in range(300):
        name = f"d{chance.randrange(6)}"
        said: dict[str, Any] = {
            "attributes": chance.choice(
                [{"site": "north", "n": chance.randrange(3)}, {"site": "east", "n": 2.0}, {}]
            ),
            "labels": {"rack": chance.choice("ab")},
            "capabilities": chance.sample(["k1", "k2"], chance.randrange(3)),
            "tasks": chance.choice([["scan"], ["scan", "print"], ["print"], []]),
            "queue": chance.choice([None, "q1"]),
            "busy": chance.randrange(10),
        }
        if chance.random() < 0.15:
            hear(kept, name, gone=True)
            now.pop(name, None)
        else:
            hear(kept, name, **said)
            now[name] = said
        where = chance.choice(conditions)
        anew = routes(*now.items())
        found, wanted = ask(kept, where=where), ask(anew, where=where)
        assert sorted(names(found)) == sorted(names(wanted)), where
        assert (found.knowing, found.fitting, found.refused) == (
            wanted.knowing, wanted.fitting, wanted.refused
        )  # fmt: skip
    assert kept.matches.counts().hits > 0


def test_more_parts_than_are_counted_make_all_matches_void(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parts_module, "MAX_PARTS", 20)
    fleet = routes(("a", device()))
    ask(fleet, where=SITE)
    for number in range(20):
        hear(fleet, "b", tasks=["other"], attributes={f"x{number}": 1})
    hear(fleet, "a", attributes={"site": "south"})
    assert names(ask(fleet, where=SITE)) == []


def test_a_match_that_is_never_kept_is_asked_of_nobody_else() -> None:
    fleet = routes(("a", device()))
    ask(fleet, where="device.load < 0.5")
    matcher = next(iter(fleet._matchers.values()))
    assert isinstance(matcher, Matcher)
    assert fleet.matches.knows(Asked(matcher, b"", (), "default", "scan"), fleet.fleet)


def test_two_that_heard_the_same_have_the_same_fingerprint_in_whatever_order() -> None:
    one, two = Fleet(fingerprints=True), Fleet(fingerprints=True)
    said = {name: Presence(tasks=["scan"], attributes={"site": name, "n": 1}) for name in "abc"}
    parts = (("attributes",), ("attributes", "site"), MEMBERS, TASKS)
    for name in "abc":
        one.hear("default", name, said[name], NOW_US)
    two.hear("default", "x", said["a"], NOW_US)
    for name in "cab":
        two.hear("default", name, Presence(tasks=["other"]), NOW_US)
        two.hear("default", name, said[name], NOW_US)
    assert one.parts.fingerprint("default", parts) != two.parts.fingerprint("default", parts)
    two.hear("default", "x", Presence(gone=True), NOW_US)
    assert one.parts.fingerprint("default", parts) == two.parts.fingerprint("default", parts)
    two.hear("default", "a", Presence(tasks=["scan"], attributes={"site": "a", "n": 2}), NOW_US)
    site = (("attributes", "site"),)
    assert one.parts.fingerprint("default", site) == two.parts.fingerprint("default", site)
    whole = (("attributes",),)
    assert one.parts.fingerprint("default", whole) != two.parts.fingerprint("default", whole)


def test_what_nobody_says_any_more_leaves_the_fingerprints() -> None:
    parts, said = Parts(fingerprints=True), Presence(labels={"rack": "a"})
    rack = (("labels", "rack"),)
    empty = parts.fingerprint("default", rack)

    parts.changed("default", "d1", None, said)
    assert parts.fingerprint("default", rack) != empty
    parts.changed("default", "d1", said, None)

    assert parts.fingerprint("default", rack) == empty
    assert not parts._prints
