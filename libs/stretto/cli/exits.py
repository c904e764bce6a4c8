"""Exit codes, and every error as one sentence with a remedy.

==== ======================================================================================
code meaning
==== ======================================================================================
0    done; the run that was waited for completed
1    the run that was waited for failed, was cancelled or was terminated; something broke
2    asked wrongly: options, a definition with mistakes, an input that does not fit, an unknown run
3    not reachable: the bus, or the service that would have to answer
130  interrupted with Ctrl-C
==== ======================================================================================

Errors go to stderr. With ``--json`` each is one object on one line::

    {"code": "run_unknown", "message": "expected …, but …", "remedy": "…", "exit_code": 2}

`remedy` is left out where there is none; `details` holds the mistakes of what was sent, if any.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import click
import msgspec

from stretto.client.errors import Rejected
from stretto.client.remedies import remedy_of
from stretto.runtime.errors import NotReachable, StrettoError, TransientError

EXIT_OK = 0
EXIT_RUN_FAILED = 1
EXIT_USAGE = 2
EXIT_NOT_REACHABLE = 3
EXIT_INTERRUPTED = 130

DEBUG_VARIABLE = "STRETTO_DEBUG"

_REMEDIES = {
    "bus.not_reachable": "Start everything on this machine with `stretto dev`, or say where the "
    "bus is with STRETTO_NATS_URL.",
    "bus.bad_url": "Say where the bus is with STRETTO_NATS_URL or --nats.",
    "bus.not_authorized": "Put user and password into the URL: nats://user:password@host:4222.",
    "client.no_answer": "The bus is there, but no service answers: is it running? `stretto dev` "
    "starts all of them.",
    "dev.not_started": "The whole log is in the file that is named above.",
    "testkit.not_installed": "Install the local servers: pip install 'stretto[local]'.",
}
_NO_TEXT = re.compile(
    r"(?:\binput\.(\w+): )?expected a string, but got (-?\d[\w.+-]*|true|false|null)\b"
)
"""An input that looks like JSON and was meant as text: the commonest slip with `-i`."""

_RUN_IS_OVER = frozenset({"run.failed", "run.cancelled", "run.terminated"})


def exit_code_of(error: StrettoError) -> int:
    """Tell the exit code of an error; see the table above."""
    if error.code in _RUN_IS_OVER or error.code.startswith(("dev.", "testkit.")):
        return EXIT_NOT_REACHABLE if isinstance(error, NotReachable) else EXIT_RUN_FAILED
    if isinstance(error, TransientError):
        return EXIT_NOT_REACHABLE
    return EXIT_USAGE


class Said(NamedTuple):
    """An error as it is told. Without a message nothing is said: who asked knows."""

    exit_code: int
    code: str = ""
    message: str = ""
    remedies: Sequence[str] = ()
    details: Sequence[dict[str, Any]] = ()
    form: str = "stretto: {}\n"


def end_with(error: BaseException, *, as_json: bool = False) -> NoReturn:
    """Say what went wrong on stderr and exit."""
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    if isinstance(error, BrokenPipeError):
        # Who reads has had enough. Nothing more can be said there, not even at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_RUN_FAILED)
    said = said_of(error)
    if said.message:
        sys.stderr.write(_object(said) if as_json else _sentences(said))
    sys.exit(said.exit_code)


def said_of(error: BaseException) -> Said:
    """Put an error into words."""
    match error:
        case StrettoError():
            # Its text without the code in brackets; mistakes of a definition have more lines.
            text = str(error).removesuffix(f" [{error.code}]")
            known = _REMEDIES.get(error.code) or remedy_of(error.code)
            if error.code == "input_invalid" and (number := _NO_TEXT.search(text)):
                name, value = number[1] or "NAME", number[2]
                known = f"-i {name}={value} is no text; -i '{name}=\"{value}\"' is one."
            remedies = [*([known] if known else []), *getattr(error, "__notes__", ())]
            details = error.details if isinstance(error, Rejected) else ()
            return Said(exit_code_of(error), error.code, text, remedies, details)
        case click.exceptions.NoArgsIsHelpError():
            return Said(EXIT_USAGE, "usage", error.format_message(), form="{}\n")
        case click.UsageError():
            return Said(EXIT_USAGE, "usage", error.format_message(), _usage(error))
        case click.ClickException():
            return Said(error.exit_code, "usage", error.format_message())
        case BaseExceptionGroup():
            return said_of(error.exceptions[0])
        case KeyboardInterrupt() | asyncio.CancelledError() | click.Abort():
            return Said(EXIT_INTERRUPTED)
        case TimeoutError():
            return Said(EXIT_RUN_FAILED, "timed_out", str(error) or "expected an end in time")
        case OSError() if error.errno in _NO_SPACE:
            text = f"expected to write{_where(error)}, but {error.strerror or error}"
            return Said(EXIT_RUN_FAILED, "disk_full", text, ["Make room on that disk."])
        case OSError() if error.errno in _NOT_ALLOWED:
            text = f"expected to use{_where(error)}, but {error.strerror or error}"
            return Said(EXIT_USAGE, "not_writable", text, ["Choose another folder or file."])
        case _:
            remedy = f"This is a mistake of stretto. {DEBUG_VARIABLE}=1 shows where it happened."
            text = f"expected to finish, but {type(error).__name__}: {error}"
            return Said(EXIT_RUN_FAILED, "internal_error", text, [remedy])


_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_ALLOWED = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR),
        errno.ELOOP,
        errno.ENAMETOOLONG,
    }
)


def _where(error: OSError) -> str:
    return " a file or folder" if error.filename is None else f" {error.filename}"


def _usage(error: click.UsageError) -> list[str]:
    """How the command is used, and where more is said: to what click says, not to what we do."""
    ours = type(error) is click.UsageError and not error.message.startswith("Got ")
    if error.ctx is None or ours:
        return []
    usage = " ".join(error.ctx.get_usage().split())
    return [usage, f"`{error.ctx.command_path} --help` says more."]


def _sentences(said: Said) -> str:
    return said.form.format(said.message) + "".join(f"  {line}\n" for line in said.remedies)


def _object(said: Said) -> str:
    told: dict[str, Any] = {"code": said.code, "message": said.message}
    if said.remedies:
        told["remedy"] = " ".join(said.remedies)
    told["exit_code"] = said.exit_code
    if said.details:
        told["details"] = list(said.details)
    return msgspec.json.encode(told).decode() + "\n"
