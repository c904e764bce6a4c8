"""Write anew what is made from the code (`make proto`); tests compare it with what is there.

`deploy/nats/users.conf` from `stretto.runtime.access`.
"""

import json
import sys
from pathlib import Path

from stretto.runtime.access import USERS, UserName, access_of

ROOT = Path(__file__).resolve().parents[1]
USERS_CONF = Path("deploy/nats/users.conf")
PASSWORD_VARIABLE = "STRETTO_NATS_PASSWORD_"


def files() -> dict[Path, str]:
    """Return the text of every generated file by its path below the project."""
    return {USERS_CONF: users_conf()}


def users_conf() -> str:
    """Return the users of the bus as the server's configuration has them."""
    return (
        "# Made by `make proto` from libs/stretto/runtime/access.py: do not edit.\n\n"
        "users: [\n" + "".join(_user(user) for user in USERS) + "]\n"
    )


def _user(user: UserName) -> str:
    access = access_of(user)
    return (
        "  {\n"
        f"    user: {user}\n"
        f"    password: ${PASSWORD_VARIABLE}{user.upper()}\n"
        "    permissions: {\n"
        f"      publish: {_subjects(access.publish)}\n"
        f"      subscribe: {_subjects(access.subscribe)}\n"
        "    }\n"
        "  }\n"
    )


def _subjects(allowed: tuple[str, ...]) -> str:
    # In quotes: else the server would look for a variable of the name that follows a "$".
    lines = "".join(f"        {json.dumps(subject)}\n" for subject in sorted(allowed))
    return "{ allow: [\n" + lines + "      ] }"


def main() -> None:
    """Write what differs and say so."""
    for path, text in files().items():
        target = ROOT / path
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path}\n")


if __name__ == "__main__":
    main()
