"""Which instance gives a lane away."""

from services.execution.core.shares import SETTLED_US, SILENT_US, Shares

from .given import T0, S


class Instances:
    """Instances that hear one another, and lanes that go to the one with the fewest."""

    def __init__(self, lanes: int, **held: tuple[int, ...]) -> None:
        self.held = {name: list(numbers) for name, numbers in held.items()}
        self.shares = {name: Shares(name, lanes) for name in held}
        self.moves = 0

    def second(self, now_us: int) -> None:
        for name, lanes in self.held.items():
            for share in self.shares.values():
                share.hear(name, lanes, now_us)
        giving = [n for n, share in self.shares.items() if share.gives(self.held[n], now_us)]
        assert len(giving) <= 1, giving
        for name in giving:
            fewest = min(self.held, key=lambda n: len(self.held[n]))
            self.held[fewest].append(self.held[name].pop())
            self.moves += 1


def test_lanes_are_spread_one_after_the_other_until_they_differ_by_one() -> None:
    world = Instances(8, a=tuple(range(8)), b=(), c=())
    for second in range(60):
        world.second(T0 + second * S)
    assert sorted(len(lanes) for lanes in world.held.values()) == [2, 3, 3]
    assert world.moves == 5, "and nothing moves any more"


def test_nothing_is_given_while_a_lane_changes_hands_or_to_who_is_gone() -> None:
    shares = Shares("a", 4)
    shares.hear("a", [3], T0)
    shares.hear("b", [3], T0)
    for when in (T0, T0 + SETTLED_US):
        shares.hear("b", [], when)
        assert not shares.gives([0, 1, 2], when), "nobody has lane 3"
    shares.hear("b", [], T0 + SETTLED_US)
    assert not shares.gives([0, 1, 2, 3], T0 + SETTLED_US)
    late = T0 + SETTLED_US + SILENT_US + 1
    assert not shares.gives([0, 1, 2, 3], late)
    assert not shares.gives([0, 1, 2, 3], late + SETTLED_US), "b is gone"
