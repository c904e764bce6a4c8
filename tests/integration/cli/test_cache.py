"""What equal steps may reuse, as a person sees it: shown, counted, listed and purged."""

from pathlib import Path

import httpx

from tests.integration.running import Dev

OFFER = """\
workflow: offer
input: {type: object, required: [sku]}
steps:
  price:
    task: std.echo
    with: {sku: "${{ input.sku }}"}
    cache: {key: "${{ input.sku }}", for: 1h}
  picture:
    for_each: [1, 2]
    task: std.echo
    with: {sku: "${{ input.sku }}", n: "${{ item }}"}
    cache: 1h
"""


def test_an_equal_step_is_shown_as_reused_until_it_is_purged(dev: Dev, tmp_path: Path) -> None:
    source = tmp_path / "offer.yaml"
    source.write_text(OFFER)
    first, second = dev.runs(source, "offer", {"sku": "a"}, {"sku": "a"})

    shown = dev.eventually("show", second["run_id"], until="completed")
    assert f"reused from {first['run_id']}" in " ".join(shown.split())
    history = dev.call("history", second["run_id"]).stdout
    assert "is equal to others of the key 'a'" in history
    assert f"takes what step price of run {first['run_id']}" in history
    counts = dev.eventually("stats", "offer", "--decisions", until="reused: 1")
    assert "done: 1" in counts

    listed = dev.json("cache", "list", "--workflow", "offer")
    assert (listed["count"], listed["outputs"][0]["key"]) == (3, "a")
    assert "2 of 3" in dev.call("cache", "list", "--workflow", "offer", "--limit", "2").stdout
    dev.eventually("list", "offer", "--json", until=first["run_id"])
    assert dev.json("cache", "list", "--run", first["run_id"][:-1])["outputs"] == listed["outputs"]
    dev.call("cache", "purge", "--run", "nobody", expect=2)
    assert "expected --all, or which" in dev.call("cache", "purge", expect=2).stderr
    assert "expected --all" in dev.call("cache", "purge", "--all", "--key", "a", expect=2).stderr
    purged = dev.call("cache", "purge", "--workflow", "offer", "--step", "price", "--reason", "old")
    assert purged.stdout == "1 output dropped\n"
    assert dev.json("cache", "purge", "--run", first["run_id"]) == {"purged": 2}
    assert "Nothing is kept." in dev.call("cache", "list", "--workflow", "offer").stderr


def test_what_is_kept_is_listed_and_purged_by_rest(dev: Dev, tmp_path: Path) -> None:
    source = tmp_path / "offer.yaml"
    source.write_text(OFFER)
    dev.runs(source, "offer", {"sku": "b"})
    with httpx.Client(base_url=f"{dev.ready['http']}/api/v1", timeout=30) as http:
        listed = http.get("/cache", params={"task": "std.echo", "key": "b"}).json()
        purged = http.post("/cache/purge", json={"key": "b", "reason": "wrong", "by": "ann"})
        nothing = http.post("/cache/purge", json={})
        unknown = http.post("/cache/purge", json={"keys": "b"})

    assert [kept["step"] for kept in listed["outputs"]] == ["price"]
    assert purged.json() == {"purged": 1}
    assert (nothing.status_code, nothing.json()["code"]) == (422, "purge_invalid")
    assert (unknown.status_code, unknown.json()["code"]) == (422, "request_invalid")
