"""Every limit of an expression, named, with its reason.

The native library holds the interpreter lock while it works and cannot be interrupted, so whatever
could make it work long is refused before it starts.
"""

MAX_SOURCE_CHARS = 4096
"""A longer expression is a program; compiling this many characters takes at most about 50 ms."""

MAX_TEMPLATE_NODES = 10_000
"""Values, at all depths, of one template: a definition is read by people."""

MAX_DEPTH = 64
"""JSON nested deeper is refused on its way into and out of the native library, which recurses and
crashes the process somewhere past 3,000."""

MAX_VALUE_NODES = 50_000
"""Values, at all depths, that one reference may hand to the native library: it converts them at
about 0.2 µs each while everything else waits. Plain references (`${{ input.items }}`) are not
limited: they never reach it."""

MAX_VALUE_CHARS = 1024 * 1024
"""Characters, over all strings, that one reference may hand to the native library: a payload is
not larger either."""

MAX_RESULT_NODES = 50_000
"""Values, at all depths, of a result that the native library computed."""

MAX_RESULT_CHARS = 1024 * 1024
"""Characters, over all strings, of a computed result: a payload is not larger either."""

MAX_LOOP_ITEMS = 1000
"""Items that a macro (`map`, `filter`, `all` …) may run over. The library's `map` and `filter` are
quadratic: 1,000 items take 31 ms, 9,000 take 3 s. Longer lists are for `for_each`."""

MAX_COST = 4_000_000
"""Estimated elementary operations (about 25 ns each, so 100 ms) of one evaluation: `filter` and
`map` over MAX_LOOP_ITEMS fit."""

MAX_WORK_SIZE = 4 * 1024 * 1024
"""Values and characters of anything that an evaluation makes on its way to the result."""

MAX_MESSAGE_CHARS = 120
"""Messages about values are cut here: they end up in the log and on a page."""

MIN_INT = -(2**63)
MAX_UINT = 2**64 - 1
"""The integers the language has: 64 bits, signed or not."""
