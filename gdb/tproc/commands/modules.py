"""tproc modules"""

import gdb

from ..debugger import debugger
from ..text import table
from . import Command, chosen

HEAD = ("COMPONENT", "KIND", "FROM", "TO", "BUILD ID", "FILE")


class Modules(Command):
    """List what is mapped in components: program, dynamic linker, libraries.

Usage: tproc modules [NAME|ID]...

Example:
  (gdb) tproc modules printstr"""

    NAME = "modules"
    COMPLETE = "all"

    def run(self, args):
        rows = []
        for component in chosen(debugger.registry(), args):
            rows += [(component, module.kind, f"{module.lo or module.bias:#x}",
                      f"{module.hi:#x}" if module.hi else "?", module.build_id[:12] or "-",
                      module.path) for module in component.modules()]
        for line in table(HEAD, rows):
            gdb.write(line + "\n")


Modules()
