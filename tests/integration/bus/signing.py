"""An operator, an account and a user of a bus that believes signatures (JWT), made here."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import nkeys


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Signer:
    """Somebody with a key, who says things of others."""

    def __init__(self, prefix: int) -> None:
        self.seed: bytes = nkeys.encode_seed(os.urandom(32), prefix)
        self._pair = nkeys.from_seed(bytearray(self.seed))
        self.name: str = self._pair.public_key.decode()

    def says(self, subject: str, kind: str, **more: Any) -> str:
        """A JWT in the form of NATS: what `subject` is."""
        claims = {
            "iat": 1_700_000_000,
            "iss": self.name,
            "sub": subject,
            "name": kind,
            "nats": {"type": kind, "version": 2, **more},
        }
        digest = hashlib.sha256(json.dumps(claims).encode()).digest()
        claims["jti"] = base64.b32encode(digest).decode().rstrip("=")
        head = {"typ": "JWT", "alg": "ed25519-nkey"}
        said = ".".join(_text(json.dumps(part).encode()) for part in (head, claims))
        return f"{said}.{_text(self._pair.sign(said.encode()))}"


def believing(folder: Path) -> tuple[str, Path]:
    """The configuration of a server that believes an operator, and the file of one user."""
    operator = Signer(nkeys.PREFIX_BYTE_OPERATOR)
    account, system = Signer(nkeys.PREFIX_BYTE_ACCOUNT), Signer(nkeys.PREFIX_BYTE_ACCOUNT)
    user = Signer(nkeys.PREFIX_BYTE_USER)
    plain = {"subs": -1, "data": -1, "payload": -1, "conn": -1}
    stored = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
    accounts = "\n".join(
        f"{each.name}: {operator.says(each.name, 'account', limits=limits)}"
        for each, limits in ((account, plain | stored), (system, plain))
    )
    config = (
        f"operator: {operator.says(operator.name, 'operator')}\nsystem_account: {system.name}\n"
        f"resolver: MEMORY\nresolver_preload {{\n{accounts}\n}}\n"
    )
    creds = folder / "user.creds"
    creds.write_text(
        "-----BEGIN NATS USER JWT-----\n"
        f"{account.says(user.name, 'user', subs=-1, data=-1, payload=-1)}\n"
        "------END NATS USER JWT------\n\n"
        "-----BEGIN USER NKEY SEED-----\n"
        f"{user.seed.decode()}\n"
        "------END USER NKEY SEED------\n"
    )
    return config, creds
