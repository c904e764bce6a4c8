"""How long it takes to find devices.

`python -m tests.bench.routing_speed [DEVICES] [ROUTES]` prints microseconds of one answer: when the
match is worked out, when it is known, when every device is asked by the condition alone, and when
all of them fit.
How long it takes over the bus is measured by `decision_service`.
"""

import random
import sys
import time
from typing import NamedTuple

import msgspec

from services.decision.routing.answers import Routes
from stretto.contracts.codec import json_encode
from stretto.contracts.public import Presence
from stretto.contracts.routes import RankQuestion, RoutePlan

SITES, KINDS = 100, 20
SEED = 20_26


class Speeds(NamedTuple):
    """Microseconds (of CPU) of one answer."""

    worked_out: float
    known: float
    one_by_one: float
    all_fit: float


def fleet(devices: int) -> Routes:
    """So many devices in a hundred sites, with two of twenty capabilities each."""
    chance = random.Random(SEED)
    made = Routes(explore=0.0)
    for number in range(devices):
        made.heard("default", f"d{number}", said(chance, number), 0)
    return made


def said(chance: random.Random, number: int) -> Presence:
    return Presence(
        tasks=["scan"],
        capabilities=[f"k{k}" for k in chance.sample(range(KINDS), 2)],
        attributes={"site": f"s{number % SITES}", "accuracy": chance.random()},
        slots=4,
    )


def questions(routes: int, *, plain: bool = False) -> list[RankQuestion]:
    """One a route: a capability, a site, and a number that no index knows."""
    made = []
    for number in range(routes):
        terms = [f"'k{number % KINDS}' in device.capabilities", "device.attributes.site == input"]
        if plain:  # in a form that the index does not know
            terms = [f"({term} ? true : false)" for term in terms]
        where = " && ".join([*terms, f"device.attributes.accuracy >= {number % 7 / 10}"])
        plan = RoutePlan(workflow="w", step=f"r{number}", where=where, paths=(("input",),))
        made.append(
            RankQuestion(
                id=f"id{number}", namespace="default", task="scan",
                plan=msgspec.Raw(json_encode(plan)),
                values=[msgspec.Raw(b'"s%d"' % (number % SITES))],
            )
        )  # fmt: skip
    return made


def measure(devices: int, routes: int) -> Speeds:
    """Measure; routes are compiled before."""
    made = fleet(devices)
    asked = questions(routes)
    few = questions(5, plain=True)
    for question in (*asked, *few):
        made.answer(question, 0)

    def cost(of: list[RankQuestion]) -> float:
        began = time.process_time()
        for question in of:
            made.answer(question, 0)
        return (time.process_time() - began) / len(of) * 1e6

    known = cost(asked)
    made.heard("default", "new", Presence(tasks=["scan"]), 0)  # what was matched is void
    worked_out = cost(asked)
    made.heard("default", "newer", Presence(tasks=["scan"]), 0)
    plan = msgspec.Raw(json_encode(RoutePlan()))
    every = RankQuestion(id="", namespace="default", task="scan", plan=plan)
    crowd = [msgspec.structs.replace(every, id=f"{number}") for number in range(5)]
    return Speeds(worked_out, known, cost(few), cost(crowd))


if __name__ == "__main__":
    counts = [int(text) for text in sys.argv[1:]] or [10_000, 1_000]
    speeds = measure(counts[0], counts[1])
    for name, value in speeds._asdict().items():
        print(f"{name:12} {value:10.1f} µs")
