"""tproc attach"""

import gdb

from .. import attach
from ..debugger import debugger
from ..follow import follower
from . import Command, chosen


class Attach(Command):
    """Attach to components of the space, each as an inferior of its own.

Usage: tproc attach [NAME|ID|--all]... [--follow]

Without names all that live are attached.  --follow attaches components that are launched later as well,
and tells of their ends.  Components that are attached already are left as they are.

Examples:
  (gdb) tproc attach allocstr printstr
  (gdb) tproc attach --follow"""

    NAME = "attach"
    COMPLETE = "living"

    def run(self, args):
        names = [word for word in args if word != "--follow"]
        unknown = [word for word in names if word.startswith("-") and word != "--all"]
        if unknown:
            raise gdb.GdbError(f"tproc: no option {unknown[0]}; see \"help tproc attach\"")
        registry = debugger.registry()
        if "--follow" in args:
            follower.start()
        wanted = [c for c in chosen(registry, names) if debugger.inferior(c) is None]
        dead = [component for component in wanted if not component.lives]
        if dead:
            raise gdb.GdbError(f"tproc: {dead[0]} has ended")
        if not wanted and not names and "--follow" not in args and not debugger.attached():
            gdb.write(f"Nobody lives in space {registry.space}.\n")
        attach.attach_all(wanted)


Attach()
