"""Every limit of a decision table and its reason."""

MAX_RULES = 5_000
"""Rules of one table: the index holds a bit a rule for every value that a column names."""

MAX_INPUTS = 32
"""Columns of one table: nobody reads a wider one."""

MAX_TESTS = 1_000
"""Alternatives in one condition (`eu, us, …`)."""

MAX_CONDITION_CHARS = 4_000
"""A condition longer than this is data: it belongs into the input."""

MAX_CHECK_NODES = 60_000
"""Combinations of values that are looked at for gaps and dead rules of one table: about a second.
Beyond it the check gives up and says so."""

MAX_EXAMPLES = 5
"""Gaps, and overlaps, that are reported one by one; a person mends those first."""

MAX_HITS = 100
"""Rules of one decision that are named in its event."""
