"""tproc bt"""

import gdb

from .. import frames
from ..debugger import debugger, selection_kept
from . import Command


class Backtrace(Command):
    """Show the stacks of all threads of a component, or of everybody.

Usage: tproc bt [NAME|all] [ARGS OF bt]...

Without a name, of the current component.  Whatever else is given goes to GDB's own command: -full shows
local variables, 3 only the three innermost frames (a number is never the id of a component here).  Frames in the code of another component are
marked with its name.

Examples:
  (gdb) tproc bt printstr
  (gdb) tproc bt all -full"""

    NAME = "bt"
    COMPLETE = "attached"

    def run(self, args):
        name = args[0] if args and not args[0].lstrip("-").isdigit() and args[0][0] != "-" else None
        options = " ".join(args[1:] if name else args)
        if name is None:
            component = debugger.component()
            if not component:
                raise gdb.GdbError("tproc: the current inferior is no component; name one, or all")
            pairs = [(gdb.selected_inferior(), component)]
        else:
            pairs = debugger.attached_by_name(name)
        registry = debugger.registry()
        with selection_kept():
            for inferior, component in pairs:
                for thread in sorted(inferior.threads(), key=lambda thread: thread.num):
                    self.show(thread, component, registry, options)

    @staticmethod
    def show(thread, component, registry, options):
        head = f"{component}, thread {thread.num} (LWP {thread.ptid[1]})"
        if not thread.is_stopped():
            gdb.write(f"{head}: running\n")
            return
        if not frames.filters_needed(frames.complete(thread, registry)):
            options = f"-no-filters {options}"
        gdb.write(f"{head}:\n")
        try:
            gdb.write(gdb.execute(f"bt {options}", to_string=True))
        except gdb.error as error:
            gdb.write(f"  {error}\n")


Backtrace()
