"""tproc print"""

import re

import gdb

from .. import attach
from ..debugger import debugger, selection_kept
from . import Command

FORM = re.compile(r"\s*((?:-\S+\s+)*)(\S+)\s+(.*)", re.DOTALL)


class Print(Command):
    """Print an expression as a component sees it: its globals, its types, its thread.

Usage: tproc print NAME|ID|all EXPR
       tproc print NAME|ID|all /FMT EXPR

Example:
  (gdb) tproc print printstr counter
  (gdb) tproc print all /x &errno"""

    NAME = "print"
    RAW = True
    COMPLETE = gdb.COMPLETE_EXPRESSION

    def run(self, args):
        match = FORM.fullmatch(args)
        if not match:
            raise gdb.GdbError("usage: tproc print NAME|ID|all EXPR")
        options, name, expression = match.groups()
        pairs = debugger.attached_by_name(name)
        with selection_kept():
            for inferior, component in pairs:
                attach.select(inferior)
                if len(pairs) > 1:
                    gdb.write(f"{component}: ")
                gap = "" if expression.startswith("/") else " "
                gdb.execute(f"print {options}{gap}{expression}".replace("print /", "print/"))


Print()
