"""Templates and versions from the outside: the command line and REST against the whole product."""

import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..running import Dev

TEMPLATE = """\
template: {name}
description: Say something to somebody.
parameters:
  who: {{type: string, description: To whom.}}
  times: {{type: integer, default: 1}}
steps:
  say:
    task: std.echo
    with: {{said: "Hello, ${{{{ params.who }}}}!", times: "${{{{ params.times }}}}"}}
    retry: {{max_attempts: "${{{{ params.times }}}}"}}
output: "${{{{ steps.say.output }}}}"
"""
USES = """\
workflow: {name}-greets
steps:
  hello: {{use: {name}, with: {{who: Ada}}}}
output: "${{{{ steps.hello.output.said }}}}"
"""


@pytest.fixture
def name(tmp_path: Path) -> str:
    """A template and a workflow that uses it, in files, of a name that nobody else has."""
    name = f"t{uuid.uuid4().hex[:8]}"
    (tmp_path / "template.yaml").write_text(TEMPLATE.format(name=name))
    (tmp_path / "uses.yaml").write_text(USES.format(name=name))
    return name


def apply(dev: Dev, tmp_path: Path, *files: str) -> str:
    return dev.call("apply", *(str(tmp_path / file) for file in files)).stdout


def test_files_are_checked_together_and_applied_in_order(
    dev: Dev, tmp_path: Path, name: str
) -> None:
    uses, template = str(tmp_path / "uses.yaml"), str(tmp_path / "template.yaml")

    dev.call("validate", uses, template)
    alone = dev.call("validate", uses, expect=2)
    said = apply(dev, tmp_path, "uses.yaml", "template.yaml")
    asked = dev.call("validate", uses)

    assert "is not known: it is not registered" in alone.stdout
    assert said.splitlines() == [
        f"template {name} version 1",
        f"{name}-greets version 1  with {name}@1",
    ]
    assert "no mistakes" in asked.stderr
    assert dev.json("start", f"{name}-greets", "--wait")["output"] == "Hello, Ada!"


def test_mistakes_are_told_in_the_file_that_can_be_changed(
    dev: Dev, tmp_path: Path, name: str
) -> None:
    uses = tmp_path / "uses.yaml"
    apply(dev, tmp_path, "template.yaml")
    uses.write_text(uses.read_text().replace("who: Ada", "who: Ada, times: 0"))

    here = dev.call("validate", str(uses), expect=2).stdout
    there = dev.call("apply", str(uses), expect=2).stdout

    assert here == there
    assert f"{uses}:3:" in here
    assert f"as parameter times of template {name}@1, line 10: expected a number" in here
    beside = tmp_path / "template.yaml"
    beside.write_text(beside.read_text().replace("std.echo", "[std.echo]"))
    both = dev.call("validate", str(uses), str(beside), expect=2).stdout
    assert f"{beside}:8:11: steps.say.task" in both
    assert f"expected a template without mistakes, but {name} has some" in both
    dead = {"STRETTO_NATS_URL": "nats://127.0.0.1:1"}
    other = Dev(dev.data, {"nats": dead["STRETTO_NATS_URL"]})
    assert "the server could not be asked" in other.call("validate", str(uses), expect=2).stdout


def test_a_template_is_listed_shown_and_made_a_workflow_of(
    dev: Dev, tmp_path: Path, name: str
) -> None:
    apply(dev, tmp_path, "template.yaml")

    listed = {t["template"]: t for t in dev.json("templates")["templates"]}
    shown = dev.call("templates", f"{name}@1").stdout
    made = dev.call("instantiate", name, "-p", "who=007").stdout
    wrong = dev.call("instantiate", name, "-p", "whom=1", expect=2).stdout
    applied = dev.json("instantiate", name, "-p", "who=007", "--as", f"{name}-bond", "--apply")

    assert [p["name"] for p in listed[name]["parameters"]] == ["who", "times"]
    assert "who: string, times?: integer" in dev.call("templates").stdout
    assert shown == TEMPLATE.format(name=name)
    assert dev.json("templates", name)["version"] == 1
    assert f"workflow: {name}\n" in made and "said: Hello, 007!" in made
    assert "did you mean" in wrong and "is not given" in wrong
    assert dev.json("instantiate", name, "-p", "who=007")["uses"] == [f"{name}@1"]
    assert applied["uses"] == [f"{name}@1"]
    output = dev.json("start", f"{name}-bond", "--wait")["output"]
    assert output["said"] == "Hello, 007!"
    for arguments in (("NAME@",), (name, "-p", "who")):
        assert "expected" in dev.call("instantiate", *arguments, expect=2).stderr


def test_what_comes_of_a_definition_is_printed(dev: Dev, tmp_path: Path, name: str) -> None:
    uses, template = str(tmp_path / "uses.yaml"), str(tmp_path / "template.yaml")

    printed = dev.call("expand", uses, template)
    (tmp_path / "expanded.yaml").write_text(printed.stdout)
    apply(dev, tmp_path, "template.yaml", "uses.yaml")
    same = dev.json("apply", str(tmp_path / "expanded.yaml"))

    assert f"with {name}" in printed.stderr
    assert (same["version"], same["created"]) == (1, False)
    assert dev.json("expand", uses)["uses"] == [f"{name}@1"]
    assert (
        "Hello"
        in dev.json("expand", uses)["expanded"]["steps"]["hello"]["steps"]["say"]["with"]["said"]
    )
    assert "expected one definition" in dev.call("expand", template, expect=2).stderr


def test_a_definition_is_replayed_with_the_registered_templates(
    dev: Dev, tmp_path: Path, name: str
) -> None:
    apply(dev, tmp_path, "template.yaml", "uses.yaml")
    run = dev.json("start", f"{name}-greets", "--wait")["run_id"]
    replayed = dev.json("replay", str(tmp_path / "uses.yaml"), run)
    assert replayed["counts"] == {"same": 1}


def test_versions_are_labelled_compared_and_started(dev: Dev, tmp_path: Path, name: str) -> None:
    workflow = f"{name}-greets"
    first = (tmp_path / "uses.yaml").read_text()
    apply(dev, tmp_path, "template.yaml", "uses.yaml")
    (tmp_path / "uses.yaml").write_text(first.replace("Ada", "Bob"))
    apply(dev, tmp_path, "uses.yaml")

    assert "is version 1" in dev.call("label", workflow, "1", "stable").stdout
    assert dev.json("start", f"{workflow}@stable", "--wait")["output"] == "Hello, Ada!"
    assert dev.json("start", workflow, "--wait")["output"] == "Hello, Bob!"
    assert dev.json("start", workflow, "--version", "1", "--wait")["output"] == "Hello, Ada!"
    changed = dev.call("diff", workflow, "stable", "latest").stdout
    assert changed == '~ hello.say: with.said: "Hello, Ada!" → "Hello, Bob!"\n'
    told = dev.json("diff", workflow, "2", "1")
    assert (told["from"], told["to"], len(told["changes"])) == (2, 1, 1)
    assert "say the same" in dev.call("diff", workflow, "2", "2").stderr
    assert "latest" in dev.call("versions", workflow).stdout
    assert [v.get("labels", []) for v in dev.json("versions", workflow)["versions"]] == [
        [],
        ["stable"],
    ]
    assert "stable 1" in dev.call("definitions").stdout
    assert dev.call("definitions", f"{workflow}@stable").stdout == first
    (tmp_path / "uses.yaml").write_text(first)
    again = apply(dev, tmp_path, "uses.yaml")
    assert f"{workflow} version 1  again the latest (until now it was 2)" in again
    assert dev.json("start", workflow, "--wait")["output"] == "Hello, Ada!"
    assert "is no more" in dev.call("label", workflow, "--remove", "stable").stdout
    gone = dev.call("start", f"{workflow}@stable", expect=2).stderr
    assert "to have the label 'stable', but it has not" in gone
    assert "expected WORKFLOW VERSION LABEL" in dev.call("label", workflow, expect=2).stderr
    (tmp_path / "label.yaml").write_text(f"label: canary\nworkflow: {workflow}\nversion: 2\n")
    assert dev.json("apply", str(tmp_path / "label.yaml"))["label"] == "canary"
    dev.call("validate", str(tmp_path / "label.yaml"))
    (tmp_path / "label.yaml").write_text("label: latest\nworkflow: a\n")
    assert (
        "label.yaml:1:8: label"
        in dev.call("validate", str(tmp_path / "label.yaml"), expect=2).stdout
    )


def test_templates_and_versions_over_rest(dev: Dev, tmp_path: Path, name: str) -> None:
    workflow = f"{name}-greets"
    apply(dev, tmp_path, "template.yaml", "uses.yaml")
    with httpx.Client(base_url=f"{dev.ready['http']}/api/v1", timeout=30) as http:

        def get(path: str, status: int = 200) -> Any:
            answer = http.get(path)
            assert answer.status_code == status, answer.text
            return answer.json()

        def send(method: str, path: str, body: Any, status: int = 200) -> Any:
            answer = http.request(method, path, json=body)
            assert answer.status_code == status, answer.text
            return answer.json()

        assert name in {t["template"] for t in get("/templates")["templates"]}
        assert get(f"/templates/{name}")["version"] == 1
        assert get(f"/templates/{name}/1")["source"] == TEMPLATE.format(name=name)
        assert get(f"/templates/{name}/stable", 404)["code"] == "template_unknown"
        filled = {"parameters": {"who": "Eve"}, "name": f"{name}-eve"}
        told = send("POST", f"/templates/{name}/instantiate", filled)
        assert told["expanded"]["workflow"] == f"{name}-eve"
        made = send("POST", f"/templates/{name}/instantiate", {**filled, "apply": True}, 201)
        assert made["uses"] == [f"{name}@1"]
        empty = http.post(f"/templates/{name}/instantiate").json()
        assert [m["code"] for m in empty["mistakes"]] == ["missing"]
        source = (tmp_path / "uses.yaml").read_text()
        assert send("POST", "/expand", {"source": source})["uses"] == [f"{name}@1"]
        assert send("POST", "/validate", {"source": source})["mistakes"] == []
        send("POST", "/definitions", {"source": source.replace("Ada", "Bob")}, 201)
        labelled = send("PUT", f"/definitions/{workflow}/labels/stable", {"version": 1})
        assert labelled["version"] == 1
        send("PUT", f"/definitions/{workflow}/labels/stable", {"version": 9}, 404)
        assert get(f"/definitions/{workflow}/stable")["version"] == 1
        assert len(get(f"/definitions/{workflow}/versions")["versions"]) == 2
        compared = get(f"/definitions/{workflow}/diff?from=stable")
        assert [c["step"] for c in compared["changes"]] == ["hello.say"]
        begun = send("POST", "/runs", {"workflow": f"{workflow}@stable"}, 201)
        assert begun["workflow"] == workflow
        send("POST", "/runs", {"workflow": workflow, "version": "stable"}, 201)
        assert send("DELETE", f"/definitions/{workflow}/labels/stable", None)["before"] == 1
        send("DELETE", f"/definitions/{workflow}/labels/stable", None, 404)
        assert "/api/v1/templates/{name}/instantiate" in json.dumps(
            httpx.get(f"{dev.ready['http']}/openapi.json").json()
        )
