"""tproc script"""

import gdb

from .. import freeze
from ..attach import SETTINGS
from ..breaks import Breakpoint
from ..debugger import debugger, quoted
from . import Command


class Script(Command):
    """Print plain commands of GDB that set up what is debugged now.

Usage: tproc script

To be read, or saved and given to any GDB ("gdb -x FILE"), without these commands and after this one
has ended: it attaches to the same processes, finds their symbols by address, and sets the same
breakpoints.  Thread-local variables need more than that.

Example:
  (gdb) tproc script"""

    NAME = "script"

    def run(self, args):
        if args:
            raise gdb.GdbError("usage: tproc script")
        pairs = debugger.attached()
        lines = ["set confirm off", "set breakpoint pending on", "set displaced-stepping off"]
        lines += [f"set {name} {value}" for name, value in SETTINGS]
        lines += [f"set non-stop {'on' if gdb.parameter('non-stop') else 'off'}"]
        numbers = {}  # of components, as the script counts inferiors
        for number, (_, component) in enumerate(pairs, 1):
            numbers[component.id] = number
            lines += self.attach(component, number)
        for breakpoint_ in gdb.breakpoints() or ():
            if breakpoint_.type == gdb.BP_BREAKPOINT and breakpoint_.location:
                lines += self.breakpoint(breakpoint_, pairs, numbers)
        for component, _ in freeze.frozen.values():
            lines += [f"# {component} is frozen", f"shell kill -STOP {component.pid}"]
        current = debugger.component()
        if current:
            lines += [f"inferior {numbers[current.id]}"]
        gdb.write("\n".join(lines) + "\n")

    @staticmethod
    def attach(component, number):
        yield f"# {component}"
        if number > 1:
            yield "add-inferior -no-connection"
            yield f"inferior {number}"
        yield f"attach {component.pid}"
        yield "symbol-file"
        for module in component.modules():
            if module.path.startswith("/"):
                yield f"add-symbol-file {quoted(module.path)} -o {module.bias:#x}"

    @classmethod
    def breakpoint(cls, breakpoint_, pairs, numbers):
        kind = "tbreak" if breakpoint_.temporary else "break"
        condition = cls.condition(breakpoint_, pairs, numbers)
        yield f"{kind} {breakpoint_.location}" + (f" if {condition}" if condition else "")
        if not breakpoint_.enabled:
            yield "disable $bpnum"
        if breakpoint_.commands:
            yield "commands"
            yield from breakpoint_.commands.splitlines()
            yield "end"

    @staticmethod
    def condition(breakpoint_, pairs, numbers):
        """With what our own kind of breakpoint decides by itself."""
        if not isinstance(breakpoint_, Breakpoint):
            return breakpoint_.condition
        parts = []
        if breakpoint_.names is not None:
            own = [f"$_inferior == {numbers[component.id]}" for _, component in pairs
                   if breakpoint_.concerns(component)]
            parts.append(f"({' || '.join(own) or '0'})")
        if breakpoint_.only_if:
            parts.append(f"({breakpoint_.only_if})")
        return " && ".join(parts)


Script()
