"""The schemas are schemas, say what every field is, and accept what we write."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from stretto.contracts import public, reuse, schedules
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure, Reason
from stretto.contracts.scaling import Scaling
from stretto.proto.documents import schemas
from stretto.proto.messages import file_name

SCHEMAS = schemas()
RUN = "0192f0c1-2d3e-7a4b-8c5d-6e7f80910111"
ATTEMPT = f"{RUN}:charge:1"
REASON = Reason(code="input_invalid", message="expected a number, but got 'x'", details=[{"at": 1}])
FAILURE = Failure(type="CardDeclined", message="no", retryable=False, details=msgspec.Raw(b"[1]"))

SAMPLES: list[msgspec.Struct] = [
    public.StartRequest(),
    public.StartRequest(input=msgspec.Raw(b'{"a":1}'), id="order-42", version=2, labels={"a": "b"}),
    public.Started(run_id=RUN, workflow="order", version=1, existing=True),
    public.ControlRequest(command="signal", name="go", payload=msgspec.Raw(b"[]")),
    public.Controlled(run_id=RUN, command="cancel"),
    public.Defined(workflow="order", version=1, warnings=[{"line": 3}]),
    public.Defined(workflow="t", version=2, created=False, kind="template", latest_before=3),
    public.LabelRequest(label="stable", workflow="order", version=3),
    public.Labelled(label="stable", name="order", version=3, before=2),
    public.Refused(rejected=REASON),
    public.Rejected(subject="stretto.start.default.x", reason=REASON),
    public.Work(
        tasks=[
            public.Task(
                id=ATTEMPT,
                run_id=RUN,
                step="charge",
                attempt=1,
                task="payment.charge",
                input=msgspec.Raw(b"{}"),
                reply="stretto.results.3",
                timeout_s=30.0,
                accept=True,
            )
        ]
    ),
    public.Results(results=[public.TaskResult(id=ATTEMPT, status="failed", failure=FAILURE)]),
    public.Results(accepted=ATTEMPT, worker="w"),
    public.Results(accepted=[ATTEMPT]),
    public.Presence(device="w-1", tasks=["payment.charge"], attributes={"site": 3}, slots=8),
    public.Presence(gone=True),
    public.Alert(code="run_without_cause", message="look", at="2026-11-22T12:00:00Z", run_id=RUN),
    Scaling(instance="execution-1", wanted=2, waiting=5),
    public.Progress(id=ATTEMPT, progress=0.4),
    public.EventsMessage(
        run=public.RunHead(
            run_id=RUN, namespace="default", workflow="order", version=1, status="running"
        ),
        events=[
            public.PublicEvent(
                seq=1, type="run.started", at="2026-11-22T12:00:00Z", data=msgspec.Raw(b"{}")
            )
        ],
    ),
    public.Closed(
        run_id=RUN,
        status="failed",
        started_at="2026-11-22T12:00:00Z",
        closed_at="2026-11-22T12:00:01Z",
        failure=FAILURE,
    ),
    schedules.ScheduleRequest(command="pause", name="nightly", by="ada", reason="quiet"),
    schedules.Scheduled(schedule="nightly", command="pause", revision=2),
    reuse.PurgeRequest(task="prices.fetch", key="a", by="ada", reason="wrong"),
    reuse.Purged(purged=1),
    public.DeadLetter(service="workflow", subject="stretto.start.default.x", reason=REASON),
]


def objects(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield schema["title"], schema
    yield from schema.get("$defs", {}).items()


@pytest.mark.parametrize("path", sorted(SCHEMAS))
def test_a_schema_is_one_by_its_own_dialect(path: str) -> None:
    assert SCHEMAS[path]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(SCHEMAS[path])
    jsonschema_rs.validator_for(SCHEMAS[path])  # every reference leads somewhere


@pytest.mark.parametrize("path", sorted(SCHEMAS))
def test_a_schema_says_what_it_and_every_field_of_it_is(path: str) -> None:
    if path in ("workflow.schema.json", "template.schema.json"):
        return  # the language has its own test of this
    silent = [
        f"{name}.{field}"
        for name, part in objects(SCHEMAS[path])
        for field, said in part["properties"].items()
        if not said.get("description")
    ]
    silent += [name for name, part in objects(SCHEMAS[path]) if not part.get("description")]
    assert silent == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_what_we_write_is_as_its_schema_says(sample: msgspec.Struct) -> None:
    schema = SCHEMAS[f"messages/{file_name(type(sample))}.schema.json"]
    jsonschema_rs.validate(schema, json.loads(json_encode(sample)))


def test_every_public_message_has_a_sample_here() -> None:
    from stretto.proto.messages import PUBLIC

    assert {type(sample) for sample in SAMPLES} == set(PUBLIC)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("start-request", {"id": 3}),
        ("start-request", {"labels": {"a": 1}}),
        ("results", {"results": [{"id": ATTEMPT, "status": "perhaps"}]}),
        ("results", {"results": [{"status": "completed"}]}),
        ("work", {}),
        ("closed", {"run_id": RUN}),
    ],
)
def test_what_our_decoders_refuse_its_schema_refuses(name: str, wrong: object) -> None:
    assert not jsonschema_rs.is_valid(SCHEMAS[f"messages/{name}.schema.json"], wrong)


def test_unknown_fields_are_allowed_as_our_decoders_allow_them() -> None:
    jsonschema_rs.validate(SCHEMAS["messages/start-request.schema.json"], {"new_field": 1})
