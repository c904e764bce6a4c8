"""As whom a local Postgres runs, which refuses root."""

import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from stretto.testkit import account as accounts
from stretto.testkit.account import account_for, give
from stretto.testkit.fake_answers import mistakes_of
from stretto.testkit.process import RunAs, ServerFailed

THERE = {"postgres": 71, "nobody": 65_534, "ann": 1_000}


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Let us look like root on a machine with these accounts."""
    there = dict(THERE)

    def named(name: str) -> SimpleNamespace:
        return SimpleNamespace(pw_name=name, pw_uid=there[name], pw_gid=there[name])

    def numbered(uid: int) -> SimpleNamespace:
        return next(named(name) for name, each in THERE.items() if each == uid)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", named)
    monkeypatch.setattr(pwd, "getpwuid", numbered)
    return there


def test_nobody_else_than_we_runs_it_where_we_are_not_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)

    account = account_for(tmp_path, [])
    give(tmp_path / "not there", account)

    assert account is None


def test_root_drops_to_the_first_account_that_there_is(
    root: dict[str, int], tmp_path: Path
) -> None:
    new = tmp_path / "new"
    assert [account_for(new, [])] == [RunAs(71, 71, override=not _open(tmp_path))]

    del root["postgres"]
    account = account_for(new, [])
    assert account is not None and account.uid == 65_534

    del root["nobody"]
    with pytest.raises(ServerFailed, match="neither of the accounts postgres and nobody exists"):
        account_for(new, [])


@pytest.mark.parametrize(("owner", "uid"), [(1_000, 1_000), (0, 71)])
def test_data_that_is_there_is_left_to_its_owner_but_not_to_root(
    root: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: int, uid: int
) -> None:
    monkeypatch.setattr(Path, "stat", lambda _: SimpleNamespace(st_uid=owner, st_mode=0o40_755))

    assert account_for(tmp_path, []) == RunAs(uid, uid, override=False)


def test_where_the_account_may_not_enter_it_keeps_the_right_to(
    root: dict[str, int], tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    account = account_for(closed / "data", [])

    assert account is not None and account.override


def test_what_is_given_belongs_to_the_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Path, int, int]] = []
    monkeypatch.setattr(os, "chown", lambda path, uid, gid: given.append((path, uid, gid)))

    give(tmp_path, RunAs(71, 72, override=False))

    assert given == [(tmp_path, 71, 72)]


def _open(path: Path) -> bool:
    return accounts._open_to_all(path)


def test_the_stand_in_says_what_is_no_yaml() -> None:
    [mistake] = mistakes_of("a: [")

    assert mistake["message"].startswith("expected YAML, but ")
