"""tproc select"""

import gdb

from .. import attach
from ..debugger import debugger
from . import Command, one


class Select(Command):
    """Make a component the current one: its inferior, and its first thread.

Usage: tproc select NAME|ID

Example:
  (gdb) tproc select printstr"""

    NAME = "select"
    COMPLETE = "attached"

    def run(self, args):
        inferior, component = debugger.attached_by_name(one(args, "select NAME|ID"))[0]
        attach.select(inferior)
        thread = gdb.selected_thread()
        where = ""
        if thread and thread.is_stopped():
            frame = gdb.selected_frame()
            where = f", in {frame.name() or hex(frame.pc())}"
        gdb.write(f"{component}, thread {thread.num if thread else '?'}{where}\n")


Select()
