"""Authorities and certificates for the tests of TLS, made by the openssl of this machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

OPENSSL = shutil.which("openssl")
_TIMEOUT_S = 60
_DAYS = "2"
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """An authority with its files in a folder; `ca` is the one that is to be trusted."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self.ca = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        _openssl(
            *("req", "-x509", *_NEW_KEY, "-subj", f"/CN={name}", "-days", _DAYS),
            *("-addext", "keyUsage=critical,keyCertSign"),
            *("-keyout", str(self._key), "-out", str(self.ca)),
        )

    def issue(self, name: str, alternative: str) -> tuple[Path, Path]:
        """Issue a certificate for a name like `IP:127.0.0.1`; give its file and that of its key."""
        cert, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\nauthorityKeyIdentifier=keyid\n")
        _openssl(
            *("req", "-new", *_NEW_KEY, "-subj", f"/CN={name}"),
            *("-keyout", str(key), "-out", str(request)),
        )
        _openssl(
            *("x509", "-req", "-in", str(request), "-days", _DAYS, "-CAcreateserial"),
            *("-CA", str(self.ca), "-CAkey", str(self._key)),
            *("-extfile", str(extensions), "-out", str(cert)),
        )
        return cert, key


def locked(key: Path, password: str) -> Path:
    """Write a key once more, encrypted with a password."""
    out = key.with_suffix(".locked")
    _openssl("ec", "-in", str(key), "-aes256", "-passout", f"pass:{password}", "-out", str(out))
    return out


def _openssl(*words: str) -> None:
    assert OPENSSL is not None
    done = subprocess.run(
        [OPENSSL, *words], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr
