"""tproc watch"""

import re

import gdb

from .. import attach
from ..debugger import debugger, selection_kept
from ..text import table
from ..watches import watches
from . import Command
from .owner import address_of

FORM = re.compile(r"\s*((?:-[ar]\s+)*)(.*?)(?:\s+if\s+(.*?))?\s*", re.DOTALL)
USAGE = "usage: tproc watch [-a|-r] NAME EXPR | ADDR [LEN] [if COND]"
HEAD = (">NUM", "WHAT", "ADDRESS", ">BYTES", "ACCESS", ">HITS", "WHOSE")
ACCESS = {"w": "write", "a": "any", "r": "read"}
LONGEST = 32
LENGTH = 8


class WatchMemory(Command):
    """Stop whoever writes to memory, in any component.

Usage: tproc watch [-a|-r] NAME|ID EXPR [if COND]
       tproc watch [-a|-r] ADDR [LEN] [if COND]
       tproc watch

EXPR is evaluated once, in the attached component NAME; what is watched is its memory, up to 32 bytes.
-a stops at reads as well, -r at reads only (accesses that leave the value as it is).  A thread of an
attached component stops behind the instruction that did it.  An access by a component that is not
attached is told, with its stack, and everybody who is attached stops.  Components that are launched
later are watched too.  COND is evaluated in the frame that did it.

Without arguments, what is watched is listed.  Each is a catchpoint of GDB's: "delete N" ends it.

Examples:
  (gdb) tproc watch printstr counter
  (gdb) tproc watch -a 0x101000a56040 4"""

    NAME = "watch"
    RAW = True
    COMPLETE = gdb.COMPLETE_EXPRESSION

    def run(self, args):
        if not args.strip():
            self.list()
            return
        options, rest, condition = FORM.fullmatch(args).groups()
        if not rest or rest.startswith("-"):
            raise gdb.GdbError(USAGE)
        mode = options.split()[-1][1] if options else "w"
        text, address, length, kind = self.chosen(rest)
        if not 1 <= length <= LONGEST:
            raise gdb.GdbError(f"tproc: {text} has {length} bytes; 1 to {LONGEST} can be watched")
        watch = watches.add(text, address, length, kind, mode, condition)
        gdb.write(f"Catchpoint {watch.catchpoint}: {ACCESS[mode]} access to {text}, {length} "
                  f"bytes at {address:#x}\n")

    @staticmethod
    def named(name):
        return [inferior for inferior, component in debugger.attached()
                if name in (component.name, str(component.id))]

    def chosen(self, rest):
        """(text, address, length, type)"""
        first, _, expression = rest.partition(" ")
        inferiors = self.named(first) if expression.strip() else []
        if inferiors:
            return self.of_expression(inferiors[0], expression.strip())
        match = re.fullmatch(r"(.*\S)\s+(\d+)", rest, re.DOTALL)
        address = address_of(gdb.parse_and_eval(match[1] if match else rest))
        if match:
            return f"{address:#x}", address, int(match[2]), None
        length = LENGTH
        while address % length:
            length //= 2
        return f"{address:#x}", address, length, None

    @staticmethod
    def of_expression(inferior, text):
        with selection_kept():
            if gdb.selected_inferior().num != inferior.num:
                attach.select(inferior)
            value = gdb.parse_and_eval(text)
            if value.address is None:
                raise gdb.GdbError(f"tproc: {text} is not in memory")
            return text, int(value.address), value.type.sizeof, value.type

    @staticmethod
    def list():
        rows = [(watch.catchpoint, watch.text, f"{watch.address:#x}", watch.length,
                 ACCESS[watch.mode], watch.count, watch.owner or "") for watch in watches]
        if not rows:
            gdb.write("Nothing is watched.\n")
            return
        for line in table(HEAD, rows):
            gdb.write(line + "\n")


WatchMemory()
