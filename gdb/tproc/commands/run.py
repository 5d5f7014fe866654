"""tproc run"""

import re

import gdb

from .. import attach, launch
from . import Command

FORM = re.compile(r"\s*(\S+)(?:\s+(.*?))?\s*", re.DOTALL)


class Run(Command):
    """Launch a program into the space and stop at its first instruction.

Usage: tproc run NAME PROG [ARGS]...
       tproc run NAME

What stands behind NAME goes through the shell, as with GDB's own command.  The program has the terminal,
directory and environment of GDB, and is stopped before its dynamic linker has done anything;
breakpoints of "tproc break NAME" are there already.  Without PROG, the last one of that name is
launched again.  "kill" ends it; when GDB ends, it goes on.

Examples:
  (gdb) tproc break again main
  (gdb) tproc run again ./server --port 80 < input
  (gdb) continue"""

    NAME = "run"
    RAW = True
    COMPLETE = gdb.COMPLETE_FILENAME

    def __init__(self):
        super().__init__()
        self._former = {}  # name -> what was launched under it

    def run(self, args):
        match = FORM.fullmatch(args)
        if not match:
            raise gdb.GdbError("usage: tproc run NAME PROG [ARGS]...")
        name, command = match.groups()
        command = command or self._former.get(name)
        if not command:
            raise gdb.GdbError(f"tproc: nothing was run as {name} yet: tproc run {name} PROG [ARGS]...")
        if not gdb.parameter("non-stop") and attach.anybody_runs():
            raise gdb.GdbError("tproc: others run just now; interrupt them first")
        self._former[name] = command
        attach.attach_all([launch.launch(name, command)], self.show)
        if not gdb.parameter("non-stop"):
            self.show(gdb.selected_inferior())

    @staticmethod
    def show(inferior):
        """It stands still: that is where the user wants to be."""
        attach.select(inferior)
        gdb.execute("frame")


Run()
