#!/usr/bin/env python3
"""A user at a terminal, in front of a shell that does job control.

    dialogue.py T STEP...

Steps are taken in order:

    +TEXT   types TEXT; \\n, \\r and \\xHH are escapes (\\x03 is Ctrl-C)
    =TEXT   waits until the terminal shows TEXT
    ~ROWSxCOLUMNS   changes the window's size
    @NAME=STATE     waits until a process called NAME, in this directory, is in that state
    !       hangs up

$T is set in the shell.  Prints for each wait whether it came true; what else is on the terminal
is shown only when it did not.  At the end all processes of the session are ended.
"""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import time

PATIENCE = 20
PROMPT = "at your service> "


def unescape(text):
    """The text that a step stands for."""
    return re.sub(r"\\(n|r|x..)",
                  lambda m: {"n": "\n", "r": "\r"}.get(m[1]) or chr(int(m[1][1:], 16)), text)


class Terminal:
    """A pseudo-terminal with bash on it."""

    def __init__(self, prefix):
        self.seen = ""
        with tempfile.NamedTemporaryFile("w", suffix=".bashrc", dir=".", delete=False) as rc:
            rc.write(f"T='{prefix}'; PS1='{PROMPT}'; PROMPT_COMMAND=; unset HISTFILE\n")
            rc.write("bind 'set enable-bracketed-paste off'\n")
        self.rc = rc.name
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execvp("bash", ["bash", "--noprofile", "--rcfile", self.rc, "-i"])
        self.look_for(PROMPT)

    def read(self, deadline):
        """Some more of what is shown; False at the end or the deadline."""
        if self.master < 0:
            select.select([], [], [], 0.001)
            return False
        ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
        try:
            self.seen += os.read(self.master, 4096).decode(errors="replace") if ready else ""
        except OSError:
            return False
        return bool(ready)

    def look_for(self, text):
        """Waits until the text is shown, and forgets what came before it."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen:
            if not self.read(deadline):
                return False
        self.seen = self.seen.partition(text)[2]
        return True

    def states(self, name):
        """The states of the processes of that name in this directory."""
        found = set()
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    comm, _, rest = file.read().partition("(")[2].rpartition(")")
                if comm == name and os.readlink(f"/proc/{entry}/cwd") == os.getcwd():
                    found.add(rest.split()[0])
        return found

    def wait_state(self, name, state):
        """Waits until such a process is in that state, or none is when it is '-'."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            states = self.states(name)
            if state in states or (state == "-" and not states):
                return True
            self.read(time.monotonic() + 0.01)
        return False

    def resize(self, rows, columns):
        """As a window that the user changes."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self):
        """Ends everything that has the terminal."""
        if self.master >= 0:
            os.close(self.master)
        self.master = -1
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.unlink(self.rc)


def take(terminal, step):
    """One step; False when it did not come true."""
    kind, text = step[0], step[1:]
    if kind == "+":
        os.write(terminal.master, unescape(text).encode())
        return True
    if kind == "~":
        terminal.resize(*map(int, text.split("x")))
        return True
    if kind == "!":
        os.close(terminal.master)
        terminal.master = -1
        return True
    came = terminal.wait_state(*text.split("=")) if kind == "@" else terminal.look_for(
        PROMPT if text == "$" else unescape(text))
    print(step, "" if came else f"- no, but {terminal.seen!r}", flush=True)
    return came


def main():
    """The exit status is 0 when all came true."""
    terminal = Terminal(sys.argv[1])
    try:
        return 0 if all(take(terminal, step) for step in sys.argv[2:]) else 1
    finally:
        terminal.close()


if __name__ == "__main__":
    sys.exit(main())
