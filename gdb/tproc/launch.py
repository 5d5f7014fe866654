"""Launching a program into the space, by tprun as a user would, with GDB's own terminal and directory."""

import contextlib
import os
import signal
import time

import gdb

from . import places, tools
from .debugger import WRONG, debugger

STEP = 0.001  # seconds
SHELL = "/bin/sh"
NEVER = (signal.SIGKILL, signal.SIGSTOP)


def _tprun():
    found = tools.find("tprun", "loader/client")
    if not found:
        raise gdb.GdbError(f"tproc: tprun is neither in {places.BINDIR} nor in PATH")
    return found


def _spawn(script, arguments):
    """Starts a shell script; signals are as for a program that GDB itself would start.

    So is its process group, which is its own: GDB gives that the terminal while the program runs.
    """
    defaults = [number for number in signal.valid_signals() if number not in NEVER]
    return os.posix_spawn(SHELL, ["sh", "-c", script, "sh", *arguments], os.environ, setpgroup=0,
                          setsigmask=(), setsigdef=defaults)


def _has_ended(pid):
    """GDB itself may have collected it."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _launched_by(pid):
    with contextlib.suppress(OSError, *WRONG):  # the server may be just starting
        for component in debugger.registry().living():
            if component.record.launcher_pid == pid and component.state != "starting":
                return component
    return None


def launch(name, command):
    """Launches a program that waits for a debugger; command is a line for the shell.

    Returns its component.  Why it cannot be launched tprun says on standard error.
    """
    script = f'exec "$1" --wait-debugger=quiet -s "$2" -n "$3" -- {command}'
    pid = _spawn(script, [_tprun(), debugger.space_to_use(), name])
    while True:
        component = _launched_by(pid)
        if component:
            return component
        if _has_ended(pid):
            raise gdb.GdbError(f"tproc: {name} was not launched")
        time.sleep(STEP)
