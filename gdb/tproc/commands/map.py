"""tproc map"""

import gdb

from ..debugger import debugger
from ..registry import layout
from ..text import table
from . import Command, chosen

HEAD = ("FROM", "TO", "WHOSE", "WHAT")


class Map(Command):
    """Show where in the address space everything lies.

Usage: tproc map [NAME|ID]...

One line for each range: slots of components, what is mapped in them, the toolkit's own.  With names,
only what belongs to these.

Example:
  (gdb) tproc map allocstr"""

    NAME = "map"
    COMPLETE = "all"

    def run(self, args):
        registry = debugger.registry()
        rows = [] if args else [(layout.TP_RESERVED_LO, layout.TP_RESERVED_HI, "", "the toolkit")]
        for component in chosen(registry, args):
            rows += self.rows(component)
        rows.sort()
        for line in table(HEAD, ((f"{lo:#x}", f"{hi:#x}", whose, what)
                                 for lo, hi, whose, what in rows)):
            gdb.write(line + "\n")

    @staticmethod
    def rows(component):
        name = str(component)
        for number, (lo, hi) in enumerate(component.runs):
            yield lo, hi, name, "slot" if not number else f"slot, run {number + 1}"
        record = component.record
        if record.stack_hi:
            yield record.stack_lo, record.stack_hi, name, "main thread's stack"
        if record.brk_hi:
            yield record.brk_lo, record.brk_hi, name, "zone of brk"
        for module in component.modules():
            if module.hi:
                yield module.lo, module.hi, name, module.path


Map()
