"""A program on a terminal of its own, and somebody who types.

    with Terminal([command("tpinspect")], env) as terminal:
        terminal.expect("test> ")
        terminal.type("list\\r")

Everything waits for what is on the screen, never for time.
"""

import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

PATIENCE = 20
CTRL_C, CTRL_D, CTRL_Z, TAB, UP = "\x03", "\x04", "\x1a", "\t", "\x1b[A"

# what a terminal would not show as text
SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[=>]|\x07")


class Terminal:
    """The child is the leader of the terminal's session."""

    def __init__(self, argv, env, rows=24, columns=80):
        self.seen = ""  # and not expected yet
        self.status = None
        self.pid, self.fd = pty.fork()
        if not self.pid:
            self.child(argv, env, rows, columns)
        self.resize(rows, columns)

    @staticmethod
    def child(argv, env, rows, columns):
        """The size is there before the program looks for it."""
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execve(argv[0], argv, env)
        finally:
            os._exit(127)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.end()
        os.close(self.fd)

    def resize(self, rows, columns):
        """Makes the terminal as large; the program is told."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        """Types."""
        os.write(self.fd, keys.encode())

    def shows(self, text):
        """Whether the text is on the screen by now."""
        while select.select([self.fd], [], [], 0)[0] and self.read(time.monotonic()):
            pass
        return text in self.seen

    def read(self, deadline):
        """More of what is shown; False at the end."""
        if not select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]:
            raise AssertionError(f"not within {PATIENCE} s; on the screen:\n{self.seen!r}")
        try:
            data = os.read(self.fd, 65536)
        except OSError as error:  # the way Linux says that nobody has the terminal open
            if error.errno != errno.EIO:
                raise
            data = b""
        self.seen += data.decode(errors="replace")
        return bool(data)

    def expect(self, text):
        """Waits for the text, and returns what was shown before it, as plain text."""
        return self.expect_raw(text, lambda seen: SEQUENCES.sub("", seen).replace("\r", ""))

    def expect_raw(self, text, plain=str):
        """The same with everything that is sent to the terminal."""
        deadline = time.monotonic() + PATIENCE
        while text not in plain(self.seen):
            if not self.read(deadline):
                raise AssertionError(f"no {text!r} before the end:\n{self.seen!r}")
        before, _, self.seen = plain(self.seen).partition(text)
        return before

    def end(self):
        """Waits for the program's end; its status as subprocess has it (-N: by signal N)."""
        deadline = time.monotonic() + PATIENCE
        while self.read(deadline):
            pass
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status
