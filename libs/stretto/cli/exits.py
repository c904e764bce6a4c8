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
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

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
_RUN_IS_OVER = frozenset({"run.failed", "run.cancelled", "run.terminated"})


def exit_code_of(error: StrettoError) -> int:
    """Tell the exit code of an error; see the table above."""
    if error.code in _RUN_IS_OVER or error.code.startswith(("dev.", "testkit.")):
        return EXIT_NOT_REACHABLE if isinstance(error, NotReachable) else EXIT_RUN_FAILED
    if isinstance(error, TransientError):
        return EXIT_NOT_REACHABLE
    return EXIT_USAGE


def end_with(error: BaseException) -> NoReturn:
    """Say what went wrong on stderr and exit."""
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    match error:
        case StrettoError():
            say_error(error)
            sys.exit(exit_code_of(error))
        case click.ClickException():
            error.show()
            sys.exit(error.exit_code)
        case BaseExceptionGroup():
            end_with(error.exceptions[0])
        case KeyboardInterrupt() | asyncio.CancelledError() | click.Abort():
            sys.exit(EXIT_INTERRUPTED)
        case TimeoutError():
            _say(str(error))
            sys.exit(EXIT_RUN_FAILED)
        case BrokenPipeError():
            # Who reads has had enough. Nothing more can be said there, not even at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(EXIT_RUN_FAILED)
        case _:
            _say(
                f"expected to finish, but {type(error).__name__}: {error}",
                f"This is a mistake of stretto. {DEBUG_VARIABLE}=1 shows where it happened.",
            )
            sys.exit(EXIT_RUN_FAILED)


def say_error(error: StrettoError) -> None:
    """Say an error and its remedy on stderr."""
    # Its text without the code in brackets; some have more lines (mistakes of a definition).
    remedy = _REMEDIES.get(error.code) or remedy_of(error.code)
    _say(str(error).removesuffix(f" [{error.code}]"), remedy)


def usage_error(sentence: str, remedies: Sequence[str] = ()) -> NoReturn:
    """Say what was asked wrongly and exit with 2."""
    _say(sentence, *remedies)
    sys.exit(EXIT_USAGE)


def _say(sentence: str, *remedies: str | None) -> None:
    sys.stderr.write(f"stretto: {sentence}\n")
    for remedy in remedies:
        if remedy:
            sys.stderr.write(f"  {remedy}\n")
