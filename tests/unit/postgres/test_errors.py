"""Every error of the driver is one of ours, by its SQLSTATE."""

import asyncpg
import pytest

from stretto.postgres import translate
from stretto.postgres.errors import BadValue, Conflict
from stretto.runtime.errors import NotReachable, PermanentError, TransientError

ALL = sorted(
    {
        error
        for name in dir(asyncpg.exceptions)
        if isinstance(error := getattr(asyncpg.exceptions, name), type)
        and issubclass(error, asyncpg.PostgresError)
    },
    key=lambda error: error.__name__,
)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_of_the_driver_is_one_of_ours(kind: type[asyncpg.PostgresError]) -> None:
    ours = translate(kind("a text that says nothing"))

    assert isinstance(ours, TransientError | PermanentError)


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (asyncpg.UniqueViolationError("x"), Conflict),
        (asyncpg.UntranslatableCharacterError("x"), BadValue),
        (asyncpg.StatementTooComplexError("x"), BadValue),
        (asyncpg.DiskFullError("x"), TransientError),
        (asyncpg.TooManyConnectionsError("x"), TransientError),
        (asyncpg.AdminShutdownError("x"), TransientError),
        (asyncpg.SerializationError("x"), TransientError),
        (asyncpg.ReadOnlySQLTransactionError("x"), TransientError),
        (asyncpg.CheckViolationError("x"), TransientError),  # a partition was made meanwhile
        (asyncpg.ConnectionDoesNotExistError("x"), NotReachable),
        (asyncpg.InterfaceError("x"), NotReachable),
        (asyncpg.InternalClientError("x"), NotReachable),
        (ConnectionRefusedError("x"), NotReachable),
        (TimeoutError("x"), NotReachable),
        (asyncpg.ProtocolViolationError("x"), PermanentError),
        (asyncpg.InsufficientPrivilegeError("x"), PermanentError),
        (asyncpg.InvalidPasswordError("x"), PermanentError),
    ],
)
def test_an_error_means_what_can_be_done_about_it(error: Exception, ours: type) -> None:
    found = translate(error)

    assert type(found) is ours
    assert found is not None and found.message.startswith("expected ")


def test_an_error_of_nobody_we_know_is_not_translated() -> None:
    assert translate(KeyError("x")) is None
