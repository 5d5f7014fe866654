"""tproc break, tbreak, commands"""

import re

import gdb

from ..breaks import ours
from ..debugger import debugger
from ..addresses import set_breakpoint
from ..text import table
from . import Command

HEAD = (">NUM", "NAMES", "LOCATION", "CONDITION", "ENABLED", ">HITS", "ATTACHED")
FORM = re.compile(r"\s*(\S+)\s+(.*?)(?:\s+if\s+(.*))?\s*", re.DOTALL)


class Break(Command):
    """Set a breakpoint in some components only.

Usage: tproc break NAME[,NAME...]|all LOCATION [if COND]
       tproc break

LOCATION is as for GDB's own command; *ADDR may be in the code of another component.  The breakpoint is there for components of that name that are
launched later as well, and waits for libraries that are not loaded yet.  COND may use local
variables; it is evaluated in whichever component gets there.  GDB's "condition" changes it.

Without arguments, those that there are, as they were set; ATTACHED are the components in which each is now.

Examples:
  (gdb) tproc break printstr show_string
  (gdb) tproc break allocstr,printstr work.c:12 if n > 3
  (gdb) tproc break printstr *0x101400a67387"""

    NAME = "break"
    RAW = True
    COMPLETE = gdb.COMPLETE_LOCATION
    TEMPORARY = False

    def run(self, args):
        if not args.strip():
            self.list()
            return
        match = FORM.fullmatch(args)
        if not match:
            raise gdb.GdbError(f"usage: tproc {self.NAME} NAME[,NAME...]|all LOCATION [if COND]")
        names, location, condition = match.groups()
        chosen = None if names == "all" else frozenset(filter(None, names.split(",")))
        set_breakpoint(location, chosen, condition, self.TEMPORARY)

    @staticmethod
    def list():
        rows = [(bp.number, ",".join(sorted(bp.names or ("all",))), bp.location, bp.only_if or "",
                 "yes" if bp.enabled else "no", bp.hit_count,
                 ", ".join(str(debugger.component(inferior)) for inferior in bp.concerned()))
                for bp in sorted(ours(), key=lambda bp: bp.number)]
        if not rows:
            gdb.write("No breakpoints.\n")
            return
        for line in table(HEAD, rows):
            gdb.write(line + "\n")


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
