"""The table of streams and consumers holds together: nobody reads or publishes beside it."""

import re
from pathlib import Path

import pytest

from stretto.contracts import subjects
from stretto.runtime import streams, topology

SERVICES = ("workflow", "decision", "execution", "monitoring", "gateway")
ARCHITECTURE = Path(__file__).parents[3] / "docs" / "architecture.md"

USED = [
    subjects.start("ns", "w"),
    subjects.control("ns", "id"),
    subjects.definitions("ns"),
    subjects.inbox(3),
    subjects.decide(),
    subjects.decided(3),
    subjects.dispatch(0),
    subjects.results(3),
    subjects.work("ns", "q"),
    subjects.log(3),
    subjects.events("ns", "w", "id"),
    subjects.closed("ns", "w", "completed"),
    subjects.emitted("ns", "w"),
    subjects.rejected("ns"),
    subjects.dead_letter("decision"),
    subjects.alert("ns", "high"),
]
CORE_ONLY = [
    subjects.presence("ns", "d"),
    subjects.progress("ns", "id"),
    subjects.withdraw("ns", "q"),
    subjects.stats("decision"),
    subjects.defined("ns", "w"),
    subjects.api("workflow", "show"),
]


def matches(pattern: str, subject: str) -> bool:
    return bool(re.fullmatch(re.escape(pattern).replace(r"\*", r"[^.]+"), subject))


@pytest.mark.parametrize("subject", USED)
def test_every_stored_subject_has_exactly_one_stream(subject: str) -> None:
    takers = [s.name for s in streams.ALL_STREAMS for p in s.subjects if matches(p, subject)]
    assert len(takers) == 1


@pytest.mark.parametrize("subject", CORE_ONLY)
def test_what_is_only_a_hint_is_not_stored(subject: str) -> None:
    assert not any(matches(p, subject) for s in streams.ALL_STREAMS for p in s.subjects)


def test_storage_and_retention_are_those_of_the_architecture() -> None:
    words = {"work queue": "workqueue", "interest": "interest", "limits": "limits"}
    table = ARCHITECTURE.read_text().split("## Streams")[1].split("\n## ")[0]
    told: dict[str, tuple[str, str]] = {}
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        for name in re.findall(r"`(STRETTO_\w+|OBJ_[\w-]+)`", cells[1] if len(cells) > 4 else ""):
            told[name] = (cells[3], words[cells[4]])
    assert told == {s.name: (s.storage, s.retention) for s in streams.ALL_STREAMS}


def test_where_work_waits_a_full_stream_refuses_and_every_stream_is_bounded() -> None:
    for stream in streams.ALL_STREAMS:
        assert stream.max_bytes > 0
        if stream.retention == "workqueue":
            assert stream.discard == "new", stream.name
        if stream.retention == "limits":
            assert stream.max_age_s > 0, stream.name
    reserved = {"memory": 0, "file": 0}
    for stream in streams.ALL_STREAMS:
        reserved[stream.storage] += stream.max_bytes
    assert reserved["memory"] <= 1024 * streams.MIB
    assert reserved["file"] <= 3 * 1024 * streams.MIB


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(("partitions", "lanes"), [(1, 1), (4, 1), (4, 3), (7, 4)])
def test_a_service_makes_the_streams_of_its_consumers(
    service: str, partitions: int, lanes: int
) -> None:
    made = topology.topology_for(service, partitions=partitions, lanes=lanes)
    streams = {stream.name for stream in made.streams}
    assert {consumer.stream for consumer in made.consumers} <= streams
    names = [(consumer.stream, consumer.name) for consumer in made.consumers]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("partitions", "lanes"), [(1, 1), (4, 1), (4, 3), (7, 4)])
def test_every_partition_and_lane_is_read_by_exactly_one_consumer(
    partitions: int, lanes: int
) -> None:
    read: dict[str, list[str]] = {}
    for service in SERVICES:
        for consumer in topology.consumers_for(service, partitions=partitions, lanes=lanes):
            for subject in consumer.filter_subjects:
                read.setdefault(f"{service} {subject}", []).append(consumer.name)
    for p in range(partitions):
        for subject in (subjects.inbox(p), subjects.decided(p)):
            assert len(read[f"workflow {subject}"]) == 1
        lane = topology.lane_of(p, lanes)
        readers = [f"execution-results-{lane}", f"workflow-results-{p}"]
        for service in ("workflow", "execution"):
            # Both make both: results that came between the two would be lost to the second.
            assert sorted(read[f"{service} {subjects.results(p)}"]) == readers
    for lane in range(lanes):
        assert len(read[f"execution {subjects.dispatch(lane)}"]) == 1


def test_a_lane_has_one_head_at_a_time() -> None:
    assert topology.execution_dispatch(0).priority_group == topology.PINNED_GROUP
    assert topology.execution_results(0, 1, 4).priority_group is None


def test_a_lane_without_partitions_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="lane 2 of 3 with 2 partitions"):
        topology.execution_results(2, 3, 2)


def test_a_queue_has_the_consumer_that_the_contract_promises() -> None:
    consumer = topology.work_consumer("ns", "payments")
    assert (consumer.stream, consumer.name) == ("STRETTO_WORK", "work-ns-payments")
    assert consumer.filter_subjects == ("stretto.work.ns.payments",)
    assert (consumer.ack_wait_s, consumer.max_deliver) == (10.0, -1)


def test_copies_in_a_cluster_are_a_setting() -> None:
    made = topology.streams_for("workflow", replicas=3)
    assert {stream.replicas for stream in made} == {3}
    assert {stream.replicas for stream in topology.streams_for("workflow")} == {1}
    assert topology.consumers_for("worker", partitions=1, lanes=1) == ()


def test_events_are_stored_without_the_run_id() -> None:
    transform = streams.EVENTS.subject_transform
    assert transform is not None
    assert transform.source == streams.EVENTS.subjects[0]
    assert transform.destination == "stretto.events.{{wildcard(1)}}.{{wildcard(2)}}"
