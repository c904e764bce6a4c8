"""A full frame of decisions, worked out as the decision service does, and by the bare library.

Ours unpacks the frame, decodes the values, evaluates, and packs the answers; the bare library is
given the same hundred scopes, decoded, one after the other.
"""

from time import process_time
from typing import NamedTuple

from cel_expr_python import cel

from services.decision.core.evaluate import FrameValues, evaluate
from services.decision.core.plans import PlanCache
from stretto.contracts.codec import json_encode, pack, unpack_decide
from stretto.contracts.frames import DecidedFrame, DecideFrame, DecideRecord
from stretto.runtime.clock import now_us
from tests.bench.expression_speed import CONDITIONS, scope
from tests.unit.decision.plans import plan

RECORDS = 100
TIMES = 20
ROUNDS = 10

PLANS = [plan("input", "steps", condition=source) for source in CONDITIONS]


class Costs(NamedTuple):
    """Milliseconds (of CPU) of a frame."""

    ours: float
    bare: float


def frame_of(first: int, records: int = RECORDS) -> DecideFrame:
    """A frame with a condition a record, by turns; no two have the same values."""
    made, values = [], []
    for place in range(records):
        number = first + place
        run_id = number.to_bytes(16, "big")
        kind = number % len(PLANS)
        made.append(DecideRecord(run_id, "step", 1, 0, kind, (2 * place, 2 * place + 1)))
        inner = scope()
        inner["input"]["total"] = number
        values += [json_encode(inner["input"]), json_encode(inner["steps"])]
    return DecideFrame(plans=PLANS, values=values, records=made, sent_us=now_us())


def measure() -> Costs:
    """Measure; the best of some rounds, each of both by turns."""
    cache = PlanCache()
    encoded = pack(frame_of(0))
    env = cel.NewEnv(variables={"input": cel.Type.DYN, "steps": cel.Type.DYN})
    programs = [env.compile(source) for source in CONDITIONS]

    def ours() -> None:
        frame = unpack_decide(encoded)
        plans = [cache.get(each) for each in frame.plans]
        values = FrameValues(frame.values)
        records = [evaluate(plans[record.plan], values, record) for record in frame.records]
        pack(DecidedFrame(records=records))

    scopes = [scope() for _ in range(RECORDS)]

    def bare() -> None:
        for number, values in enumerate(scopes):
            programs[number % len(programs)].eval(data=values).value()

    costs = []
    for _ in range(ROUNDS):
        times = []
        for work in (ours, bare):
            began = process_time()
            for _ in range(TIMES):
                work()
            times.append((process_time() - began) / TIMES * 1e3)
        costs.append(times)
    return Costs(min(each[0] for each in costs), min(each[1] for each in costs))
