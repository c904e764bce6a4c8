"""How we prove to the bus who we are."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from stretto.bus.encryption import tls_context, tls_of_environment
from stretto.runtime.errors import PermanentError

USER_VARIABLE = "STRETTO_NATS_USER"
PASSWORD_VARIABLE = "STRETTO_NATS_PASSWORD"
CREDS_VARIABLE = "STRETTO_NATS_CREDS"

_PARTS = (b"BEGIN NATS USER JWT", b"BEGIN USER NKEY SEED")


class Credentials(NamedTuple):
    """How we prove who we are; all None for a server that asks nothing (or the URL says it).

    ``creds_file`` and ``nkey_seed_file`` are paths; ``tls`` says whom we
    trust and brings client certificates (``encryption.tls_context``).
    """

    user: str | None = None
    password: str | None = None
    token: str | None = None
    creds_file: str | None = None
    nkey_seed_file: str | None = None
    tls: ssl.SSLContext | None = None


def credentials_of(
    *,
    user: str | None,
    password: str | None,
    creds: str | None,
    ca: str | None,
    cert: str | None,
    key: str | None,
) -> Credentials:
    """Return what the settings of a process say of it.

    Raises:
        PermanentError: a file cannot be read, or is not what it should be; a user without a
            password, or the other way round.
    """
    return _checked(Credentials(user, password, creds_file=creds, tls=tls_context(ca, cert, key)))


def credentials_of_environment(url: str) -> Credentials:
    """Return the same as the environment says it, for clients. A user in the URL goes before.

    Raises:
        PermanentError: as for `credentials_of`.
    """
    tls = tls_of_environment()
    if "@" in url:
        return Credentials(tls=tls)
    names = (USER_VARIABLE, PASSWORD_VARIABLE, CREDS_VARIABLE)
    user, password, creds = (os.environ.get(name) or None for name in names)
    return _checked(Credentials(user, password, creds_file=creds, tls=tls))


def with_url(credentials: Credentials, url: str) -> Credentials:
    """Return them with the user of the URL, or its token, where they name nobody: decoded, as
    special characters are written in URLs (`%40` for `@`), and for every server of a cluster."""
    if any((credentials.user, credentials.token, credentials.creds_file)):
        return credentials
    said = next((part.rpartition("@")[0] for part in url.split(",") if "@" in part), "")
    user, colon, password = (unquote(part) for part in said.rpartition("//")[2].partition(":"))
    if colon:
        return credentials._replace(user=user, password=password)
    return credentials._replace(token=user or None)


def _checked(credentials: Credentials) -> Credentials:
    if (credentials.user is None) != (credentials.password is None):
        names = (USER_VARIABLE, PASSWORD_VARIABLE)
        has, lacks = names if credentials.password is None else reversed(names)
        raise PermanentError(
            "bus.bad_credentials", f"expected {lacks} to be set, as {has} is, but it is not"
        )
    if credentials.creds_file is not None:
        _check_creds(credentials.creds_file)
    return credentials


def _check_creds(path: str) -> None:
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise _unusable(f"but {error}") from error
    for part in _PARTS:
        if part not in text:
            raise _unusable(f"but {path} has no {part.decode()}")


def _unusable(why: str) -> PermanentError:
    return PermanentError(
        "bus.bad_credentials",
        f"expected {CREDS_VARIABLE} to name a file of credentials (as `nsc` writes it), {why}",
    )
