"""tproc list"""

import gdb

from ..debugger import debugger
from ..text import table
from . import Command

HEAD = (">ID", "NAME", ">PID", "STATE", ">INFERIOR", "PROGRAM")


class List(Command):
    """List the components of the space, those that have ended too.

Usage: tproc list [-l]

-l leaves out those that have ended.  INFERIOR is the number that GDB has for a component that is
attached.  Named objects that are suspect, since somebody died with their mutex, are told behind the
table.  Works on a core file as well.

Example:
  (gdb) tproc list"""

    NAME = "list"

    def run(self, args):
        if args not in ([], ["-l"]):
            raise gdb.GdbError("usage: tproc list [-l]")
        registry = debugger.registry()
        shown = registry.living() if args else registry.components()
        if not shown:
            gdb.write(f"Nobody is in space {registry.space}.\n")
            return
        for line in table(HEAD, map(self.row, shown)):
            gdb.write(line + "\n")
        for name, owner, died in registry.suspects():
            gdb.write(f"{name} of {owner or 'somebody'} is suspect: {died or 'somebody'} died while "
                      "changing it\n")

    @staticmethod
    def row(component):
        inferior = debugger.inferior(component) if component.lives else None
        state = "frozen" if component.id in debugger.kept and component.lives else component.state
        ended = component.exit_text()
        return (component.id, component.name, component.pid,
                f"{state}, {ended}" if ended else state, inferior.num if inferior else "",
                component.exe)


List()
