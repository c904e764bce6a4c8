"""Whatever the graph and the times: the way touches, covers the run, and goes through its steps."""

import random

import pytest

from stretto.profiling import profile_run

from .stories import graph, tell, worked


@pytest.mark.parametrize("seed", range(40))
def test_the_way_of_a_random_graph_is_its_longest_chain(seed: int) -> None:
    chance = random.Random(seed)
    count = chance.randint(1, 40)
    needs: dict[str, list[str]] = {}
    ends: dict[str, float] = {}
    told = []
    for number in range(count):
        before = list(needs)
        name = f"s{number}"
        needs[name] = chance.sample(before, min(len(before), chance.randint(0, 3)))
        begin = max((ends[need] for need in needs[name]), default=0.0)
        took = chance.randint(1, 100)
        ends[name] = begin + took
        told += worked(name, begin, (begin, ends[name]), ends[name])
    profile = profile_run("r", tell(*sorted(told, key=lambda each: each[0])), graph(**needs))
    longest = max(ends.values())
    assert profile.took_ms == pytest.approx(longest)
    assert profile.parts == {"run": pytest.approx(longest)}
    for earlier, later in zip(profile.critical_path, profile.critical_path[1:], strict=False):
        assert earlier.step in needs[later.step], seed
        assert earlier.at_ms + earlier.took_ms == pytest.approx(later.at_ms)
