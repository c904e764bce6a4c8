"""The public contract written down for programs: what lies in `proto/`, made from the types.

============= ====================================================================================
module        holds
============= ====================================================================================
messages      which messages are public, by the name of their file
operations    the reads (`stretto.api.*`), each with what is asked and answered
reads         the types of those that no two sides share
schema        a message type → its JSON Schema (2020-12)
field_words   what a field means, where it is not said beside its declaration
declared      what is said beside a declaration: the strings below fields
channels      the public subjects, with their parameters and messages
asyncapi      all of it as an AsyncAPI 3.0 document
shapes        what others rely on in a message, and what of it was broken
documents     every file of `proto/` with its text
============= ====================================================================================

Invariants

1. Nothing is written by hand twice: subjects come from `contracts.subjects`, forms from the types.
2. The same code gives the same text, byte for byte: a test compares it with `proto/`.
3. Changes add. `tests/golden/contracts` holds what was promised; a test finds what was taken away.
"""
