"""One encoder and one decoder a message type, made once.

Decoders raise `msgspec.DecodeError` / `msgspec.ValidationError`, whose text names the place
(`$.results[0].id`).
"""

import msgspec

from stretto.contracts import events as ev
from stretto.contracts import frames, public
from stretto.contracts.asks import AskPlan
from stretto.contracts.graph import Graph
from stretto.contracts.reuse import Purged, PurgeRequest
from stretto.contracts.schedules import Scheduled, ScheduleRequest

json_encode = msgspec.json.Encoder().encode
pack = msgspec.msgpack.Encoder().encode

unpack_decide = msgspec.msgpack.Decoder(frames.DecideFrame).decode
unpack_decided = msgspec.msgpack.Decoder(frames.DecidedFrame).decode
unpack_dispatch = msgspec.msgpack.Decoder(frames.DispatchFrame).decode
unpack_inbox = msgspec.msgpack.Decoder(frames.InboxFrame).decode
unpack_log = msgspec.msgpack.Decoder(frames.LogFrame).decode

decode_start = msgspec.json.Decoder(public.StartRequest).decode
decode_control = msgspec.json.Decoder(public.ControlRequest).decode
decode_schedule_request = msgspec.json.Decoder(ScheduleRequest).decode
decode_purge_request = msgspec.json.Decoder(PurgeRequest).decode
decode_purged = msgspec.json.Decoder(Purged).decode
decode_scheduled = msgspec.json.Decoder(Scheduled).decode
decode_task = msgspec.json.Decoder(public.Task).decode
decode_work = msgspec.json.Decoder(public.Work).decode
decode_results = msgspec.json.Decoder(public.Results).decode
decode_presence = msgspec.json.Decoder(public.Presence).decode
decode_progress = msgspec.json.Decoder(public.Progress).decode
decode_closed = msgspec.json.Decoder(public.Closed).decode
decode_graph = msgspec.json.Decoder(Graph).decode
decode_ask_plan = msgspec.json.Decoder(AskPlan).decode

_event_decoders = {t.type: msgspec.json.Decoder(t).decode for t in ev.EVENT_TYPES}


class UnknownEvent(Exception):
    """The log holds an event of a type that this build does not know: the build is older than the
    log."""


def decode_event(type_: str, data: bytes) -> ev.Event:
    """Read one event of the log; raises UnknownEvent for a tag that this build does not know."""
    decode = _event_decoders.get(type_)
    if decode is None:
        raise UnknownEvent(
            f"expected an event type that this build knows, but the log holds {type_!r}: "
            "this build is older than the log"
        )
    return decode(data)
