"""Which operating system account a local Postgres runs as.

Postgres refuses to run as root. An ordinary user runs it as itself. Root drops to, in this order:
the owner of existing data; the account ``postgres``; the account ``nobody``. When that account
cannot enter the directories on the way (a home that is closed), the server keeps the one capability
``CAP_DAC_OVERRIDE`` instead of us opening those directories to everybody.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path

from .process import RunAs, ServerFailed

# initdb asks for the name of its user: the account must exist in the user database.
_ACCOUNTS = ("postgres", "nobody")


def account_for(data: Path, programs: Iterable[Path]) -> RunAs | None:
    """Return the account to run Postgres as, None to run it as ourselves.

    Args:
        data: the cluster's directory; need not exist yet.
        programs: directories that hold what the server must be able to read.

    Raises:
        ServerFailed: we are root and there is no account to drop to.
    """
    if os.geteuid() != 0:
        return None
    entry = _owner(data) or _first_known()
    reachable = all(_open_to_all(path) for path in (data.parent, *programs))
    return RunAs(entry.pw_uid, entry.pw_gid, override=not reachable)


def give(path: Path, account: RunAs | None) -> None:
    """Make the account the owner of a directory; nothing to do when it is ourselves."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _owner(data: Path) -> pwd.struct_passwd | None:
    try:
        uid = data.stat().st_uid
        return pwd.getpwuid(uid) if uid != 0 else None
    except (FileNotFoundError, KeyError):
        return None


def _first_known() -> pwd.struct_passwd:
    for name in _ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServerFailed(
        "testkit.no_account",
        "expected to run Postgres, but it refuses root and neither of the accounts "
        f"{' and '.join(_ACCOUNTS)} exists",
    )


def _open_to_all(path: Path) -> bool:
    """Return whether everybody may enter this directory and those above it."""
    return all(
        directory.stat().st_mode & stat.S_IXOTH
        for directory in (path, *path.parents)
        if directory.exists()
    )
