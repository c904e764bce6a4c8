"""Whether keeping the results of a plan pays: by the times that were measured."""

DEAR_US = 50
"""A plan is dear from this time on. Looking its result up costs 4 µs (and 1 µs a kilobyte of its
values), so it pays from one hit in ten on; an expression of usual size takes 5 to 20 µs."""

SHARED_DEAR_US = 1_000
"""From here on Redis is asked: 50 to 400 µs a question, and 15 µs to store a result."""

TIMES_DEAR = 3
"""So often it has to be dear first: a pause of the process makes any plan slow once."""

MAX_TIMES_DEAR = 3_000
WINDOW = 256
"""Results that are asked for before it is said whether that pays."""

FIRST_REST = 1_024
MAX_REST = 65_536
"""Records of a plan for which nothing is looked up when it did not pay; doubled each time."""

SMOOTHING = 0.1


class Worth:
    """Lookups at one level: whether they pay. Each costs `price_us`."""

    __slots__ = ("_asked", "_hits", "_next_rest", "_price_us", "_rest")

    def __init__(self, price_us: float) -> None:
        self._price_us = price_us
        self._asked = self._hits = self._rest = 0
        self._next_rest = FIRST_REST

    def pays(self) -> bool:
        """Whether to look one up; counts down the rest."""
        if self._rest:
            self._rest -= 1
            return False
        return True

    @property
    def rests(self) -> bool:
        """Whether nothing is looked up now."""
        return self._rest > 0

    def looked(self, cost_us: float, *, hit: bool) -> None:
        """Note a lookup, and what working it out costs."""
        self._asked += 1
        self._hits += hit
        if self._asked == WINDOW:
            if self._hits * cost_us < WINDOW * self._price_us:
                self._rest = self._next_rest
                self._next_rest = min(2 * self._next_rest, MAX_REST)
            else:
                self._next_rest = FIRST_REST
            self._asked = self._hits = 0


class Cost:
    """What a plan costs, and whether it is dear.

    Dear after `TIMES_DEAR` records of at least `DEAR_US`; no longer when the mean is below half of
    that. Next time it has to be dear more often: cheap plans in slow moments settle so.
    """

    __slots__ = ("_needed", "_seen", "digest", "here", "is_dear", "mean_us", "plan", "there")

    def __init__(self, plan: bytes = b"", digest: bytes = b"") -> None:
        self.plan = plan
        self.digest = digest
        """The first part of the keys of its results."""
        self.mean_us = 0.0
        self.is_dear = False
        self._seen = 0
        self._needed = TIMES_DEAR
        self.here = Worth(price_us=5)
        self.there = Worth(price_us=150)

    @property
    def is_shared(self) -> bool:
        """Whether it is dear enough to ask Redis."""
        return self.is_dear and self.mean_us >= SHARED_DEAR_US

    def took(self, us: int) -> None:
        """Note how long working it out took; below `DEAR_US` only once it is dear."""
        if self.is_dear:
            self.mean_us += SMOOTHING * (us - self.mean_us)
            if self.mean_us < DEAR_US / 2:
                self.is_dear, self._seen = False, 0
                self._needed = min(2 * self._needed, MAX_TIMES_DEAR)
            return
        self._seen += 1
        # Not the mean: it is dear by its best times, not by those of slow moments.
        self.mean_us = us if self._seen == 1 else min(self.mean_us, us)
        self.is_dear = self._seen >= self._needed
