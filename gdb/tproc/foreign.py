"""Calls from one component into the code of another.

Nothing in the machine tells that a thread has left its own program, so there are breakpoints where functions of
others begin.  Their owner's own calls hit these too and are let go, which takes time; so they are in
programs only, not in libraries, unless somebody asks for that.
"""

import contextlib
import re

import gdb

from . import elf
from .debugger import WRONG, debugger, selection_kept, told
from .registry import printable

MOST = 2000  # functions of one module: GDB takes some seconds for these
WORD = 8


class Entry(gdb.Breakpoint):
    """Where a function begins."""

    def __init__(self, address, name, owner, calls):
        super().__init__(f"*{address:#x}", internal=True)
        self.function = name
        self.owner = owner
        self.calls = calls

    def _returns_to_owner(self, registry):
        """At a function's first instruction, the return address is on top of the stack."""
        top = int(gdb.newest_frame().read_register("sp"))
        back = int.from_bytes(gdb.selected_inferior().read_memory(top, WORD), "little")
        caller = registry.owner(back).component
        return caller is not None and caller.id == self.owner.id

    def stop(self):
        mine = debugger.component()
        if not mine or not self.calls.concerns(mine) or mine.id == self.owner.id:
            return False
        with contextlib.suppress(gdb.error, OSError, *WRONG):
            if self._returns_to_owner(debugger.recent_registry()):
                return False  # it is in there already
        gdb.write(f"[{mine} calls {self.function} of {self.owner}]\n")
        return True


class Calls:
    """A catch: calls that a component makes into others."""

    def __init__(self, name, pattern, libraries):
        self.name = name  # or id; None: everybody
        self.pattern = re.compile(pattern or "")
        self.libraries = libraries
        self.entries = {}  # (component's id, module's bias) -> [Entry]

    def concerns(self, component):
        return self.name in (None, component.name, str(component.id))

    def _modules(self, component):
        kinds = ("program", "library") if self.libraries else ("program",)
        return [module for module in component.modules()
                if module.kind in kinds and module.path.startswith("/")]

    def _add_module(self, owner, module):
        found = [function for function in elf.functions(module.path)
                 if self.pattern.search(function.name)
                 and module.text_lo <= module.bias + function.value < module.text_hi]
        if len(found) > MOST:
            raise gdb.GdbError(f"tproc: {len(found)} functions in {module.path}, at most {MOST}: "
                               "name a pattern of those that matter")
        self.entries[owner.id, module.bias] = [
            Entry(module.bias + function.value, printable(function.name.encode()), owner, self)
            for function in found]

    def add(self, inferior, component):
        """Functions of a component that is attached, and may be called."""
        if self.name in (component.name, str(component.id)):
            return
        with selection_kept(), told():
            if inferior.threads():
                inferior.threads()[0].switch()
            for module in self._modules(component):
                if (component.id, module.bias) not in self.entries:
                    self._add_module(component, module)

    def drop(self, number=None):
        """Those of a component that is gone, or all."""
        for key in [key for key in self.entries if number in (None, key[0])]:
            for entry in self.entries.pop(key):
                if entry.is_valid():
                    entry.delete()

    def __len__(self):
        return sum(map(len, self.entries.values()))


catches = []


def catch(name, pattern, libraries):
    """Catches calls from now on; the number of functions that are looked at."""
    calls = Calls(name, pattern, libraries)
    try:
        for inferior, component in debugger.attached():
            calls.add(inferior, component)
    except BaseException:
        calls.drop()
        raise
    catches.append(calls)
    return len(calls)


def end(name=None):
    """Ends the catches for a component, or all."""
    for calls in [calls for calls in catches if name in (None, calls.name)]:
        calls.drop()
        catches.remove(calls)


def on_attached(inferior, component):
    for calls in catches:
        calls.add(inferior, component)


def on_gone(component):
    for calls in catches:
        calls.drop(component.id)


debugger.when_gone.append(on_gone)
