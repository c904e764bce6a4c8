"""Streams and consumers as data, in our words; ``ensure`` makes the server's state like them."""

from __future__ import annotations

from typing import Literal

import msgspec

DEFAULT_DUPLICATE_WINDOW_S = 120.0
"""How long the server remembers message ids; a cheap filter, never the guarantee. Costs memory."""

DEFAULT_ACK_WAIT_S = 30.0
"""After so long without a word about it a message is delivered again."""

DEFAULT_MAX_ACK_PENDING = 20_000
"""Delivered but not acknowledged, over all who pull from a consumer."""

PRIORITY_TIMEOUT_S = 5.0
"""A pinned instance that does not ask again for so long is replaced by another."""


class SubjectTransform(msgspec.Struct, frozen=True, kw_only=True):
    """Store messages under another subject, for instance ``a.*.*`` as ``a.{{wildcard(1)}}``."""

    source: str
    destination: str


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream. Ages in seconds, sizes in bytes; 0 means without limit."""

    name: str
    subjects: tuple[str, ...]
    storage: Literal["file", "memory"] = "file"
    retention: Literal["limits", "interest", "workqueue"] = "limits"
    discard: Literal["old", "new"] = "old"
    max_age_s: float = 0
    max_bytes: int = 0
    max_messages: int = 0
    max_messages_per_subject: int = 0
    max_message_bytes: int = 0
    duplicate_window_s: float = DEFAULT_DUPLICATE_WINDOW_S
    replicas: int = 1
    persist: Literal["default", "async"] = "default"
    """`async` (files, one replica): acknowledged when written, not when flushed to the disk, also
    where
    the server syncs always. What is acknowledged survives the server, but not a power cut."""
    no_ack: bool = False
    """The stream does not answer publishers: replies are left to whoever reads the message."""
    subject_transform: SubjectTransform | None = None
    allow_direct: bool = False
    allow_rollup: bool = False
    """A message may replace those before it on its subject (what object stores are made of)."""
    description: str = ""


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """A durable pull consumer. ``filter_subjects`` empty: everything in the stream.

    ``priority_group`` makes it a pinned one: of all instances that pull, one gets the messages.
    """

    stream: str
    name: str
    filter_subjects: tuple[str, ...] = ()
    ack_policy: Literal["explicit", "all", "none"] = "explicit"
    ack_wait_s: float = DEFAULT_ACK_WAIT_S
    max_ack_pending: int = DEFAULT_MAX_ACK_PENDING
    max_deliver: int = -1
    max_waiting: int = 0
    """Pull requests that may wait, over all instances; 0: the server's default of 512."""
    inactive_threshold_s: float = 0
    """The server deletes the consumer when nobody pulled for so long; 0: never."""
    deliver: Literal["all", "new", "last"] = "all"
    priority_group: str | None = None
    priority_timeout_s: float = PRIORITY_TIMEOUT_S
    replicas: int = 0
    memory_storage: bool = False
    description: str = ""


def stream_config(stream: Stream) -> dict[str, object]:
    """Return the configuration as the API has it (durations in nanoseconds, -1 for no limit)."""
    config: dict[str, object] = {
        "name": stream.name,
        "subjects": list(stream.subjects),
        "storage": stream.storage,
        "retention": stream.retention,
        "discard": stream.discard,
        "max_age": _ns(stream.max_age_s),
        "max_bytes": stream.max_bytes or -1,
        "max_msgs": stream.max_messages or -1,
        "max_msgs_per_subject": stream.max_messages_per_subject or -1,
        "max_msg_size": stream.max_message_bytes or -1,
        "max_consumers": -1,
        "duplicate_window": _ns(stream.duplicate_window_s),
        "num_replicas": stream.replicas,
        "no_ack": stream.no_ack,
        "allow_direct": stream.allow_direct,
    }
    if stream.allow_rollup:
        config["allow_rollup_hdrs"] = True
    if stream.persist != "default" and stream.storage == "file" and stream.replicas == 1:
        config["persist_mode"] = stream.persist
    if stream.subject_transform is not None:
        transform = stream.subject_transform
        config["subject_transform"] = {"src": transform.source, "dest": transform.destination}
    if stream.description:
        config["description"] = stream.description
    return config


def consumer_config(consumer: Consumer) -> dict[str, object]:
    """Return the configuration as the API has it (durations in nanoseconds)."""
    config: dict[str, object] = {
        "durable_name": consumer.name,
        "name": consumer.name,
        "deliver_policy": consumer.deliver,
        "ack_policy": consumer.ack_policy,
        "replay_policy": "instant",
        "max_deliver": consumer.max_deliver,
        "num_replicas": consumer.replicas,
        "mem_storage": consumer.memory_storage,
    }
    if consumer.ack_policy != "none":
        config["ack_wait"] = _ns(consumer.ack_wait_s)
        config["max_ack_pending"] = consumer.max_ack_pending
    if len(consumer.filter_subjects) == 1:
        config["filter_subject"] = consumer.filter_subjects[0]
    elif consumer.filter_subjects:
        config["filter_subjects"] = list(consumer.filter_subjects)
    if consumer.max_waiting:
        config["max_waiting"] = consumer.max_waiting
    if consumer.inactive_threshold_s:
        config["inactive_threshold"] = _ns(consumer.inactive_threshold_s)
    if consumer.priority_group is not None:
        config["priority_policy"] = "pinned_client"
        config["priority_groups"] = [consumer.priority_group]
        config["priority_timeout"] = _ns(consumer.priority_timeout_s)
    if consumer.description:
        config["description"] = consumer.description
    return config


def _ns(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
