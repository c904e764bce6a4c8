"""The REST API: what it does, and what it refuses."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from services.gateway import gate as gate_module
from services.gateway.problems import PROBLEM_TYPE
from stretto.bus.api import Answer, ask_api
from stretto.bus.topology import stream_config
from stretto.runtime.errors import PermanentError
from stretto.runtime.streams import STARTS
from stretto.testkit.fake_workflow import FakeWorkflow
from stretto.testkit.service_host import Hosted
from tests.integration.stand_in import ECHO

from .conftest import Site, serving, settings

UNKNOWN = "019aaaaa-0000-7000-8000-0000000000ff"


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM_TYPE
    body: dict[str, object] = answer.json()
    assert (body["status"], body["code"]) == (status, code), body
    assert body["type"] == f"urn:stretto:error:{code}" and body["title"] and body["detail"]
    return body


async def eventually_completed(site: Site) -> list[dict[str, object]]:
    for _ in range(500):
        runs: list[dict[str, object]]
        runs = (await site.http.get("/api/v1/runs?status=completed")).json()["runs"]
        none = await site.http.get("/api/v1/runs?label=a=b&label=c=d&step_label=e=f")
        assert none.json()["runs"] == []
        if runs:
            return runs
        await asyncio.sleep(0.02)
    raise AssertionError("expected a completed run, but there is none")


async def test_a_run_is_started_listed_shown_and_told_as_events(
    site: Site, workflow: FakeWorkflow, monitoring: Hosted
) -> None:
    started = await site.http.post(
        "/api/v1/runs", json={"workflow": "echo", "input": {"a": 1}, "labels": {"team": "x"}}
    )
    assert started.status_code == 201, started.text
    run_id = started.json()["run_id"]
    assert started.headers["location"] == f"/api/v1/runs/{run_id}"

    runs = await eventually_completed(site)
    assert runs[0]["run_id"] == run_id
    shown = (await site.http.get(f"/api/v1/runs/{run_id}")).json()
    assert shown["input"] == {"a": 1} and shown["output"] == {"a": 1}
    assert [s["step"] for s in shown["steps"]] == ["one", "two"]
    events = (await site.http.get(f"/api/v1/runs/{run_id}/events?after_seq=1&limit=2")).json()
    assert [e["seq"] for e in events["events"]] == [2, 3]
    assert (await site.http.get(f"/api/v1/runs/{run_id}/state")).json()["status"] == "completed"
    assert (await site.http.get(f"/api/v1/runs/{run_id}/explain")).json()["pending"] == []
    controls = (await site.http.get(f"/api/v1/runs/{run_id}/controls?step=one")).json()
    assert controls == {"run_id": run_id, "status": "completed", "commands": []}
    stats = (await site.http.get("/api/v1/stats?namespace=default")).json()
    assert stats["runs"] == {"completed": 1}


async def test_a_start_with_a_key_that_is_open_is_that_run(
    site: Site, workflow: FakeWorkflow
) -> None:
    body = {"workflow": "hold", "id": "order-1"}
    first = await site.http.post("/api/v1/runs", json=body)
    again = await site.http.post("/api/v1/runs", json=body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["run_id"] == first.json()["run_id"] and again.json()["existing"]


async def test_a_start_that_nobody_takes_yet_is_stored(
    site: Site, workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await site.http.post("/api/v1/runs", json={"workflow": "nowhere", "wait": False})
    assert answer.status_code == 202 and answer.json()["run_id"]
    workflow.deaf = True
    answered = site.host.context  # the waiting time is a default argument: make it short
    assert answered is not None
    from stretto.client.answered import Answered

    monkeypatch.setattr(Answered.send, "__defaults__", (0.3,))
    answer = await site.http.post("/api/v1/runs", json={"workflow": "echo"})
    assert answer.status_code == 202


async def test_a_run_is_controlled(site: Site, workflow: FakeWorkflow) -> None:
    run_id = (await site.http.post("/api/v1/runs", json={"workflow": "hold"})).json()["run_id"]
    url = f"/api/v1/runs/{run_id}/control"
    signalled = {"command": "signal", "name": "go", "payload": {"deep": [1]}}
    done = await site.http.post(url, json=signalled)
    assert done.json() == {"run_id": run_id, "command": "signal"}
    problem(await site.http.post(url, json={"command": "cancel"}), 409, "run_closed")
    problem(await site.http.post(url, json={"reason": "x"}), 422, "request_invalid")
    problem(await site.http.post(url, json=[1]), 422, "request_invalid")
    problem(await site.http.post(url, json={"command": 1}), 422, "request_invalid")
    problem(await site.http.post(url, content="command=cancel"), 415, "media_type")
    bad = {"command": "cancel", "namespace": "no.pe"}
    problem(await site.http.post(url, json=bad), 422, "name_invalid")


async def test_definitions_are_registered_checked_and_read(
    site: Site, workflow: FakeWorkflow
) -> None:
    yaml = {"content-type": "application/yaml"}
    source = "workflow: new\nsteps:\n  a: {task: x}\n"
    made = await site.http.post("/api/v1/definitions", content=source, headers=yaml)
    assert made.status_code == 201 and made.json()["version"] == 1
    again = await site.http.post("/api/v1/definitions", json={"source": source})
    assert again.status_code == 200 and again.json()["created"] is False
    listed = (await site.http.get("/api/v1/definitions")).json()["definitions"]
    assert {d["workflow"] for d in listed} == {"echo", "hold", "fail", "new"}
    assert (await site.http.get("/api/v1/definitions/new")).json()["source"] == source
    assert (await site.http.get("/api/v1/definitions/new/1")).json()["version"] == 1
    problem(await site.http.get("/api/v1/definitions/new/2"), 404, "workflow_unknown")
    problem(await site.http.get("/api/v1/definitions/new/X"), 422, "version_invalid")
    problem(await site.http.get("/api/v1/definitions/No.Name"), 422, "name_invalid")
    wrong = await site.http.post("/api/v1/definitions", json={"source": "workflow: new"})
    mistakes = problem(wrong, 422, "definition_invalid")["errors"]
    assert isinstance(mistakes, list) and mistakes[0]["path"] == "steps"
    checked = await site.http.post("/api/v1/validate", json={"source": ECHO})
    assert checked.json()["mistakes"] == []
    bytes_ = await site.http.post("/api/v1/validate", content=b"\xff", headers=yaml)
    problem(bytes_, 400, "request_unreadable")
    plain = {"content-type": "text/plain"}
    refused = await site.http.post("/api/v1/definitions", content=source, headers=plain)
    problem(refused, 415, "media_type")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "request_unreadable"),
        (b"[1]", 422, "request_invalid"),
        (b'{"workflow": 1}', 422, "request_invalid"),
        (b'{"workflow": "echo", "inputs": 1}', 422, "request_invalid"),
        (b'{"workflow": "e.*"}', 422, "name_invalid"),
        (b'{"workflow": "echo", "namespace": ">"}', 422, "name_invalid"),
        (b'{"workflow": "echo", "run_id": "7"}', 422, "input_invalid"),
        (b'{"workflow": "nowhere"}', 404, "workflow_unknown"),
        (b'{"workflow": "echo", "input": ' + b"[" * 99 + b"]" * 99 + b"}", 422, "input_invalid"),
        (b'{"workflow": "echo", "input": "' + b"x" * 1_060_000 + b'"}', 422, "input_invalid"),
        (b'{"workflow": "echo", "input": ' + b"[" * 100_000, 400, "request_unreadable"),
        (b" " * 1_200_000, 413, "body_too_large"),
    ],
)
async def test_a_wrong_start_is_refused_with_its_reason(
    site: Site, workflow: FakeWorkflow, body: bytes, status: int, code: str
) -> None:
    answer = await site.http.post(
        "/api/v1/runs", content=body, headers={"content-type": "application/json; charset=utf-8"}
    )
    problem(answer, status, code)


async def test_a_body_without_a_length_is_bounded_too(site: Site) -> None:
    async def endless() -> object:
        for _ in range(100):
            yield b" " * 65_536

    answer = await site.http.post(
        "/api/v1/runs",
        content=endless(),  # type: ignore[arg-type]
        headers={"content-type": "application/json"},
    )
    problem(answer, 413, "body_too_large")


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        (f"/api/v1/runs/{UNKNOWN}/state", 404, "run_unknown"),
        (f"/api/v1/runs/{UNKNOWN}/events", 404, "run_unknown"),
        (f"/api/v1/runs/{UNKNOWN}/events?follow=1", 404, "run_unknown"),
        (f"/api/v1/runs/{UNKNOWN}/explain", 404, "run_unknown"),
        ("/api/v1/runs/7/state", 422, "run_id_invalid"),
        ("/api/v1/runs?limit=1001", 422, "request_invalid"),
        ("/api/v1/runs?before=" + "x" * 101, 422, "request_invalid"),
        ("/api/v1/runs?search=" + "x" * 9000, 414, "url_too_long"),
        ("/api/v1/runs?label=site", 422, "request_invalid"),
        ("/api/v1/nothing", 404, "not_found"),
        ("/api/v1/validate", 405, "method_not_allowed"),
        ("/page/../../../etc/passwd", 404, "not_found"),
        ("/page/..%2f..%2fsettings.py", 404, "not_found"),
        ("/page/%2e%2e/app.py", 404, "not_found"),
    ],
)
async def test_what_is_not_there_is_a_problem(
    site: Site, workflow: FakeWorkflow, url: str, status: int, code: str
) -> None:
    problem(await site.http.get(url), status, code)


async def test_a_path_or_method_that_there_is_none_of_is_named(site: Site) -> None:
    detail = (await site.http.get("/api/v1/run")).json()["detail"]
    assert detail == (
        "expected a path of the API, but there is no /api/v1/run; /docs shows those that there are"
    )
    detail = (await site.http.get("/api/v1/validate")).json()["detail"]
    assert detail.startswith("expected a method that the path takes, but got GET /api/v1/validate")


async def test_services_that_are_not_there_are_said(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stretto.client.asking import Asks

    monkeypatch.setattr(Asks.ask_raw, "__defaults__", (0.2,))
    for url in (
        "/api/v1/runs",
        "/api/v1/queues",
        "/api/v1/lines",
        "/api/v1/devices",
        "/api/v1/stats",
    ):
        answer = await site.http.get(url)
        problem(answer, 503, "client.no_answer")
        assert answer.headers["retry-after"] == "1"


async def test_a_bug_is_told_without_its_trace(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> bytes:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(gate_module.Gate, "ask", broken)
    answer = await site.http.get("/api/v1/stats")
    assert "secret" not in json.dumps(problem(answer, 500, "internal_error"))


async def test_health_says_how_it_is(site: Site) -> None:
    assert (await site.http.get("/healthz")).json() == {"status": "ok"}
    ready = await site.http.get("/readyz")
    assert ready.status_code == 200 and ready.json()["status"] == "ok"
    site.host.context.health.component("bus").not_ready("gone")
    assert (await site.http.get("/readyz")).status_code == 503
    site.host.context.health.component("bus").ready()


async def test_with_tokens_the_api_is_for_those_who_have_one(
    nats_url: str, workflow: FakeWorkflow
) -> None:
    chosen = settings(nats_url, api_tokens="ops:correct-horse-battery, 0123456789abcdef")
    async with serving(chosen) as site:
        for headers in (
            {},
            {"authorization": "Bearer wrong"},
            {"authorization": "Basic correct-horse-battery"},
            {"authorization": "Bearer " + "x" * 5000},
        ):
            answer = await site.http.get("/api/v1/definitions", headers=headers)
            problem(answer, 401, "not_authenticated")
            assert answer.headers["www-authenticate"] == "Bearer"
        assert (await site.http.get("/")).status_code == 200
        assert (await site.http.get("/healthz")).status_code == 200

        ops = {"authorization": "Bearer correct-horse-battery"}
        other = {"authorization": "bearer 0123456789abcdef"}
        assert (await site.http.get("/api/v1/definitions", headers=other)).status_code == 200
        started = await site.http.post("/api/v1/runs", json={"workflow": "hold"}, headers=ops)
        run_id = started.json()["run_id"]
        seen: list[bytes] = []
        await site.host.context.connection.subscribe(
            f"stretto.control.default.{run_id}", lambda _s, _r, _b, data: seen.append(data)
        )
        cancelled = await site.http.post(
            f"/api/v1/runs/{run_id}/control", json={"command": "cancel", "by": "me"}, headers=ops
        )
        assert cancelled.status_code == 200
        assert json.loads(seen[0])["by"] == "ops"  # not whom the sender says


async def test_without_tokens_other_sites_may_not_use_it(
    site: Site, workflow: FakeWorkflow
) -> None:
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"host": "rebound.example"},
        {"host": ""},
    ):
        answer = await site.http.get("/api/v1/definitions", headers=headers)
        problem(answer, 403, "not_this_site")
    own = {"origin": site.url}
    assert (await site.http.get("/api/v1/definitions", headers=own)).status_code == 200


async def test_answers_carry_what_keeps_browsers_safe(site: Site) -> None:
    for url in ("/", "/api/v1/nothing", "/docs"):
        headers = (await site.http.get(url)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
    assert (await site.http.get("/api/v1/nothing")).headers["cache-control"] == "no-store"


async def test_the_openapi_document_is_whole(site: Site) -> None:
    document = (await site.http.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.")
    assert {"/api/v1/runs", "/api/v1/runs/{run_id}/events"} <= set(document["paths"])
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        where: object = document
        for key in reference.removeprefix("#/").split("/"):
            assert isinstance(where, dict) and key in where, reference
            where = where[key]
    operations = [o for path in document["paths"].values() for o in path.values()]
    assert all(
        o["summary"] and "503" in o["responses"] for o in operations if "health" not in o["tags"]
    )
    assert (await site.http.get("/openapi.json")).json() == document


async def test_what_cannot_be_done_at_all_is_told_by_its_code(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> bytes:
        raise PermanentError(code, "a reason")

    monkeypatch.setattr(gate_module.Gate, "ask", broken)
    for code, status in (("bus.message_too_large", 413), ("client.not_understood", 500)):
        problem(await site.http.get("/api/v1/stats"), status, code)


async def test_a_start_that_cannot_be_stored_is_not_taken_for_one(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.host.context.publisher, "_deadline_s", 0.2)
    await ask_api(
        site.host.context.connection,
        "STREAM.UPDATE.STRETTO_STARTS",
        {**stream_config(STARTS), "max_msgs": 1},
        Answer,
        asked="make the stream smaller",
    )
    for _ in range(2):
        last = await site.http.post("/api/v1/runs", json={"workflow": "w", "wait": False})
    problem(last, 503, "bus.publish_timeout")


async def test_only_json_starts_a_run(site: Site) -> None:
    answer = await site.http.post(
        "/api/v1/runs", content="{}", headers={"content-type": "text/plain"}
    )
    problem(answer, 415, "media_type")
