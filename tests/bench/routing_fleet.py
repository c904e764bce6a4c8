"""Strategies on a made-up fleet: ten devices, two of them slow, one that fails often.

`python -m tests.bench.routing_fleet [JOBS]` prints the mean time of a job, its 95th percentile and
the share of attempts that failed, for each strategy and several seeds, and how many keys of
`sticky` move when a device goes or comes. Virtual time; the ranking is the real one.
"""

import heapq
import random
import sys
from collections import Counter, deque
from statistics import mean, quantiles
from typing import Any, NamedTuple

import msgspec

from services.decision.routing.answers import Routes
from stretto.contracts.codec import json_encode
from stretto.contracts.public import Presence
from stretto.contracts.routes import Outcome, Ranked, RankQuestion, RoutePlan, Strategy

DEVICES = 10
SLOTS = 2
MEAN_MS = 100.0
SLOW = {"d0": 5.0, "d1": 5.0}
FAILS = {"d2": 0.4}
LOADS = (0.2, 0.6)
"""How much of what the fleet can do without its slow devices is asked of it."""

PRESENCE_US = 3_000_000
MAX_ATTEMPTS = 8
SEEDS = (1, 2, 3, 4, 5)
STRATEGIES: tuple[Strategy, ...] = ("random", "round_robin", "least_loaded", "fastest", "learned")


class Result(NamedTuple):
    """Of one strategy: milliseconds from a job's arrival to its end, the share of attempts that
    failed."""

    mean_ms: float
    p95_ms: float
    failed: float


class _Job:
    def __init__(self, number: int, at_us: int) -> None:
        self.number = number
        self.at_us = at_us
        self.attempt = 1
        self.avoid: list[str] = []


class Fleet:
    """Runs jobs on devices in virtual time, each where the ranking sends it."""

    def __init__(self, strategy: Strategy, seed: int, load: float) -> None:
        self._load = load
        self._chance = random.Random(seed)
        self._routes = Routes(explore=0.05)
        self._plan = msgspec.Raw(json_encode(RoutePlan(strategy=strategy)))
        self._seed = seed
        self._busy: Counter[str] = Counter()
        self._queue: deque[_Job] = deque()
        self._times: list[float] = []
        self._attempts = self._failed = 0
        self._events: list[tuple[int, int, str, Any]] = []
        self._order = 0

    def run(self, jobs: int) -> Result:
        """Run so many jobs, which arrive at random."""
        able = DEVICES - len(SLOW)
        every_us = MEAN_MS * 1000 / (able * SLOTS * self._load)
        at = 0.0
        for number in range(jobs):
            at += self._chance.expovariate(1 / every_us)
            self._push(int(at), "job", _Job(number, int(at)))
        self._push(0, "presence", None)
        while len(self._times) < jobs:
            now_us, _, kind, what = heapq.heappop(self._events)
            if kind == "presence":
                self._present(now_us)
            elif kind == "job":
                self._queue.append(what)
            else:
                self._ended(now_us, *what)
            while self._queue and self._place(self._queue[0], now_us):
                self._queue.popleft()
        late = quantiles(self._times, n=20)[-1]
        return Result(mean(self._times), late, self._failed / self._attempts)

    def _push(self, at_us: int, kind: str, what: Any) -> None:
        self._order += 1
        heapq.heappush(self._events, (at_us, self._order, kind, what))

    def _present(self, now_us: int) -> None:
        for number in range(DEVICES):
            name = f"d{number}"
            said = Presence(tasks=["t"], slots=SLOTS, busy=self._busy[name])
            self._routes.heard("default", name, said, now_us)
        self._push(now_us + PRESENCE_US, "presence", None)

    def _place(self, job: _Job, now_us: int) -> bool:
        """Give a job to the first that fits and is free; False: it waits."""
        if all(self._busy[f"d{n}"] >= SLOTS for n in range(DEVICES)):
            return False
        question = RankQuestion(
            id=f"{self._seed}:{job.number}:{job.attempt}", namespace="default", task="t",
            plan=self._plan, avoid=job.avoid,
        )  # fmt: skip
        answer: Ranked = self._routes.answer(question, now_us)
        for candidate in answer.candidates:
            if candidate.last and not answer.candidates[0].last:
                break
            if self._busy[candidate.device] < SLOTS:
                self._begin(job, candidate.device, now_us)
                return True
        return False

    def _begin(self, job: _Job, device: str, now_us: int) -> None:
        self._busy[device] += 1
        took_us = int(self._chance.expovariate(1 / (MEAN_MS * 1000 * SLOW.get(device, 1.0))))
        failed = self._chance.random() < FAILS.get(device, 0.0)
        self._push(now_us + took_us, "end", (job, device, took_us / 1000, failed))

    def _ended(self, now_us: int, job: _Job, device: str, ms: float, failed: bool) -> None:
        self._busy[device] -= 1
        self._attempts += 1
        outcome = Outcome(device=device, task="t", took_ms=ms, failed=failed)
        self._routes.took("default", outcome, now_us)
        if failed and job.attempt < MAX_ATTEMPTS:
            self._failed += 1
            job.attempt += 1
            job.avoid = [device]
            self._queue.append(job)
        else:
            self._times.append((now_us - job.at_us) / 1000)


def moved(devices: int = 10, keys: int = 10_000) -> tuple[float, float]:
    """The share of the keys of `sticky` that move when one of the devices goes, and when one
    more comes."""
    routes = Routes(explore=0.0)
    plan = msgspec.Raw(json_encode(RoutePlan(strategy="sticky", by="input", paths=(("input",),))))

    def places() -> list[str]:
        return [
            routes.answer(
                RankQuestion(
                    id="", namespace="default", task="t", plan=plan,
                    values=[msgspec.Raw(b"%d" % key)],
                ),
                0,
            ).candidates[0].device
            for key in range(keys)
        ]  # fmt: skip

    def share(before: list[str], after: list[str]) -> float:
        return sum(a != b for a, b in zip(before, after, strict=True)) / keys

    for number in range(devices):
        routes.heard("default", f"d{number}", Presence(tasks=["t"]), 0)
    whole = places()
    routes.heard("default", "d3", Presence(gone=True), 0)
    without = places()
    routes.heard("default", "d3", Presence(tasks=["t"]), 0)
    routes.heard("default", "new", Presence(tasks=["t"]), 0)
    return share(whole, without), share(whole, places())


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3_000
    for load in LOADS:
        print(f"load {load:.0%}")
        for name in STRATEGIES:
            results = [Fleet(name, seed, load).run(count) for seed in SEEDS]
            means = ", ".join(f"{result.mean_ms:.0f}" for result in results)
            whole = Result(*(mean(values) for values in zip(*results, strict=True)))
            print(
                f"  {name:13} mean {whole.mean_ms:4.0f} ms ({means})  p95 {whole.p95_ms:4.0f} ms  "
                f"failed {whole.failed:6.2%}"
            )
    gone, come = moved()
    print(f"sticky: {gone:.1%} of the keys move when one of ten goes, {come:.1%} when one comes")
