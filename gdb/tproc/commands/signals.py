"""tproc signals"""

import signal

import gdb

from ..debugger import debugger
from . import Command, chosen


def names(mask):
    """The signals of a set; bit N-1 stands for signal N."""
    found = []
    for number in range(1, 65):
        if mask >> (number - 1) & 1:
            try:
                found.append(signal.Signals(number).name)
            except ValueError:
                found.append(str(number))
    if len(found) > 32:
        return f"all but {names(~mask & (1 << 64) - 1)}"
    return " ".join(found) or "none"


class SignalSets(Command):
    """Show what components do with signals, as of their launch.

Usage: tproc signals [NAME|ID]...

Blocked and ignored are what they were started with, forwarded is what their launcher passes on.

Example:
  (gdb) tproc signals allocstr"""

    NAME = "signals"
    COMPLETE = "all"

    def run(self, args):
        for component in chosen(debugger.registry(), args):
            record = component.record
            gdb.write(f"{component}, process {component.pid}, launcher {record.launcher_pid}\n"
                      f"  blocked:   {names(record.sig_blocked)}\n"
                      f"  ignored:   {names(record.sig_ignored)}\n"
                      f"  forwarded: {names(record.sig_forwarded)}\n")


SignalSets()
