"""Files of certificates that cannot be used are refused with the variable that names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from stretto.bus.encryption import (
    CA_VARIABLE,
    CERT_VARIABLE,
    KEY_VARIABLE,
    tls_context,
    tls_of_environment,
)
from stretto.runtime.errors import PermanentError


def test_nothing_given_leaves_it_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tls_context(None) is None
    for name in (CA_VARIABLE, CERT_VARIABLE, KEY_VARIABLE):
        monkeypatch.setenv(name, "")
    assert tls_of_environment() is None


@pytest.mark.parametrize("text", [None, "", "not a certificate"], ids=["missing", "empty", "other"])
def test_a_file_that_is_no_authority_is_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(PermanentError, match=f"{CA_VARIABLE} .*{path}") as caught:
        tls_context(str(path))
    assert caught.value.code == "bus.bad_certificate"


def test_a_certificate_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.pem"
    with pytest.raises(PermanentError, match=f"{CERT_VARIABLE} .*{path}, the same file"):
        tls_context(None, str(path))


def test_a_key_without_its_certificate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (CA_VARIABLE, CERT_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(KEY_VARIABLE, "own.key")
    with pytest.raises(PermanentError, match=f"{CERT_VARIABLE} to be set"):
        tls_of_environment()
