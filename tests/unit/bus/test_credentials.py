"""What the environment says of us and cannot be, is refused with the variable that says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stretto.bus.credentials import (
    CREDS_VARIABLE,
    PASSWORD_VARIABLE,
    USER_VARIABLE,
    Credentials,
    credentials_of,
    credentials_of_environment,
    with_url,
)
from stretto.runtime.errors import PermanentError

URL = "nats://127.0.0.1:4222"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (USER_VARIABLE, PASSWORD_VARIABLE, CREDS_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def test_nothing_said_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(USER_VARIABLE, "")
    assert credentials_of_environment(URL) == Credentials()


@pytest.mark.parametrize(
    ("has", "lacks"), [(USER_VARIABLE, PASSWORD_VARIABLE), (PASSWORD_VARIABLE, USER_VARIABLE)]
)
def test_a_user_without_a_password_is_refused(
    monkeypatch: pytest.MonkeyPatch, has: str, lacks: str
) -> None:
    monkeypatch.setenv(has, "x")
    with pytest.raises(PermanentError, match=f"expected {lacks} to be set, as {has} is"):
        credentials_of_environment(URL)
    assert credentials_of_environment("nats://ada:pw@127.0.0.1:4222") == Credentials()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "No such file"),
        ("", "has no BEGIN NATS USER JWT"),
        ("-----BEGIN NATS USER JWT-----", "has no BEGIN USER NKEY SEED"),
    ],
    ids=["missing", "empty", "half"],
)
def test_a_file_that_holds_no_credentials_is_refused(
    tmp_path: Path, text: str | None, why: str
) -> None:
    path = tmp_path / "user.creds"
    if text is not None:
        path.write_text(text)
    with pytest.raises(PermanentError, match=why) as caught:
        credentials_of(user=None, password=None, creds=str(path), ca=None, cert=None, key=None)
    assert caught.value.code == "bus.bad_credentials"
    assert CREDS_VARIABLE in str(caught.value)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (URL, Credentials()),
        ("nats://a%40b:p%3Aw%2Fx@host", Credentials(user="a@b", password="p:w/x")),
        ("nats://ada:@host", Credentials(user="ada", password="")),
        ("nats://s3cr%21t@host", Credentials(token="s3cr!t")),
        ("nats://one:4222,nats://ada:pw@two:4222", Credentials(user="ada", password="pw")),
    ],
)
def test_who_the_url_names_is_decoded(url: str, found: Credentials) -> None:
    assert with_url(Credentials(), url) == found


def test_who_is_given_goes_before_the_url() -> None:
    given = Credentials(user="ada", password="pw")
    assert with_url(given, "nats://eve:x@host") == given
