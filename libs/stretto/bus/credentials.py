"""How we prove to the bus who we are."""

from __future__ import annotations

import ssl
from typing import NamedTuple


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
