"""A traced record has a span `decide` under the span that it names; others cost nothing."""

from collections.abc import AsyncIterator

import pytest

from stretto.contracts.frames import DecideFrame, DecideRecord
from stretto.telemetry.trace_ids import decide_span_id, step_span_id, traceparent
from stretto.testkit.traces import SpanTap, span_tap
from tests.integration.decision.asking import ECHO, Asker, key_of
from tests.integration.decision.conftest import decision_service
from tests.unit.decision.plans import plan


@pytest.fixture
async def tap() -> AsyncIterator[SpanTap]:
    async with span_tap() as tap:
        yield tap


def record(run: bytes, path: str, which: int, header: str | None) -> DecideRecord:
    return DecideRecord(run, path, 7, 1, which, (0,), header)


async def test_traced_records_have_spans(nats_url: str, asker: Asker, tap: SpanTap) -> None:
    run = b"\x01" * 16
    frame = DecideFrame(
        plans=[
            ECHO,
            plan("input", condition="false"),
            plan("input", cases=("false", None)),
            plan("input", items="input.list"),
            plan("input", template="${{ input.missing }}"),
            b"no plan",
        ],
        values=[b'{"n":1,"list":[1,2]}'],
        records=[
            *(
                record(run, name, which, traceparent(run, step_span_id(run, name)))
                for which, name in enumerate(["echo", "skip", "switch", "each", "error", "broken"])
            ),
            record(run, "unsampled", 0, None),
            record(run, "not sampled", 0, traceparent(run, b"12345678", sampled=False)),
            record(run, "nonsense", 0, "nonsense"),
        ],
    )
    async with decision_service(nats_url, otlp_endpoint=tap.url):
        await asker.publish(frame)
        await asker.read(key_of(r) for r in frame.records)
    spans = {
        next(a.value.string_value for a in span.attributes if a.key == "stretto.step"): span
        for span in await tap.named("decide", 6)
    }
    assert set(spans) == {"echo", "skip", "switch", "each", "error", "broken"}
    told = {name: {a.key: a.value for a in span.attributes} for name, span in spans.items()}
    for name, span in spans.items():
        assert span.trace_id == run
        assert span.parent_span_id == step_span_id(run, name)
        assert span.span_id == decide_span_id(run, name, 7)
        assert 0 <= span.end_time_unix_nano - span.start_time_unix_nano < 5e9
    assert told["echo"]["stretto.workflow"].string_value == "orders"
    assert told["skip"]["stretto.skipped"].bool_value
    assert told["switch"]["stretto.branch"].int_value == 1
    assert told["each"]["stretto.items"].int_value == 2
    assert told["error"]["error.type"].string_value == "ExpressionError"
    assert spans["error"].status.code == 2
    assert "has no `missing`" in spans["error"].status.message
    assert "stretto.branch" not in told["echo"]
