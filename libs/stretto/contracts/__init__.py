"""What travels: every message, subject, id and event, as msgspec types. Imports nothing of ours.

========== ===================================================================================
module     holds
========== ===================================================================================
ids        run ids, attempt ids, shards and partitions
subjects   every subject that is used, built and parsed
failures   `Failure` (user code failed) and `Reason` (understood and refused): values, not raised
graph      a compiled workflow: what the core walks and the decision service evaluates
events     the log: one type a fact, its tag frozen for ever
public     the messages of the public contract, in JSON
frames     the messages between the services, in msgpack: records of many runs
durations  how a length of time is written
codec      one encoder and one decoder a message type, made once
========== ===================================================================================

Invariants

1. Every struct is frozen and keyword-only where people build it; frames are array-like.
2. A new field has a default; a field never changes its type; a shipped tag never changes its shape.
3. A payload of a user is carried as the JSON bytes that it came as and never decoded on the way.
"""
