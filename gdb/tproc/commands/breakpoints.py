"""tproc break, tbreak, commands"""

import re

import gdb

from ..breaks import Breakpoint, ours
from . import Command

FORM = re.compile(r"\s*(\S+)\s+(.*?)(?:\s+if\s+(.*))?\s*", re.DOTALL)


class Break(Command):
    """Set a breakpoint in some components only.

Usage: tproc break NAME[,NAME...]|all LOCATION [if COND]

LOCATION is as for GDB's own command.  The breakpoint is there for components of that name that are
launched later as well, and waits for libraries that are not loaded yet.  COND may use local
variables; it is evaluated in whichever component gets there.  GDB's "condition" changes it.

Examples:
  (gdb) tproc break printstr show_string
  (gdb) tproc break allocstr,printstr work.c:12 if n > 3"""

    NAME = "break"
    RAW = True
    COMPLETE = gdb.COMPLETE_LOCATION
    TEMPORARY = False

    def run(self, args):
        match = FORM.fullmatch(args)
        if not match:
            raise gdb.GdbError(f"usage: tproc {self.NAME} NAME[,NAME...]|all LOCATION [if COND]")
        names, location, condition = match.groups()
        chosen = None if names == "all" else frozenset(filter(None, names.split(",")))
        Breakpoint(location, chosen, condition, self.TEMPORARY)


class TemporaryBreak(Break):
    """Set a breakpoint in some components only, which is gone after the first hit.

Usage: tproc tbreak NAME[,NAME...]|all LOCATION [if COND]

Example:
  (gdb) tproc tbreak printstr main"""

    NAME = "tbreak"
    TEMPORARY = True


class BreakCommands(Command):
    """Have commands carried out when a breakpoint is hit.

Usage: tproc commands [NUMBER] COMMAND[; COMMAND]...

Without a number, for the latest one of "tproc break".

Example:
  (gdb) tproc commands 3 silent; print n; continue"""

    NAME = "commands"
    RAW = True

    def run(self, args):
        match = re.fullmatch(r"\s*(?:(\d+)\s+)?(.*?)\s*", args, re.DOTALL)
        number, text = match.groups()
        known = sorted(ours(), key=lambda breakpoint_: breakpoint_.number)
        if number:
            known = [bp for bp in gdb.breakpoints() or () if bp.number == int(number)]
        if not known or not text:
            raise gdb.GdbError("usage: tproc commands [NUMBER] COMMAND[; COMMAND]...")
        known[-1].commands = "\n".join(part.strip() for part in text.split(";") if part.strip())


Break()
TemporaryBreak()
BreakCommands()
