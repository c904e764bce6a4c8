"""Become a server process that cannot outlive its parent (run as a script, never imported).

``python -I -S launch.py PARENT_PID SIGNAL UID GID OVERRIDE -- PROGRAM ARGS...``

1. With a UID other than -1 (only root may): drop to it, without groups. With ``OVERRIDE`` 1 the one
   capability ``CAP_DAC_OVERRIDE`` is kept, so that a program and its data are found also below
   directories that only root may enter.
2. Ask the kernel to send SIGNAL when the parent dies (Linux), else fork a watcher that does it.
3. Undo what a parent may have left: ignored signals, blocked signals.
4. ``exec`` PROGRAM: the pid the parent knows is the pid of the server.

The order matters: changing the user clears the parent-death signal, see prctl(2).
Exit codes before PROGRAM runs: 120 the parent is gone, 121 a step above failed (reason on stderr).
"""

# The tests run it in a process of its own, where coverage cannot be measured.
import ctypes
import os
import signal
import sys
import time

EXIT_PARENT_GONE = 120
EXIT_NOT_LAUNCHED = 121

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522
_WATCH_EVERY_S = 0.2


def _prctl(option: int, value: int, more: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    unsigned = ctypes.c_ulong
    if libc.prctl(option, unsigned(value), unsigned(more), unsigned(0), unsigned(0)) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value}) failed")


def _drop_to(uid: int, gid: int, keep_override: bool) -> None:
    if keep_override:
        _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if keep_override:
        _keep_only_override()


def _keep_only_override() -> None:
    """Set permitted, effective, inheritable and ambient to the one capability: capset(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    bit = 1 << _CAP_DAC_OVERRIDE
    data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    if libc.capset(ctypes.byref(header), ctypes.byref(data)) != 0:
        raise OSError(ctypes.get_errno(), "capset failed")
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE)


def _die_with(parent: int, number: int) -> None:
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, number)
    else:  # another operating system
        _watch(parent, number)
    if os.getppid() != parent:
        sys.exit(EXIT_PARENT_GONE)


def _watch(parent: int, number: int) -> None:
    """Fork a small process that sends the signal once the server's parent is another one."""
    server = os.getpid()
    if os.fork() != 0:
        return
    os.setsid()
    while True:
        time.sleep(_WATCH_EVERY_S)
        try:
            os.kill(server, 0)
            os.kill(parent, 0)
        except ProcessLookupError:
            break
    try:
        os.kill(server, number)
    finally:
        os._exit(0)


def main(arguments: list[str]) -> None:
    """Do the four steps of the module's docstring; returns never."""
    parent, number, uid, gid, override = (int(value) for value in arguments[:5])
    program = arguments[6:]
    try:
        if uid != -1:
            _drop_to(uid, gid, bool(override))
        _die_with(parent, number)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(ignored, signal.SIG_DFL)
        os.execv(program[0], program)
    except OSError as error:
        sys.stderr.write(f"expected to launch {program[0]}, but: {error}\n")
        sys.exit(EXIT_NOT_LAUNCHED)


if __name__ == "__main__":
    main(sys.argv[1:])
