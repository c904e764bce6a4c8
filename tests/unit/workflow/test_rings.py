"""Claims that wait for one another: found exactly when nobody in the way can end."""

import random

from services.workflow.core.rings import Blocked, Link, Waiting, ring_of, stuck


def _w(run: str, step: str = "") -> Waiting:
    return Waiting(run.encode(), step)


def _b(*parts: str) -> Blocked:
    """What a run waits for: `>x` is a child, `!x` a claim of its own step (`!`: of itself)."""
    return Blocked(
        tuple(p[1:].encode() for p in parts if p[0] == ">"),
        tuple(Waiting(*_split(p[1:])) for p in parts if p[0] == "!"),
    )


def _split(text: str) -> tuple[bytes, str]:
    run, _, step = text.partition(":")
    return run.encode(), step


def test_a_child_that_waits_for_the_place_of_its_parent_is_stuck() -> None:
    holders = {_w("c"): [b"p"]}
    blocked = {b"p": _b(">c"), b"c": _b("!c")}
    assert stuck(holders, blocked) == {_w("c")}
    assert ring_of({_w("c")}, holders, blocked) == [Link(_w("c"), b"p", (b"c",))]


def test_who_waits_for_a_run_that_does_something_else_too_is_not() -> None:
    assert stuck({_w("c"): [b"p"]}, {b"c": _b("!c")}) == set()


def test_one_of_several_holders_that_can_end_is_enough() -> None:
    holders = {_w("c"): [b"p", b"q"]}
    assert stuck(holders, {b"p": _b(">c"), b"c": _b("!c")}) == set()
    both = {b"p": _b(">c"), b"q": _b(">c"), b"c": _b("!c")}
    assert stuck(holders, both) == {_w("c")}


def test_a_ring_over_two_lines_is_found_whole() -> None:
    holders = {_w("b2"): [b"b1"], _w("a2"): [b"a1"]}
    blocked = {b"a1": _b(">x"), b"x": _b(">b2"), b"b2": _b("!b2"), b"b1": _b(">a2"),
               b"a2": _b("!a2")}  # fmt: skip
    found = stuck(holders, blocked)
    assert found == set(holders)
    ring = ring_of(found, holders, blocked)
    assert ring == [
        Link(_w("a2"), b"a1", (b"x", b"b2")),
        Link(_w("b2"), b"b1", (b"a2",)),
    ]


def test_steps_that_hold_one_key_and_wait_for_another_are_found() -> None:
    holders = {_w("r", "b"): [b"s"], _w("s", "a"): [b"r"]}
    blocked = {b"r": _b("!r:b"), b"s": _b("!s:a")}
    found = stuck(holders, blocked)
    assert found == set(holders)
    assert [link.through for link in ring_of(found, holders, blocked)] == [(), ()]


def test_who_waits_behind_a_ring_is_stuck_and_no_part_of_it() -> None:
    holders = {_w("a"): [b"p"], _w("c"): [b"p"]}
    blocked = {b"p": _b(">c"), b"c": _b("!c"), b"a": _b("!a")}
    found = stuck(holders, blocked)
    assert found == set(holders)
    assert [link.claim for link in ring_of(found, holders, blocked)] == [_w("c")]


def test_nothing_waits_without_holders() -> None:
    assert stuck({_w("a"): []}, {}) == set()
    assert stuck({}, {}) == set()


def test_runs_that_are_each_others_children_do_not_go_round_for_ever() -> None:
    assert stuck({_w("a"): [b"p"]}, {b"p": _b(">q"), b"q": _b(">p")}) == set()


def test_what_is_stuck_stays_so_whoever_else_goes_on() -> None:
    """Play every other run to its end: no stuck claim is ever granted, and every other is."""
    for seed in range(300):
        chance = random.Random(seed)
        runs = [f"r{n}".encode() for n in range(chance.randint(2, 8))]
        lines = chance.randint(1, 3)
        having: dict[int, list[bytes]] = {n: [] for n in range(lines)}
        holders: dict[Waiting, list[bytes]] = {}
        at: dict[Waiting, int] = {}
        blocked: dict[bytes, Blocked] = {}
        for number, run in enumerate(runs):
            if chance.random() < 0.5:
                having[chance.randrange(lines)].append(run)
            if chance.random() < 0.6:
                claim = Waiting(run, "s")
                at[claim] = chance.randrange(lines)
                blocked[run] = Blocked((), (claim,))
            elif number + 1 < len(runs) and chance.random() < 0.7:
                blocked[run] = Blocked((chance.choice(runs[number + 1 :]),), ())
        holders = {claim: having[line] for claim, line in at.items()}
        ended: set[bytes] = set()
        granted: set[Waiting] = {claim for claim in holders if not holders[claim]}
        while True:
            more = {
                run
                for run in runs
                if run not in ended
                and all(child in ended for child in blocked.get(run, Blocked((), ())).children)
                and all(c in granted for c in blocked.get(run, Blocked((), ())).claims)
            }
            ended |= more
            fresh = {c for c in holders if c not in granted and ended & set(holders[c])}
            granted |= fresh
            if not more and not fresh:
                break
        assert stuck(holders, blocked) == set(holders) - granted, f"seed {seed}"
