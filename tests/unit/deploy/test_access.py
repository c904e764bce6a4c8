"""Who may do what on the bus: what the code of each service uses, and no more than its streams."""

import ast
from pathlib import Path

import pytest

from stretto.contracts import subjects
from stretto.contracts.frames import ServiceName
from stretto.runtime.access import SERVICES, USERS, UserName, access_of, inbox_prefix
from stretto.runtime.streams import ALL_STREAMS
from stretto.runtime.topology import consumers_for, streams_for
from tests.deployed import ROOT

PATHS = {service: sorted((ROOT / "services" / service).rglob("*.py")) for service in SERVICES}
PATHS_OF_WORKERS = sorted((ROOT / "libs" / "stretto" / "worker").rglob("*.py"))
NOT_SUBJECTS = ("parse_", "is_name", "work_consumer")


def matches(pattern: str, subject: str) -> bool:
    """Whether a pattern of the bus covers a subject, which may have wildcards itself."""
    wanted, given = pattern.split("."), subject.split(".")
    for at, token in enumerate(wanted):
        if token == ">":
            return len(given) > at
        if at >= len(given) or given[at] == ">" or (token != "*" and token != given[at]):
            return False
    return len(wanted) == len(given)


def used_subjects(paths: list[Path]) -> set[str]:
    """The subjects that files build or name, `*` for whatever they put in."""
    found = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _is_builder(node.func):
                assert isinstance(node.func, ast.Attribute)
                found.add(_built(node.func.attr, node.args))
            elif (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and node.value.startswith("stretto.")
                and node.value.count(".") > 1
                and " " not in node.value
            ):
                found.add(node.value)
    return found


def _is_builder(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "subjects"
        and not function.attr.startswith(NOT_SUBJECTS)
    )


def _built(name: str, arguments: list[ast.expr]) -> str:
    builder = getattr(subjects, name)
    count = builder.__code__.co_argcount
    given = [a.value if isinstance(a, ast.Constant) else "*" for a in arguments]
    return str(builder(*(given if len(given) == count else ["*"] * count)))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_use_every_subject_that_its_code_names(service: ServiceName) -> None:
    allowed = [each for kind in access_of(service) for each in kind]
    read = {consumer.stream for consumer in consumers_for(service, partitions=1, lanes=1)}
    allowed += [each for stream in ALL_STREAMS if stream.name in read for each in stream.subjects]
    missing = {
        subject
        for subject in used_subjects(PATHS[service])
        if not any(matches(pattern, subject) for pattern in allowed)
    }
    assert missing == set()


def test_a_worker_may_use_every_subject_that_its_code_names() -> None:
    allowed = [each for kind in access_of("worker") for each in kind]
    used = used_subjects(PATHS_OF_WORKERS)
    assert used
    assert {s for s in used if not any(matches(pattern, s) for pattern in allowed)} == set()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_makes_exactly_its_streams(service: ServiceName) -> None:
    asks = [s for s in access_of(service).publish if s.startswith("$JS.API.STREAM.CREATE.")]
    made = {subject.rpartition(".")[2] for subject in asks}
    assert made == {stream.name for stream in streams_for(service)}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_exactly_the_streams_of_its_consumers(service: ServiceName) -> None:
    acks = [s for s in access_of(service).publish if s.startswith("$JS.ACK.")]
    read = {subject.split(".")[2] for subject in acks}
    consumers = consumers_for(service, partitions=4, lanes=2)
    assert read == {consumer.stream for consumer in consumers}


@pytest.mark.parametrize("user", USERS)
def test_nobody_may_delete_or_purge_a_stream_or_do_everything(user: UserName) -> None:
    access = access_of(user)
    for subject in (
        *(f"$JS.API.STREAM.DELETE.{stream.name}" for stream in ALL_STREAMS),
        *(f"$JS.API.STREAM.PURGE.{stream.name}" for stream in ALL_STREAMS),
        "$SYS.REQ.SERVER.PING",
        "anything.else",
    ):
        assert not any(matches(pattern, subject) for pattern in access.publish)
    assert ">" not in access.publish
    assert ">" not in access.subscribe


@pytest.mark.parametrize("user", USERS)
def test_answers_are_heard_by_who_asked_only(user: UserName) -> None:
    for other in USERS:
        inbox = f"{inbox_prefix(other)}.x.1"
        heard = any(matches(pattern, inbox) for pattern in access_of(user).subscribe)
        assert heard == (user == other)


@pytest.mark.parametrize("user", USERS)
def test_no_subject_is_allowed_twice(user: UserName) -> None:
    for allowed in access_of(user):
        assert len(set(allowed)) == len(allowed)


def test_a_subject_is_covered_as_the_bus_has_it() -> None:
    assert matches("a.*", "a.b")
    assert matches("a.>", "a.b.c")
    assert matches("a.*.*", "a.*.c")
    assert not matches("a.*", "a.b.c")
    assert not matches("a.*", "a.>")
    assert not matches("a.>", "a")
    assert not matches("a.b", "a.*")
