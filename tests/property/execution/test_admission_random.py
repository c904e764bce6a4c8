"""Random admissions: never more than there is, nothing held while waiting, nothing starves."""

import random

import pytest

from services.execution.core.admission import Admission
from services.execution.core.attempt import Attempt, State
from services.execution.core.roster import Roster
from stretto.contracts.admission import Rate
from stretto.contracts.public import Presence

T0 = 1_700_000_000_000_000
STEP_US = 100_000
SEEDS = range(30)
CAPACITY = {"gpu": 4, "cad": 2, "dock": 1}


class Play:
    """A queue or two, workers that come and go, attempts that come, end and are withdrawn."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        rates = {"b": Rate(20.0, 5.0)} if seed % 3 == 0 else {}
        self.core = Admission(Roster(), CAPACITY, rates)
        self.now_us = T0
        self.alive: dict[str, Attempt] = {}
        self.out: dict[str, Attempt] = {}
        self.count = 0
        self.present("w0", 8)

    def present(self, name: str, slots: int, *, gone: bool = False) -> None:
        for queue in ("a", "b"):
            who = f"{name}-{queue}"
            said = Presence(device=who, tasks=["t"], queue=queue, slots=slots, gone=gone)
            news = self.core.roster.hear("n", who, said, self.now_us)
            if news:
                self.core.announced("n", queue, news)

    def admit(self) -> None:
        chance = self.chance
        demand = None
        if chance.random() < 0.6:
            some = chance.sample(sorted(CAPACITY), chance.randint(1, 2))
            demand = tuple(sorted((name, chance.randint(1, CAPACITY[name])) for name in some))
        self.count += 1
        attempt = Attempt(
            id_=f"{self.count}", namespace="n", task="t", queue=chance.choice("ab"),
            payload=b"x" * 20, reply="r", workflow=chance.choice("uvw"),
            priority=chance.choice((0, 5, 5, 9)), demand=demand,
        )  # fmt: skip
        self.core.admit(attempt, self.now_us)
        self.alive[attempt.id] = attempt

    def send(self) -> None:
        for sending in self.core.cut(self.now_us):
            if self.chance.random() < 0.1:
                self.core.not_stored(sending)
                continue
            self.core.stored(sending, self.count)
            for attempt in sending.attempts:
                self.out[attempt.id] = attempt

    def end(self, id_: str, *, withdrawn: bool) -> None:
        if withdrawn:
            self.core.withdraw([id_])
        else:
            self.core.finished(id_)
        self.alive.pop(id_, None)
        self.out.pop(id_, None)

    def check(self) -> None:
        used: dict[str, int] = {}
        for attempt in self.alive.values():
            if attempt.has_resources:
                assert attempt.state in (State.OUT, State.SENDING, State.HELD)
                for name, amount in attempt.demand or ():
                    used[name] = used.get(name, 0) + amount
            else:
                assert not (attempt.demand and attempt.state is State.OUT)
        assert used == self.core.pool.used
        assert all(amount <= CAPACITY[name] for name, amount in used.items())
        assert self.core.counts.known == len(self.alive)
        for line in self.core.lines:
            here = [a for a in self.alive.values() if a.queue == line.queue]
            assert line.waiting == sum(a.state is State.HELD for a in here)
            assert line.charged == sum(a.has_resources for a in here)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_admissions_keep_to_the_rules_and_all_come_to_their_end(seed: int) -> None:
    play = Play(seed)
    chance = play.chance
    for _ in range(150):
        play.now_us += STEP_US
        for _ in range(chance.randint(0, 4)):
            play.admit()
        if chance.random() < 0.05:
            play.core.store_lost()
            play.out.clear()
        if chance.random() < 0.05:
            play.present("w1", chance.randint(1, 8), gone=chance.random() < 0.5)
        play.send()
        for id_ in list(play.out):
            if chance.random() < 0.3:
                play.end(id_, withdrawn=False)
        if play.alive and chance.random() < 0.2:
            play.end(chance.choice(sorted(play.alive)), withdrawn=True)
        play.check()
    for _ in range(2_000):
        if not play.alive:
            break
        play.now_us += STEP_US
        play.core.short(play.now_us)
        play.send()
        for id_ in list(play.out):
            play.end(id_, withdrawn=False)
        play.check()
    assert not play.alive, [(a.id, a.state, a.demand) for a in play.alive.values()]
    assert play.core.counts == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_everything_waits_for_a_bounded_time_under_load_that_never_ends(seed: int) -> None:
    """More comes than can be done of the highest priority, in three workflows; whatever comes first
    is done before what comes 270 s later, and its turns: of ten a second without demands eight
    are done at least: by about 340 s."""
    play = Play(seed * 3 + 1)
    old = [f"old-{n}" for n in range(6)]
    for number, id_ in enumerate(old):
        demand = (("gpu", 4),) if number % 2 else None
        attempt = Attempt(
            id_=id_, namespace="n", task="t", queue="a", payload=b"", reply="r",
            workflow="old", priority=0, demand=demand,
        )  # fmt: skip
        play.core.admit(attempt, play.now_us)
        play.alive[id_] = attempt
    for second in range(600):
        play.now_us = T0 + second * 1_000_000
        for number in range(14):
            play.count += 1
            attempt = Attempt(
                id_=f"{play.count}", namespace="n", task="t", queue="a", payload=b"", reply="r",
                workflow="uvw"[number % 3], priority=9,
                demand=(("gpu", 1),) if number % 4 == 0 else None,
            )  # fmt: skip
            play.core.admit(attempt, play.now_us)
            play.alive[attempt.id] = attempt
        play.send()
        for id_ in list(play.out)[:12]:
            play.end(id_, withdrawn=False)
        if not any(id_ in play.alive for id_ in old):
            break
    assert not any(id_ in play.alive for id_ in old), second
    assert second <= 400
