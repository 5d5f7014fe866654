"""Breakpoints in some components and not in others.

GDB gives a breakpoint a location in every program space that has the code.  Here the locations of other
components are disabled, as far as this GDB lets scripts do that (13 and later), and a condition lets go
what is hit all the same.

GDB looks a condition's variables up in one program space only, disables the locations where it does not
find them, and would take a global variable of the wrong component for the right one.  So it gets the user's
condition only as long as one component is concerned, looked up there and tied to its inferior: that is
the fastest.  Else the condition is a function of ours, which evaluates the user's in whichever
component gets there.
"""

import re

import gdb

from .debugger import debugger, selection_kept, switch_to

FUNCTION = "_tproc_if"

_known = {}  # number -> Breakpoint


def concerns(names, component):
    """Whether names, None for all, are a component's."""
    return names is None or component.name in names or str(component.id) in names


class Breakpoint(gdb.Breakpoint):
    """A breakpoint in the components of some names, those launched later included."""

    def __init__(self, location, names, condition, temporary):
        self.names = names  # None: all components
        self.only_if = condition and " ".join(condition.split("\n"))  # the user's, or None
        self._given = None  # the condition that GDB has from us
        self._giving = False
        super().__init__(location, temporary=temporary)
        if not _known:
            gdb.events.breakpoint_modified.connect(_on_modified)
            gdb.events.breakpoint_deleted.connect(_on_deleted)
        _known[self.number] = self
        self.settle()

    def concerned(self):
        """Inferiors of attached components that it is for."""
        return [inferior for inferior, component in debugger.attached() if self.concerns(component)]

    def concerns(self, component):
        return component is not None and concerns(self.names, component)

    def holds(self):
        """Whether the current thread, which got here, is to stop; the function of ours."""
        if not self.concerns(debugger.component()):
            return False
        return not self.only_if or bool(gdb.parse_and_eval(self.only_if))

    # ---- who evaluates the condition --------------------------------------------------------------

    def settle(self):
        """Attached components have come: finds out anew how GDB is to judge a hit."""
        self.narrow()
        concerned = self.concerned()
        if len(concerned) != 1 or self.pending or not self._tie(concerned[0]):
            self.ask()

    def _is_plain(self):
        return self.names is None and not self.only_if

    def ask(self):
        """From now on the function is asked, which is right whatever there is."""
        self._give("" if self._is_plain() else f"${FUNCTION}({self.number})")

    def _tie(self, inferior):
        """Has GDB evaluate the condition in this inferior; False if it cannot everywhere there."""
        if self._is_plain():
            return False
        condition = f"$_inferior == {inferior.num}"
        if self.only_if:
            condition += f" && ({self.only_if})"
        with selection_kept():
            switch_to(inferior)
            try:
                self._give(condition)
            except gdb.error:
                return False
        return not self._is_void_in(inferior)

    def _give(self, condition):
        if condition == (self._given or ""):
            return
        self._giving = True
        try:
            # what it says of locations where it does not find a variable is not the user's concern
            gdb.execute(f"condition {self.number} {condition}", to_string=True)
        finally:
            self._giving = False
            self._given = self.condition

    def _is_void_in(self, inferior):
        """True if GDB has disabled a location of the inferior's for its condition."""
        rows = re.findall(rf"^{self.number}\.\d+ +N\*.*?(?: inf ([\d, ]+))?$",
                          gdb.execute(f"info breakpoints {self.number}", to_string=True),
                          re.MULTILINE)
        return any(not row or str(inferior.num) in row.split(", ") for row in rows)

    def on_modified(self):
        """A condition that we did not give is the user's."""
        if not self._giving and self.condition != self._given:
            self.only_if = self._given = self.condition
            self.settle()

    def on_left(self):
        """An attached component has left."""

    # ---- where it is ------------------------------------------------------------------------------

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


def _on_modified(breakpoint_):
    if isinstance(breakpoint_, Breakpoint) and breakpoint_.number in _known:
        breakpoint_.on_modified()


def _on_deleted(breakpoint_):
    _known.pop(breakpoint_.number, None)
    if not _known:
        gdb.events.breakpoint_modified.disconnect(_on_modified)
        gdb.events.breakpoint_deleted.disconnect(_on_deleted)


class Function(gdb.Function):
    """The condition of a "tproc break" that concerns several components."""

    def __init__(self):
        super().__init__(FUNCTION)

    def invoke(self, number):
        breakpoint_ = _known.get(int(number))
        return breakpoint_ is None or breakpoint_.holds()


def ours():
    """The breakpoints that were made here."""
    return list(_known.values())


def ask_all():
    """A component is about to be attached while others run."""
    for breakpoint_ in ours():
        breakpoint_.ask()


def settle_all():
    """Components were attached, and GDB has found new locations, or could not be."""
    for breakpoint_ in ours():
        breakpoint_.settle()


def on_left():
    """Somebody is not attached any more, and GDB is through with that."""
    for breakpoint_ in ours():
        breakpoint_.on_left()


Function()
