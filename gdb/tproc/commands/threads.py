"""tproc threads"""

import gdb

from ..debugger import debugger, selection_kept
from ..text import table
from . import Command

HEAD = ("", "THREAD", "COMPONENT", ">LWP", "NAME", "WHERE")


class Threads(Command):
    """List the threads of all attached components.

Usage: tproc threads [NAME|ID]...

Example:
  (gdb) tproc threads"""

    NAME = "threads"
    COMPLETE = "attached"

    def run(self, args):
        pairs = []
        for name in args or ["all"]:
            pairs += debugger.attached_by_name(name) if args else debugger.attached()
        current = gdb.selected_thread()
        rows = []
        with selection_kept():
            for inferior, component in pairs:
                for thread in sorted(inferior.threads(), key=lambda thread: thread.num):
                    mark = "*" if current and thread == current else ""
                    rows.append((mark, f"{inferior.num}.{thread.num}", component, thread.ptid[1],
                                 thread.name or "", self.where(thread)))
        for line in table(HEAD, rows):
            gdb.write(line + "\n")

    @staticmethod
    def where(thread):
        if not thread.is_stopped():
            return "running"
        thread.switch()
        try:
            frame = gdb.newest_frame()
            return frame.name() or f"{frame.pc():#x}"
        except gdb.error as error:
            return str(error)


Threads()
