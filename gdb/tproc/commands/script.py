"""tproc script"""

import gdb

from ..attach import SETTINGS
from ..debugger import debugger, quoted
from . import Command


class Script(Command):
    """Print the plain commands of GDB that do what "tproc attach" did.

Usage: tproc script

To be read, or saved for a GDB that has no Python.  The auxiliary vector still has to be shown by
somebody for each attach: "tproc attach" does that by way of the space's server.

Example:
  (gdb) tproc script"""

    NAME = "script"

    def run(self, args):
        lines = [f"set {name} {value}" for name, value in SETTINGS]
        for number, (_, component) in enumerate(debugger.attached()):
            lines += [f"# {component}"]
            if number:
                lines += ["add-inferior -no-connection", f"inferior {number + 1}"]
            lines += [f"file {quoted(component.exe)}",
                      f"# here the auxiliary vector of component {component.id} is shown",
                      f"attach {component.pid}"]
        for breakpoint_ in gdb.breakpoints() or ():
            if breakpoint_.type == gdb.BP_BREAKPOINT and breakpoint_.location:
                lines.append(f"break {breakpoint_.location}")
        gdb.write("\n".join(lines) + "\n")


Script()
