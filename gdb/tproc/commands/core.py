"""tproc core, tproc open-core"""

import gdb

from .. import cores
from ..debugger import debugger, selection_kept
from . import Command, one


class Core(Command):
    """Write a core file of an attached component.

Usage: tproc core NAME|ID FILE

It holds the memory of the whole space, so that everybody can be looked at, and the threads of this
component.  Open it with "tpgdb --core FILE".

Example:
  (gdb) tproc core printstr /tmp/printstr.core"""

    NAME = "core"
    COMPLETE = "attached"

    def run(self, args):
        if len(args) != 2:
            raise gdb.GdbError("usage: tproc core NAME|ID FILE")
        inferior, component = debugger.attached_by_name(args[0])[0]
        with selection_kept():
            cores.write_core(inferior, component, args[1])


class OpenCore(Command):
    """Look at a core file of a component.

Usage: tproc open-core FILE

The core may be one of "tproc core", of gcore, or of the kernel.  "tproc list", "owner", "modules" and
"bt" work as in a live space.

Example:
  (gdb) tproc open-core /tmp/printstr.core"""

    NAME = "open-core"
    COMPLETE = gdb.COMPLETE_FILENAME

    def run(self, args):
        cores.open_core(one(args, "open-core FILE"))


Core()
OpenCore()
