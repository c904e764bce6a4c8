"""The public subjects (design, §6.1) as channels: parameters, messages, who sends.

Addresses come from `contracts.subjects`: its builders are given the names of the parameters.
"""

from typing import Literal, NamedTuple

from stretto.contracts import answers, public, reuse, schedules, subjects
from stretto.contracts.public import CLOSED_STATUSES
from stretto.contracts.scaling import Scaling
from stretto.proto.operations import OPERATIONS, SERVICES, Operation

Direction = Literal["receive", "send"]
"""As AsyncAPI has it, for Stretto: it receives what others publish, it sends what others hear."""

SEVERITIES = ("info", "warning", "critical")

PARAMETERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "namespace": ("Whose it is: [a-z0-9][a-z0-9_-]*, usually `default`.", ()),
    "workflow": ("The name of the workflow.", ()),
    "run_id": ("The run: a UUID.", ()),
    "queue": ("Where workers share the work.", ()),
    "device": ("The name of a worker or device.", ()),
    "status": ("How the run ended.", CLOSED_STATUSES),
    "severity": ("How bad it is.", SEVERITIES),
    "service": ("The service that says it.", (*SERVICES, "worker")),
}


class Message(NamedTuple):
    """A message of a channel: its name; the type it has, or a file with its schema, or neither."""

    name: str
    kind: type | None = None
    file: str | None = None
    content_type: str = "application/json"
    headers: tuple[str, ...] = ()
    summary: str = ""


class Channel(NamedTuple):
    """A subject and what travels on it.

    Attributes:
        address: with parameters in braces; None where a message says it (`reply`).
        reply: the name of the channel that answers, and where the address of the answer is, as an
            AsyncAPI expression; None where it is the message's own reply subject.
        stored: the stream that keeps it, None for core NATS.
    """

    name: str
    address: str | None
    direction: Direction
    summary: str
    messages: tuple[Message, ...]
    reply: str | None = None
    reply_at: str | None = None
    stored: str | None = None


HEADERS = {
    subjects.HEADER_REPLY: "Where the service's own answer is to go, for messages that are stored: "
    "their reply subject gets the store's acknowledgement.",
    subjects.HEADER_TRACEPARENT: "W3C trace context: the run becomes a part of that trace.",
    "Nats-Msg-Id": "The same message again within two minutes is dropped by the store.",
    "ce-specversion": "CloudEvents, binary mode: 1.0.",
    "ce-type": "CloudEvents: stretto.run.events.v1.",
    "ce-source": "CloudEvents: /stretto/<namespace>/<workflow>.",
    "ce-subject": "CloudEvents: the run.",
    "ce-id": "CloudEvents: the run and the numbers of its events; the same for the same events.",
    "ce-time": "CloudEvents: when, RFC 3339.",
    "Nats-Service-Error-Code": "A stable code: docs/errors.md.",
    "Nats-Service-Error": "A sentence for people.",
}
_ASKING = (subjects.HEADER_REPLY, subjects.HEADER_TRACEPARENT, "Nats-Msg-Id")
_CLOUD = tuple(name for name in HEADERS if name.startswith("ce-"))
_REPLY_HEADER = f"$message.header#/{subjects.HEADER_REPLY}"

REFUSED = Message("Refused", public.Refused)
FAILED = Message(
    "NotAnswered",
    headers=("Nats-Service-Error-Code", "Nats-Service-Error"),
    summary="The read could not be answered: the headers say why, the data is empty.",
)


def _publics() -> tuple[Channel, ...]:
    namespace, workflow, run = "{namespace}", "{workflow}", "{run_id}"
    return (
        Channel(
            "start",
            subjects.start(namespace, workflow),
            "receive",
            "Start a run. With an `id` that is open already it is that run.",
            (Message("StartRequest", public.StartRequest, headers=_ASKING),),
            reply="startAnswer",
            reply_at=_REPLY_HEADER,
            stored=subjects.STREAM_STARTS,
        ),
        Channel(
            "control",
            subjects.control(namespace, run),
            "receive",
            "Tell a run to do something.",
            (Message("ControlRequest", public.ControlRequest, headers=_ASKING),),
            reply="controlAnswer",
            reply_at=_REPLY_HEADER,
            stored=subjects.STREAM_CONTROL,
        ),
        Channel(
            "definitions",
            subjects.definitions(namespace),
            "receive",
            "Register a definition or template, or label a version. The answer goes to the "
            "message's reply subject.",
            (
                Message(
                    "Definition",
                    file="workflow.schema.json",
                    content_type="application/yaml",
                    summary="YAML 1.2 or JSON.",
                ),
                Message(
                    "Template",
                    file="template.schema.json",
                    content_type="application/yaml",
                    summary="What several definitions use, YAML 1.2 or JSON.",
                ),
                Message("LabelRequest", public.LabelRequest),
            ),
            reply="definitionAnswer",
            stored=subjects.STREAM_DEFINITIONS,
        ),
        Channel(
            "schedules",
            subjects.schedules(namespace),
            "receive",
            "Change a schedule, or let it fire.",
            (Message("ScheduleRequest", schedules.ScheduleRequest, headers=_ASKING),),
            reply="scheduleAnswer",
            reply_at=_REPLY_HEADER,
            stored=subjects.STREAM_SCHEDULES,
        ),
        Channel(
            "reuse",
            subjects.reuse(namespace),
            "receive",
            "Purge what is kept for equal steps.",
            (Message("PurgeRequest", reuse.PurgeRequest, headers=_ASKING),),
            reply="reuseAnswer",
            reply_at=_REPLY_HEADER,
            stored=subjects.STREAM_REUSE,
        ),
        Channel(
            "events",
            subjects.events(namespace, workflow, run),
            "send",
            "What happened to a run: one CloudEvent a commit. Stored without the run id.",
            (Message("EventsMessage", public.EventsMessage, headers=(*_CLOUD, "Nats-Msg-Id")),),
            stored=subjects.STREAM_EVENTS,
        ),
        Channel(
            "closed",
            subjects.closed(namespace, workflow, "{status}"),
            "send",
            "A run has ended.",
            (Message("Closed", public.Closed),),
            stored=subjects.STREAM_CLOSED,
        ),
        Channel(
            "emitted",
            subjects.emitted(namespace, workflow),
            "send",
            "What a step of kind `emit` says.",
            (Message("Emitted", summary="Whatever the definition says."),),
            stored=subjects.STREAM_EMITTED,
        ),
        Channel(
            "rejected",
            subjects.rejected(namespace),
            "send",
            "What was understood and refused.",
            (Message("Rejected", public.Rejected),),
            stored=subjects.STREAM_REJECTED,
        ),
        Channel(
            "estimate",
            subjects.estimate(namespace, run),
            "send",
            "How far a run is and how long it will take still, every second while it moves.",
            (Message("RunProgress", answers.RunProgress),),
        ),
        Channel(
            "scaling",
            subjects.scaling(namespace, "{queue}"),
            "send",
            "How many workers a queue wants, every second; each instance says its part.",
            (Message("Scaling", Scaling),),
        ),
        Channel(
            "alert",
            subjects.alert(namespace, "{severity}"),
            "send",
            "Something that a person should look at.",
            (Message("Alert", public.Alert),),
            stored=subjects.STREAM_ALERTS,
        ),
        Channel(
            "deadLetter",
            subjects.dead_letter("{service}"),
            "send",
            "What could not be understood.",
            (Message("DeadLetter", public.DeadLetter),),
            stored=subjects.STREAM_DLQ,
        ),
    )


def _workers() -> tuple[Channel, ...]:
    namespace, device = "{namespace}", "{device}"
    work = (Message("Work", public.Work),)
    at_reply = "$message.payload#/tasks/0/reply"
    return (
        Channel(
            "work",
            subjects.work(namespace, "{queue}"),
            "send",
            "Attempts for the workers of a queue, who share the pull consumer "
            f"`{subjects.work_consumer('<namespace>', '<queue>')}` and acknowledge a message after "
            "its results are stored.",
            work,
            reply="results",
            reply_at=at_reply,
            stored=subjects.STREAM_WORK,
        ),
        Channel(
            "device",
            subjects.device(namespace, device),
            "send",
            "Attempts for one device.",
            work,
            reply="results",
            reply_at=at_reply,
        ),
        Channel(
            "presence",
            subjects.presence(namespace, device),
            "receive",
            "Who is there, every few seconds.",
            (Message("Presence", public.Presence),),
        ),
        Channel(
            "progress",
            subjects.progress(namespace, "{run_id}"),
            "receive",
            "A sign of life of an attempt.",
            (Message("Progress", public.Progress),),
        ),
        Channel(
            "results",
            None,
            "receive",
            "What became of attempts. The address is the task's `reply`.",
            (Message("Results", public.Results),),
            stored=subjects.STREAM_RESULTS,
        ),
    )


def _answers() -> tuple[Channel, ...]:
    told = (
        ("startAnswer", "What became of a start.", Message("Started", public.Started)),
        ("controlAnswer", "What became of a control.", Message("Controlled", public.Controlled)),
        (
            "definitionAnswer",
            "What became of a definition, template or label.",
            Message("Defined", public.Defined),
            Message("Labelled", public.Labelled),
        ),
        (
            "scheduleAnswer",
            "What became of a request for a schedule.",
            Message("Scheduled", schedules.Scheduled),
        ),
        ("reuseAnswer", "How much was purged.", Message("Purged", reuse.Purged)),
    )
    return tuple(
        Channel(name, None, "send", summary, (*messages, REFUSED))
        for name, summary, *messages in told
    )


def read_name(operation: Operation) -> str:
    """Return how the channel of a read is called: `workflowHistory`."""
    return operation.service + operation.name.capitalize()


def _reads() -> tuple[Channel, ...]:
    channels = []
    for each in OPERATIONS:
        name = read_name(each)
        asked = Message(each.request.__name__, each.request)
        told = Message(each.answer.__name__, each.answer)
        address = subjects.api(each.service, each.name)
        channels.append(
            Channel(name, address, "receive", each.summary, (asked,), reply=f"{name}Answer")
        )
        channels.append(Channel(f"{name}Answer", None, "send", each.summary, (told, FAILED)))
    return tuple(channels)


def channels() -> tuple[Channel, ...]:
    """Return every channel: first what anybody uses, then workers', then answers and reads."""
    return (*_publics(), *_workers(), *_answers(), *_reads())
