"""tproc detach"""

from .. import attach, freeze
from ..debugger import debugger
from ..follow import follower
from . import Command


class Detach(Command):
    """Leave components as they were found, running.

Usage: tproc detach [NAME|ID]...

Without names all are left, frozen ones go on, and following ends.

Example:
  (gdb) tproc detach printstr"""

    NAME = "detach"
    COMPLETE = "attached"

    def run(self, args):
        if not args:
            follower.stop()
            for number in list(freeze.frozen):
                freeze.thaw(number)
        for name in args or ["all"]:
            pairs = debugger.attached_by_name(name) if args else debugger.attached()
            for inferior, _ in pairs:
                attach.detach(inferior)
        if not args:
            attach.leave_executing()
        debugger.leave()


Detach()
