"""How GDB is to stop threads and to step them over breakpoints, in its two modes.

A thread that executes a copy of an instruction elsewhere would be lost if GDB were killed meanwhile.  So in
all-stop mode instructions are executed in their place, for which all other threads have to stand still.
GDB asks each for that by itself, and waits for each, unless its target does so.  Non-stop mode cannot do
without the copies.

With such a target, GDB before 18 takes threads that have been stepped for threads to be set going when
it leaves another process, and loses them.  It does not while "schedule-multiple" is off.
"""

import gdb

from . import around
from .debugger import setting

_LEAVING = ("detach", "detach inferiors")  # the commands that do

_chosen = None  # (displaced-stepping, target-non-stop) that were set last


def prepare():
    """Before a component is attached."""
    global _chosen  # pylint: disable=global-statement
    before = _chosen
    wanted = ("auto", "auto") if gdb.parameter("non-stop") else ("off", "off")
    if wanted == (_chosen or ("auto", "auto")):
        return
    _chosen = wanted
    gdb.execute(f"set displaced-stepping {wanted[0]}", to_string=True)
    shown = gdb.execute("maintenance show target-non-stop", to_string=True)
    if not before and "auto" not in shown:
        return  # the user's choice
    try:
        gdb.execute(f"maintenance set target-non-stop {wanted[1]}", to_string=True)
    except gdb.error:  # GDB debugs something already
        return
    for command in _LEAVING:
        around.wrap(command, lambda: setting("schedule-multiple", "off"))
