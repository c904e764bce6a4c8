"""Claims that wait for one another: found exactly when nobody in the way can end."""

import random

from services.workflow.core.rings import Blocked, Link, Waiting, ring_of, stuck


def _w(run: str, step: str = "") -> Waiting:
    return Waiting(run.encode(), step)


def _runs(*runs: str) -> list[Waiting]:
    """Runs that have places, or `run:step`."""
    return [Waiting(*_split(run)) for run in runs]


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
    holders = {_w("c"): _runs("p")}
    blocked = {_w("p"): _b(">c"), _w("c"): _b("!c")}
    assert stuck(holders, blocked) == {_w("c")}
    assert ring_of({_w("c")}, holders, blocked) == [Link(_w("c"), _w("p"), (b"c",))]


def test_who_waits_for_a_run_that_does_something_else_too_is_not() -> None:
    assert stuck({_w("c"): _runs("p")}, {_w("c"): _b("!c")}) == set()


def test_one_of_several_holders_that_can_end_is_enough() -> None:
    holders = {_w("c"): _runs("p", "q")}
    assert stuck(holders, {_w("p"): _b(">c"), _w("c"): _b("!c")}) == set()
    both = {_w("p"): _b(">c"), _w("q"): _b(">c"), _w("c"): _b("!c")}
    assert stuck(holders, both) == {_w("c")}


def test_a_ring_over_two_lines_is_found_whole() -> None:
    holders = {_w("b2"): _runs("b1"), _w("a2"): _runs("a1")}
    blocked = {_w("a1"): _b(">x"), _w("x"): _b(">b2"), _w("b2"): _b("!b2"), _w("b1"): _b(">a2"),
               _w("a2"): _b("!a2")}  # fmt: skip
    found = stuck(holders, blocked)
    assert found == set(holders)
    ring = ring_of(found, holders, blocked)
    assert ring == [
        Link(_w("a2"), _w("a1"), (b"x", b"b2")),
        Link(_w("b2"), _w("b1"), (b"a2",)),
    ]


def test_steps_that_hold_one_key_and_wait_for_another_are_found() -> None:
    holders = {_w("r", "b"): _runs("s"), _w("s", "a"): _runs("r")}
    blocked = {_w("r"): _b("!r:b"), _w("s"): _b("!s:a")}
    found = stuck(holders, blocked)
    assert found == set(holders)
    assert [link.through for link in ring_of(found, holders, blocked)] == [(), ()]


def test_who_waits_behind_a_ring_is_stuck_and_no_part_of_it() -> None:
    holders = {_w("a"): _runs("p"), _w("c"): _runs("p")}
    blocked = {_w("p"): _b(">c"), _w("c"): _b("!c"), _w("a"): _b("!a")}
    found = stuck(holders, blocked)
    assert found == set(holders)
    assert [link.claim for link in ring_of(found, holders, blocked)] == [_w("c")]


def test_nothing_waits_without_holders() -> None:
    assert stuck({_w("a"): []}, {}) == set()
    assert stuck({}, {}) == set()


def test_runs_that_are_each_others_children_do_not_go_round_for_ever() -> None:
    assert stuck({_w("a"): _runs("p")}, {_w("p"): _b(">q"), _w("q"): _b(">p")}) == set()


def test_a_step_that_has_a_place_is_stuck_by_what_is_inside_of_it_whatever_its_run_does() -> None:
    """An item has the place that its own child needs, while its siblings wait behind it."""
    holders = {_w("c", "x"): _runs("p:i0"), _w("p", "i1"): _runs("p:i0")}
    blocked = {_w("p", "i0"): _b(">c"), _w("c"): _b("!c:x")}
    found = stuck(holders, blocked)
    assert found == set(holders)
    assert ring_of(found, holders, blocked) == [Link(_w("c", "x"), _w("p", "i0"), (b"c",))]


def test_items_that_wait_for_the_place_of_one_that_has_just_ended_are_not_stuck() -> None:
    holders = {_w("p", "i1"): _runs("p:i0"), _w("p", "i2"): _runs("p:i0")}
    assert stuck(holders, {_w("p"): _b("!p:i1", "!p:i2")}) == set()


def test_what_is_stuck_stays_so_whoever_else_goes_on() -> None:
    """Play every other run to its end: no stuck claim is ever granted, and every other is."""
    for seed in range(300):
        chance = random.Random(seed)
        runs = [_w(f"r{n}") for n in range(chance.randint(2, 8))]
        lines = chance.randint(1, 3)
        having: dict[int, list[Waiting]] = {n: [] for n in range(lines)}
        holders: dict[Waiting, list[Waiting]] = {}
        at: dict[Waiting, int] = {}
        blocked: dict[Waiting, Blocked] = {}
        for number, run in enumerate(runs):
            if chance.random() < 0.5:
                having[chance.randrange(lines)].append(run)
            if chance.random() < 0.6:
                claim = Waiting(run.run_id, "s")
                at[claim] = chance.randrange(lines)
                blocked[run] = Blocked((), (claim,))
            elif number + 1 < len(runs) and chance.random() < 0.7:
                blocked[run] = Blocked((chance.choice(runs[number + 1 :]).run_id,), ())
        holders = {claim: having[line] for claim, line in at.items()}
        ended: set[Waiting] = set()
        granted: set[Waiting] = {claim for claim in holders if not holders[claim]}
        while True:
            more = {
                run
                for run in runs
                if run not in ended
                and all(
                    Waiting(child, "") in ended
                    for child in blocked.get(run, Blocked((), ())).children
                )
                and all(c in granted for c in blocked.get(run, Blocked((), ())).claims)
            }
            ended |= more
            fresh = {c for c in holders if c not in granted and ended & set(holders[c])}
            granted |= fresh
            if not more and not fresh:
                break
        assert stuck(holders, blocked) == set(holders) - granted, f"seed {seed}"
