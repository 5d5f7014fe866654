"""tproc freeze, tproc thaw"""

import gdb

from .. import attach, freeze
from ..debugger import debugger
from . import Command, chosen, component_names


class Freeze(Command):
    """Hold components while others run.

Usage: tproc freeze NAME|ID...
       tproc freeze others
       tproc freeze all

A component that is held does nothing until "tproc thaw", or until this GDB ends, however it ends.  It
need not be attached; one that is gets detached, and attached again when it is thawed.
"tpinspect bt NAME" shows its stacks meanwhile.  "others" are all but the current one.

Examples:
  (gdb) tproc freeze printstr
  (gdb) tproc freeze others"""

    NAME = "freeze"

    def run(self, args):
        if not args:
            raise gdb.GdbError("usage: tproc freeze NAME|ID...|others|all")
        for component in self.wanted(args):
            if freeze.freeze(component):
                gdb.write(f"{component} is frozen\n")
        if not debugger.component() and debugger.attached():
            attach.select(debugger.attached()[0][0])

    @staticmethod
    def wanted(args):
        registry = debugger.registry()
        if args != ["others"]:
            return [component for component in chosen(registry, args) if component.lives]
        mine = debugger.component()
        if not mine:
            raise gdb.GdbError("tproc: the current inferior is no component: who are the others?")
        return [component for component in registry.living() if component.id != mine.id]

    def complete(self, text, word):
        return component_names("living", word) + [
            name for name in ("others", "all") if name.startswith(word or "")]


class Thaw(Command):
    """Let components go on that were held by "tproc freeze".

Usage: tproc thaw [NAME|ID]...

Without names, all of them.  Those that were attached before are attached again.

Example:
  (gdb) tproc thaw printstr"""

    NAME = "thaw"

    def run(self, args):
        wanted = []
        for name in args or ["all"]:
            found = [number for number, (component, _) in freeze.frozen.items()
                     if name in ("all", component.name, str(number))]
            if not found and name != "all":
                raise gdb.GdbError(f"tproc: nobody is frozen who is called {name}")
            wanted += [number for number in found if number not in wanted]
        freeze.thaw_all(wanted)

    def complete(self, text, word):
        return sorted({component.name for component, _ in freeze.frozen.values()
                       if component.name.startswith(word or "")})


Freeze()
Thaw()
