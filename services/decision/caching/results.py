"""Results by plan and values: in this process, and in Redis where there is one."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import partial

import msgspec

from services.decision.caching.keys import FrameKeys, plan_digest
from services.decision.caching.outbox import Outbox
from services.decision.caching.worth import Cost
from services.decision.core.framing import size_of
from stretto.cache import BoundedCache, CacheCounts
from stretto.contracts.codec import pack
from stretto.contracts.frames import DecidedRecord, DecideFrame, DecideRecord
from stretto.contracts.unreadable import UNREADABLE

MAX_ENTRIES = 50_000
"""Results that are kept here; their bytes are the bound that is met first."""

MAX_COSTS = 10_000
"""Plans that are dear, and as many that were slow now and then; the oldest are forgotten."""

MAX_FETCHED = 200
"""Results that Redis is asked for at once: within a millisecond."""

MIN_FETCHED_US = 1_000
"""Redis is asked when working them out would take so long in all."""

_NOBODYS = DecideRecord(b"", "", 0, 0, 0)
_decode = msgspec.msgpack.Decoder(DecidedRecord).decode


class Results:
    """See the package's docstring.

    Args:
        total_bytes: how much is kept in this process.
        engine: the digest of what works results out.
        outbox: to Redis, where there is one.
    """

    def __init__(self, total_bytes: int, engine: bytes = b"", outbox: Outbox | None = None) -> None:
        self._near: BoundedCache[bytes, DecidedRecord] = BoundedCache(MAX_ENTRIES, total_bytes)
        self._engine = engine
        self._outbox = outbox
        self._dear: dict[bytes, Cost] = {}
        self._others: OrderedDict[bytes, Cost] = OrderedDict()
        """Plans that were slow now and then."""

    @property
    def dear(self) -> int:
        """How many plans are dear now."""
        return len(self._dear)

    def counts(self) -> CacheCounts:
        """How it goes in this process."""
        return self._near.counts()

    def of(self, frame: DecideFrame) -> "FrameResults | None":
        """What may be known of the records of a frame; None: none of its plans is dear."""
        if not self._dear:
            return None
        costs = [self._dear.get(plan) for plan in frame.plans]
        return FrameResults(self, frame, costs) if any(costs) else None

    def took(self, plan: bytes, us: int) -> None:
        """Note a record of at least `DEAR_US` of a plan that is not dear yet."""
        cost = self._others.get(plan)
        if cost is None:
            cost = Cost(plan, plan_digest(self._engine, plan))
            self._remember(cost)
        cost.took(us)
        if cost.is_dear:
            del self._others[plan]
            self._dear[plan] = cost
            if len(self._dear) > MAX_COSTS:
                self._dear.pop(next(iter(self._dear)))

    def note(self, cost: Cost, us: int) -> None:
        """Note how long a record of a dear plan took."""
        cost.took(us)
        if not cost.is_dear and self._dear.pop(cost.plan, None) is not None:
            self._remember(cost)

    def _remember(self, cost: Cost) -> None:
        self._others[cost.plan] = cost
        if len(self._others) > MAX_COSTS:
            self._others.popitem(last=False)

    def get(self, key: bytes) -> DecidedRecord | None:
        """A result that is known here, with the ids of another record."""
        return self._near.get(key)

    def keep(self, key: bytes, answer: DecidedRecord, cost: Cost) -> None:
        """Keep a result here, and have it stored in Redis when it is dear enough."""
        size = size_of(answer)
        self._near.put(key, answer, size)
        if self._outbox is not None and cost.is_shared and not cost.there.rests:
            self._outbox.offer(key, partial(_written, answer), size)

    async def fetch(self, frames: Sequence["FrameResults | None"]) -> None:
        """Ask Redis for results of these frames that are not known here, if that may pay."""
        if self._outbox is None or not self._outbox.shared.is_up:
            return
        shared = self._outbox.shared
        wanted: dict[bytes, Cost] = {}
        for frame in frames:
            for key, cost in () if frame is None else frame.shared():
                if key not in self._near and len(wanted) < MAX_FETCHED and cost.there.pays():
                    wanted[key] = cost
        if sum(cost.mean_us for cost in wanted.values()) < MIN_FETCHED_US:
            return
        found = await shared.get_many(list(wanted))
        for (key, cost), value in zip(wanted.items(), found, strict=True):
            answer = None if value is None else _read(value)
            if shared.is_up:
                cost.there.looked(cost.mean_us, hit=answer is not None)
            if answer is not None:
                self._near.put(key, answer, size_of(answer))


class FrameResults:
    """What may be known of the records of one frame.

    Args:
        costs: of the plans of the frame; None: not dear.
    """

    __slots__ = ("_costs", "_frame", "_keys", "_results")

    def __init__(self, results: Results, frame: DecideFrame, costs: Sequence[Cost | None]) -> None:
        self._results = results
        self._frame = frame
        self._costs = costs
        self._keys = FrameKeys(frame)

    def get(self, record: DecideRecord) -> DecidedRecord | None:
        """The answer to a record, if it is known."""
        cost = self._cost(record)
        if cost is None or not cost.here.pays():
            return None
        key = self._keys.of(record, cost.digest)
        if key is None:
            return None
        known = self._results.get(key)
        cost.here.looked(cost.mean_us, hit=known is not None)
        return None if known is None else _for(record, known)

    def took(self, record: DecideRecord, answer: DecidedRecord) -> bool:
        """Note an answer that was worked out and keep it, if it can be; False: it is not dear."""
        cost = self._cost(record)
        if cost is None:
            return False
        self._results.note(cost, answer.took_us)
        if answer.error is None and not cost.here.rests:
            key = self._keys.of(record, cost.digest)
            if key is not None:
                self._results.keep(key, answer, cost)
        return True

    def shared(self) -> Iterable[tuple[bytes, Cost]]:
        """The keys of records whose plans are dear enough to ask Redis."""
        for record in self._frame.records:
            cost = self._cost(record)
            if cost is not None and cost.is_shared:
                key = self._keys.of(record, cost.digest)
                if key is not None:
                    yield key, cost

    def _cost(self, record: DecideRecord) -> Cost | None:
        return self._costs[record.plan] if 0 <= record.plan < len(self._costs) else None


def _for(record: DecideRecord, known: DecidedRecord) -> DecidedRecord:
    """The same answer to another record. What it holds is bytes, and never changed."""
    return DecidedRecord(
        record.run_id, record.path, record.turn, known.skip, None, known.output, known.items,
        known.branch, known.values, 0, known.rules,
    )  # fmt: skip


def _written(answer: DecidedRecord) -> bytes:
    return pack(_for(_NOBODYS, answer))


def _read(value: bytes) -> DecidedRecord | None:
    try:
        return _decode(value)
    except UNREADABLE:
        return None
