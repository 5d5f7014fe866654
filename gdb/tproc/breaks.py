"""Breakpoints in some components and not in others.

GDB gives a breakpoint a location in every program space that has the code.  Here the locations of other
components are disabled, as far as this GDB lets scripts do that (13 and later), and what is
hit all the same is let go by stop().  A condition is evaluated by stop() too: GDB's own would be
disabled wherever it does not find the condition's variables when the breakpoint is set.
"""

import gdb

from .debugger import debugger


class Breakpoint(gdb.Breakpoint):
    """A breakpoint in the components of some names, those launched later included."""

    def __init__(self, location, names, condition, temporary):
        self.names = names  # None: all components
        self.only_if = condition
        super().__init__(location, temporary=temporary)
        self.narrow()

    def concerns(self, component):
        return (self.names is None or component.name in self.names
                or str(component.id) in self.names)

    def stop(self):
        component = debugger.component()
        if component is None or not self.concerns(component):
            return False
        if not self.only_if:
            return True
        try:
            return bool(gdb.parse_and_eval(self.only_if))
        except gdb.error as error:
            gdb.write(f"tproc: condition of breakpoint {self.number}: {error}\n", gdb.STDERR)
            return True

    def _is_foreign(self, location):
        """True for a location that only inferiors of other components have."""
        known = [debugger.identity(number) for number in location.thread_groups or ()]
        return bool(known) and not any(
            identity is None or not self.names.isdisjoint(identity) for identity in known)

    def narrow(self):
        """Disables the locations in components that it is not for."""
        if self.names is None:
            return
        for location in getattr(self, "locations", ()):
            if location.enabled and self._is_foreign(location):
                location.enabled = False


def ours():
    """The breakpoints that were made here."""
    return [bp for bp in gdb.breakpoints() or () if isinstance(bp, Breakpoint)]


def narrow_all():
    """After an attach, GDB has found new locations."""
    for breakpoint_ in ours():
        breakpoint_.narrow()
