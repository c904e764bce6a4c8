"""Payloads too large for a message: carried by the object store, named by their SHA-256.

    value ── JSON ── up to INLINE_BYTES ───────────────────────► in the message
                └── larger ──► object store ── PayloadRef ─────► in the message, instead of it
                                    │
                                    └─► workflow service ─► Postgres, before the event is committed

1. A reference may stand anywhere in a payload; whoever reads it puts the value in its place. Of an
   object the largest members are taken out, so that expressions read the others as they are.
2. The truth is in Postgres as soon as an event that refers to it is committed. The object store is
   a cache: what is missing in it is put there again by `stretto.api.workflow.payload`.
3. What is stored never changes: the name is the hash of the bytes, checked by every reader.
"""

from stretto.payloads.carrier import Carrier, PayloadMissing
from stretto.payloads.objects import ObjectStore
from stretto.payloads.references import fill, reference_to, references_in, take_out

__all__ = [
    "Carrier",
    "ObjectStore",
    "PayloadMissing",
    "fill",
    "reference_to",
    "references_in",
    "take_out",
]
