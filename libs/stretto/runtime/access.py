"""What each process may do on the bus, as data: least privilege, a user of the bus each.

`deploy/nats/users.conf` is written from it (`make proto`), and a test compares the two; another one
compares the table with what the code of each service uses.

1. A process publishes and hears its own subjects only. Streams and consumers it makes, updates and
   reads are those of `stretto.runtime.topology`: `$JS.API` is allowed stream by stream.
2. Each has an inbox prefix of its own (`inbox_prefix`), which nobody else hears. Who answers may
   publish to the inboxes of those who ask him, and to no other: not by the server's
   `allow_responses`, which remembers every acknowledgement that is due, and would look through
   them all at each message.
3. Clients that are not services share the usual prefix `_INBOX`. Where they must not read each
   other's answers, each gets a user and a prefix.
"""

from typing import Literal, NamedTuple, get_args

from stretto.contracts import subjects
from stretto.contracts.frames import ServiceName
from stretto.runtime.topology import consumers_for, streams_for

UserName = Literal["workflow", "decision", "execution", "monitoring", "gateway", "worker", "client"]
"""A user of the bus: each service, the workers, and whoever starts runs and looks at them."""

USERS: tuple[UserName, ...] = get_args(UserName)
SERVICES: tuple[ServiceName, ...] = get_args(ServiceName)

_ANY = "*"
_NO_PARTITION: int = _ANY  # type: ignore[assignment] # builders of subjects only write it

_CLIENT_SAYS = (
    subjects.start(_ANY, _ANY),
    subjects.control(_ANY, _ANY),
    subjects.definitions(_ANY),
    subjects.schedules(_ANY),
    subjects.reuse(_ANY),
    subjects.api(_ANY, _ANY),
)
# Whoever looks may use any wildcards: `stretto.closed.default.>` is a part of this, and not of
# `stretto.closed.*.*.*`.
_CLIENT_HEARS = tuple(
    f"stretto.{kind}.>"
    for kind in (
        *("events", "closed", "emitted", "rejected", "alert", "dlq", "progress", "estimate"),
    )
)

_PAYLOADS_SAYS = (f"$O.{subjects.PAYLOAD_BUCKET}.C.*", f"$O.{subjects.PAYLOAD_BUCKET}.M.*")
_PAYLOADS_ASKS = (
    f"DIRECT.GET.{subjects.STREAM_PAYLOADS}",
    f"DIRECT.GET.{subjects.STREAM_PAYLOADS}.>",
)
# Large payloads: `stretto.payloads`. Who knows the hash of one may read it.

_SAYS: dict[UserName, tuple[str, ...]] = {
    "workflow": (
        subjects.inbox(_NO_PARTITION),
        subjects.decide(),
        subjects.dispatch(_NO_PARTITION),
        subjects.log(_NO_PARTITION),
        subjects.events(_ANY, _ANY, _ANY),
        subjects.closed(_ANY, _ANY, _ANY),
        subjects.emitted(_ANY, _ANY),
        subjects.rejected(_ANY),
        # A run that waits for nothing: a fault of ours.
        subjects.alert(_ANY, _ANY),
        subjects.defined(_ANY, _ANY),
        # Child runs: they are started and cancelled as anybody's, and answer as a worker does.
        subjects.start(_ANY, _ANY),
        subjects.control(_ANY, _ANY),
        subjects.results(_NO_PARTITION),
        *_PAYLOADS_SAYS,
    ),
    # The records of a frame that is suspected of ending the process are asked one by one again.
    "decision": (subjects.decided(_NO_PARTITION), subjects.decide()),
    "execution": (
        subjects.work(_ANY, _ANY),
        subjects.device(_ANY, _ANY),
        subjects.withdraw(_ANY, _ANY),
        subjects.active(_NO_PARTITION),
        subjects.PARTS,
        subjects.rejected(_ANY),
        # What its own tasks give, and what it says for a worker that is lost.
        subjects.results(_NO_PARTITION),
        # A lane is knocked at, to find out who is active on it.
        subjects.dispatch(_NO_PARTITION),
        subjects.api("workflow", "open"),
        # Which devices fit an attempt, and how attempts went on them.
        subjects.api("decision", "rank"),
        subjects.outcomes(_ANY),
        subjects.scaling(_ANY, _ANY),
        # What `std.publish` may reach. Wider where workflows are to publish elsewhere.
        "app.>",
    ),
    "monitoring": (
        subjects.alert(_ANY, _ANY),
        subjects.api("workflow", "history"),
        subjects.api("workflow", "export"),
        # How far runs are: the steps of a workflow that never ran; what is told.
        subjects.api("workflow", "definition"),
        subjects.estimate(_ANY, _ANY),
    ),
    "gateway": _CLIENT_SAYS,
    "worker": (
        subjects.results(_NO_PARTITION),
        subjects.presence(_ANY, _ANY),
        subjects.progress(_ANY, _ANY),
        subjects.api("workflow", "payload"),
        *_PAYLOADS_SAYS,
    ),
    "client": (*_CLIENT_SAYS, *_PAYLOADS_SAYS, subjects.ROUTES_LEARNED, "$SRV.>"),
}

_HEARS: dict[UserName, tuple[str, ...]] = {
    "workflow": (subjects.definitions(_ANY), subjects.DEFINED),
    "decision": (subjects.presence(_ANY, _ANY), subjects.OUTCOMES, subjects.ROUTES_LEARNED),
    "execution": (
        subjects.presence(_ANY, _ANY),
        subjects.progress(_ANY, _ANY),
        subjects.active(_NO_PARTITION),
        subjects.PARTS,
    ),
    "monitoring": (subjects.stats(_ANY), subjects.progress(_ANY, _ANY)),
    "gateway": _CLIENT_HEARS,
    "worker": (
        subjects.withdraw(_ANY, _ANY),
        subjects.device(_ANY, _ANY),
        subjects.scaling(_ANY, _ANY),
    ),
    "client": (*_CLIENT_HEARS, subjects.stats(_ANY)),
}

_ANSWERS: dict[UserName, tuple[UserName, ...]] = {
    # Itself: what becomes of the starts of its schedules.
    "workflow": ("workflow", "client", "gateway", "monitoring", "execution", "worker"),
    "decision": ("client", "gateway", "execution"),
    # Itself: each instance knows its own lanes.
    "execution": ("execution", "client", "gateway"),
    "monitoring": ("client", "gateway"),
    "gateway": ("client",),
}
"""Who is asked, and by whom: a definition, a start, a control, an operation."""

_ALSO_READS: dict[UserName, tuple[str, ...]] = {
    "worker": (subjects.STREAM_WORK,),
    # Everything that is for anybody: consumers of their own on these streams, no others.
    "client": (
        subjects.STREAM_EVENTS,
        subjects.STREAM_CLOSED,
        subjects.STREAM_EMITTED,
        subjects.STREAM_REJECTED,
        subjects.STREAM_DLQ,
        subjects.STREAM_ALERTS,
    ),
}

_ALSO_ASKS: dict[UserName, tuple[str, ...]] = {
    # The work stream, looked at from the side: services/execution/work_stream.py.
    "execution": (
        f"STREAM.INFO.{subjects.STREAM_WORK}",
        f"STREAM.MSG.DELETE.{subjects.STREAM_WORK}",
        f"CONSUMER.INFO.{subjects.STREAM_WORK}.*",
        f"DIRECT.GET.{subjects.STREAM_WORK}",
        # The consumer of a queue, made by whoever comes first; a lane taken from a silent owner.
        f"CONSUMER.CREATE.{subjects.STREAM_WORK}.>",
        f"CONSUMER.UNPIN.{subjects.STREAM_DISPATCH}.*",
    ),
    "monitoring": (f"STREAM.INFO.{subjects.STREAM_LOG}",),
    "workflow": _PAYLOADS_ASKS,
    "worker": _PAYLOADS_ASKS,
    "client": (
        *_PAYLOADS_ASKS,
        "INFO",
        "STREAM.NAMES",
        *(f"STREAM.INFO.{stream}" for stream in _ALSO_READS["client"]),
        *(f"CONSUMER.DELETE.{stream}.*" for stream in _ALSO_READS["client"]),
    ),
}


class Access(NamedTuple):
    """Subjects with wildcards, in no particular order, each once."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def inbox_prefix(user: UserName) -> str:
    """Return where a user hears answers: its `STRETTO_NATS_INBOX_PREFIX`."""
    return "_INBOX" if user == "client" else f"_INBOX_{user}"


def access_of(user: UserName) -> Access:
    """Return all that a user of the bus may publish to and subscribe to."""
    publish = [*_SAYS[user], *_store_of(user)]
    publish += [f"{inbox_prefix(who)}.>" for who in _ANSWERS.get(user, ())]
    subscribe = [*_HEARS[user], f"{inbox_prefix(user)}.>"]
    if user in SERVICES:
        publish += [subjects.stats(user), subjects.dead_letter(user)]
        # Asked, and found (NATS ADR-32).
        subscribe += [subjects.api(user, _ANY), "$SRV.*", f"$SRV.*.{user}", f"$SRV.*.{user}.*"]
    elif user == "worker":
        publish.append(subjects.dead_letter(user))
    return Access(tuple(dict.fromkeys(publish)), tuple(dict.fromkeys(subscribe)))


def _store_of(user: UserName) -> list[str]:
    """Return the subjects by which a user makes and reads its streams."""
    made = [] if user == "client" else [stream.name for stream in streams_for(user)]
    # Names and numbers of consumers vary, their streams do not.
    read = {consumer.stream: None for consumer in consumers_for(user, partitions=1, lanes=1)}
    read |= dict.fromkeys(_ALSO_READS.get(user, ()))
    asks = [f"STREAM.{verb}.{stream}" for stream in made for verb in ("CREATE", "UPDATE")]
    asks.append("STREAM.LIST")
    for stream in read:
        asks += [
            f"CONSUMER.CREATE.{stream}.>",
            f"CONSUMER.INFO.{stream}.*",
            f"CONSUMER.MSG.NEXT.{stream}.*",
        ]
    asks += _ALSO_ASKS.get(user, ())
    return [f"$JS.API.{ask}" for ask in asks] + [f"$JS.ACK.{stream}.>" for stream in read]
