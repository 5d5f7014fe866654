"""tproc fds"""

import os

import gdb

from ..debugger import debugger
from ..text import table
from . import Command, chosen

HEAD = ("COMPONENT", ">FD", ">LAUNCHER'S", "KIND", "MODE", "TARGET")
MODES = {os.O_RDONLY: "r", os.O_WRONLY: "w", os.O_RDWR: "rw"}


class Fds(Command):
    """List the descriptors that components were launched with.

Usage: tproc fds [NAME|ID]...

Example:
  (gdb) tproc fds allocstr"""

    NAME = "fds"
    COMPLETE = "all"

    def run(self, args):
        rows = []
        for component in chosen(debugger.registry(), args):
            rows += [(component, fd.fd, fd.launcher_fd, fd.kind,
                      MODES.get(fd.flags & os.O_ACCMODE, "?"), fd.target)
                     for fd in component.fds()]
        for line in table(HEAD, rows):
            gdb.write(line + "\n")


Fds()
