"""What a lane holds at most and how long it is in doubt: limits and their reasons."""

MAX_HELD = 100_000
"""Attempts that are held or unbound, and as many that wait for a rate; more wait in the dispatch
stream and in the log."""

MAX_HELD_BYTES = 256 * 1024 * 1024
"""What their payloads may take of the memory."""

DOUBT_AFTER_US = 5_000_000
"""An attempt that is out and dispatched again after so long is looked for in the work stream."""

FORGET_AFTER_US = 30_000_000
"""Results come a moment before their message is acknowledged; after so long it is read or lost."""
