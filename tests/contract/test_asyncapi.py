"""The AsyncAPI document names every public subject, and everything that it refers to is there."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from scripts.generate import ROOT
from stretto.contracts import subjects
from stretto.proto.asyncapi import asyncapi
from stretto.proto.documents import documents

DOCUMENT = asyncapi()
CHANNELS: dict[str, Any] = DOCUMENT["channels"]

# The table of the design, §6.1. The task's `reply` has no address of its own.
CONTRACT = {
    "stretto.start.{namespace}.{workflow}",
    "stretto.control.{namespace}.{run_id}",
    "stretto.definitions.{namespace}",
    "stretto.events.{namespace}.{workflow}.{run_id}",
    "stretto.closed.{namespace}.{workflow}.{status}",
    "stretto.work.{namespace}.{queue}",
    "stretto.device.{namespace}.{device}",
    "stretto.rejected.{namespace}",
    "stretto.presence.{namespace}.{device}",
    "stretto.progress.{namespace}.{run_id}",
    "stretto.alert.{namespace}.{severity}",
    "stretto.dlq.{service}",
    # Beyond the table: how far a run is, how many workers a queue wants.
    "stretto.estimate.{namespace}.{run_id}",
    "stretto.scaling.{namespace}.{queue}",
}


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


LATER = {
    "stretto.emitted.{namespace}.{workflow}",
    "stretto.schedules.{namespace}",
    "stretto.reuse.{namespace}",
}
"""Channels that came after the first version of the contract."""


def test_every_subject_of_the_contract_is_a_channel() -> None:
    addresses = {channel["address"] for channel in CHANNELS.values()}
    assert addresses >= CONTRACT
    assert {a for a in addresses if a} - CONTRACT == LATER | {
        a for a in addresses if a and a.startswith("stretto.api.")
    }


def test_every_reference_leads_somewhere() -> None:
    files = documents()
    for reference in set(references(DOCUMENT)):
        if reference.startswith("#/"):
            found: Any = DOCUMENT
            for key in reference[2:].split("/"):
                found = found[key]
        else:
            assert reference.removeprefix("./") in files, reference


def test_every_parameter_of_an_address_is_described() -> None:
    for channel in CHANNELS.values():
        named = set(re.findall(r"{(\w+)}", channel["address"] or ""))
        assert named == set(channel.get("parameters", {}))
    for parameter in DOCUMENT["components"]["parameters"].values():
        assert parameter["description"]


def test_every_channel_is_used_by_an_operation_or_answers_one() -> None:
    used = set()
    for operation in DOCUMENT["operations"].values():
        used.add(operation["channel"]["$ref"].rpartition("/")[2])
        if "reply" in operation:
            used.add(operation["reply"]["channel"]["$ref"].rpartition("/")[2])
    assert used == set(CHANNELS)


@pytest.mark.parametrize("name", ["start", "control"])
def test_what_is_stored_says_in_a_header_where_its_answer_goes(name: str) -> None:
    operation = DOCUMENT["operations"][f"receive{name.capitalize()}"]
    location = operation["reply"]["address"]["location"]
    assert location == f"$message.header#/{subjects.HEADER_REPLY}"
    message = next(iter(CHANNELS[name]["messages"]))
    headers = DOCUMENT["components"]["messages"][message]["headers"]["properties"]
    assert subjects.HEADER_REPLY in headers


def test_a_stream_that_is_named_is_one_that_keeps_that_subject() -> None:
    from stretto.bus.topology import Stream
    from stretto.runtime.streams import ALL_STREAMS

    streams: dict[str, Stream] = {stream.name: stream for stream in ALL_STREAMS}
    for channel in CHANNELS.values():
        kept = re.search(r"Kept in the stream (\w+)", channel["description"])
        if kept is None or channel["address"] is None:
            continue
        pattern = re.sub(r"{\w+}", "*", channel["address"])
        assert pattern in streams[kept[1]].subjects


def test_the_text_is_the_document() -> None:
    assert yaml.safe_load((ROOT / "proto" / "asyncapi.yaml").read_text()) == DOCUMENT
