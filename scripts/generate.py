"""Write anew what is made from the code (`make proto`); tests compare it with what is there.

================================== ==========================================
`proto/`                           the public contract, from `stretto.proto`
`tests/golden/contracts/*.json`    what was promised: grows, and nothing leaves it
`docs/configuration.md`            its tables, from the settings classes
`deploy/nats/users.conf`           who may do what, from `stretto.runtime.access`
================================== ==========================================
"""

import json
import sys
from pathlib import Path

from scripts.configuration import PAGE, page
from stretto.proto.documents import documents, schemas
from stretto.proto.shapes import Shape, broken, extended, shape_of
from stretto.runtime.access import USERS, UserName, access_of

ROOT = Path(__file__).resolve().parents[1]
PROTO = Path("proto")
PROMISED = Path("tests/golden/contracts/shapes.json")
USERS_CONF = Path("deploy/nats/users.conf")
PASSWORD_VARIABLE = "STRETTO_NATS_PASSWORD_"


def files() -> dict[Path, str]:
    """Return the text of every generated file by its path below the project."""
    proto = {PROTO / path: text for path, text in documents().items()}
    return proto | {
        PROMISED: as_json(extended(promised(), shapes())),
        PAGE: page((ROOT / PAGE).read_text(encoding="utf-8")),
        USERS_CONF: users_conf(),
    }


def shapes() -> dict[str, Shape]:
    """Return what others may rely on now, by message."""
    return {
        path.removesuffix(".schema.json"): shape_of(schema)
        for path, schema in schemas().items()
        if "/" in path  # definitions are read by us alone, and have tests of their own
    }


def promised() -> dict[str, Shape]:
    """Return what others rely on already, by message."""
    path = ROOT / PROMISED
    read: dict[str, Shape] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return read


def as_json(value: object) -> str:
    """Return the text of a JSON file."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


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
    """Write what differs and say so; write nothing when a promise would be broken."""
    if sentences := broken(promised(), shapes()):
        sys.exit(
            "\n".join(sentences)
            + "\nA new meaning gets a new field, message or tag; what is there stays."
        )
    for path, text in files().items():
        target = ROOT / path
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path}\n")


if __name__ == "__main__":
    main()
