"""Every limit of the workflow language and its reason. Over one: a mistake, not a slow service."""

from stretto.contracts.payload import MAX_DEPTH as MAX_PAYLOAD_DEPTH
from stretto.contracts.subjects import MAX_NAME_CHARS as MAX_SUBJECT_TOKEN_CHARS

MAX_DOCUMENT_BYTES = 1024 * 1024
"""A definition travels as one message, and the message store takes 1 MiB by default."""

MAX_NODES = 150_000
"""Values in a document, aliases counted as often as they are used: bounds the time of reading it
(about 0.5 s) whatever it holds."""

MAX_ALIASES = 200
"""Anchors are there for a handful of shared blocks; more is an attack or a generated file."""

MAX_DEPTH = MAX_PAYLOAD_DEPTH
"""What is nested deeper could not be sent as an input either."""

MAX_STEPS = 10_000
"""A run keeps the state of every step in memory; `for_each` is there for long lists."""

MAX_GROUP_DEPTH = 8
"""Groups, loops and handlers inside one another: the path of a step is a column of every event."""

MAX_ROUNDS = 10_000
"""Rounds of a `repeat`: each is at least three events in the log of the run."""

MAX_HANDLERS = 100
"""Handlers of one `catch`: they are tried one after the other."""

MAX_NAME_CHARS = MAX_SUBJECT_TOKEN_CHARS
"""Names become parts of subjects, consumer names, span names and columns of lists."""

MAX_TEXT_CHARS = 65_536
"""One string of a definition. Larger constants belong into the input or an object store."""

MAX_DESCRIPTION_CHARS = 4_000
"""Descriptions are shown whole in lists and pages."""

MAX_EXPRESSION_CHARS = 4_000
"""An expression longer than this is a program: it belongs into a task."""

MAX_CONSTANT_ITEMS = 1_000
"""A `for_each` over a list that stands in the definition; longer lists come from the input."""

MAX_CASES = 1_000
"""Cases of one `switch`: they are tried one after the other."""

MAX_LABELS = 64
"""Labels are indexed for search; they are not a place for data."""

MAX_PLACES = 10_000
"""Runs, or steps, of one key at once: whoever asks for a place counts those that have one."""

MIN_REUSE_S = 1.0
"""An output that is kept for less is gone before another step could ask for it."""

MAX_REUSE_S = 30 * 86_400.0
"""What is kept for reuse is not a store: it may be dropped before, when there is no room."""

MAX_PARALLEL = 100_000
"""A `max_parallel` above any list that a run may hold."""

MAX_MISTAKES = 200
"""Nobody reads more at once; a last one says that there are more."""

MAX_SUGGESTION_WORK = 200_000
"""Pairs of names that are compared to make suggestions for one definition (about 0.5 s)."""

MAX_TEMPLATE_DEPTH = 8
"""Templates that use templates: what they expand to counts, and nobody follows it further down."""

MAX_USES = 1_000
"""Uses of templates in one definition, those inside templates counted: each is read and filled."""

MAX_PARAMETERS = 100
"""Parameters of one template: what takes more should take an object."""
