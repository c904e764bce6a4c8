"""What policies may say: read in definitions, and again where an expression has worked them out."""

MAX_ATTEMPTS = 1_000
"""Each attempt is at least two events in the log of the run."""

MAX_BACKOFF = 100.0
"""A factor above this reaches `max_interval` at the first retry: a constant would do."""

MAX_DURATION_S = 10 * 366 * 86_400.0
"""Ten years: the calendar of a timer stays within what Postgres and RFC 3339 can say."""

MIN_DURATION_S = 0.001
"""A limit of time below this is over before anything can begin."""

MAX_KEY_CHARS = 256
"""A key of concurrency is a column of an index, and part of sentences."""

MAX_LABEL_CHARS = 1_000
"""Labels are indexed for search; they are not a place for data."""

MAX_PEOPLE = 100
"""Names in an approval: they are said in each sentence that tells what it waits for."""

MIN_HEARTBEAT_S = 0.1
"""Heartbeats more often than this cost more than they tell."""
