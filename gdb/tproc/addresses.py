"""Breakpoints at addresses, which may be in the code of other components.

GDB looks an address up in the program space that is current just then, and anew in each where symbols come or
go.  Such a location is good for all components that share the memory, as long as its own program space has a
process.  So at each address one is enabled, in a component that is concerned; when that leaves, another one's is.
When the code is gone none is: GDB, which could not put it there, would let nobody go on.
"""

import contextlib
import os

import gdb

from . import attach, breaks, frames, processes
from .debugger import debugger, quoted, selection_kept, setting, switch_to


def _look_up(inferior):
    """Has GDB look breakpoints up in an inferior's program space: symbols, the agent's, come and go."""
    with selection_kept(), setting("confirm", "off"), contextlib.suppress(gdb.error, OSError):
        agent = quoted(os.readlink(f"/proc/{debugger.registry().agent_pid}/exe"))
        switch_to(inferior)
        gdb.execute(f"add-symbol-file {agent}", to_string=True)
        gdb.execute(f"remove-symbol-file {agent}", to_string=True)


class AtAddress(breaks.Breakpoint):
    """Its location is *EXPRESSION."""

    def __init__(self, *args):
        self._owners = {}  # address -> the component whose code it was at first, or None
        self._knowing = set()  # numbers and processes of inferiors that have its symbols
        self._home = None  # number and process of the inferior where it was looked up last
        super().__init__(*args)

    # ---- its code -----------------------------------------------------------------------------------

    def _is_there(self, registry, address):
        """Whether its code is that of the component that it was at first."""
        now = registry.owner(address).component
        owner = self._owners.setdefault(address, now)
        return owner is None or (now is not None and now.id == owner.id and now.lives
                                 and processes.is_alive(now.pid))

    def _tell_gone(self, address):
        attach.say(f"[Breakpoint {self.number} is off: the code at {address:#x} was that of "
                   f"{self._owners[address]}]")

    # ---- its locations ------------------------------------------------------------------------------

    @staticmethod
    def _is_in(location, inferiors):
        return any(inferior.num in (location.thread_groups or ()) for inferior in inferiors)

    def _give_symbols(self, inferior):
        """Of the code that is there, for the condition and for who looks at the list."""
        if (inferior.num, inferior.pid) in self._knowing:
            return
        self._knowing.add((inferior.num, inferior.pid))
        with selection_kept(), contextlib.suppress(gdb.error):
            switch_to(inferior)
            frames.know(inferior, int(gdb.parse_and_eval(self.location[1:])))

    def _find_home(self, concerned):
        """Has a location where one is needed, with the symbols that a condition may use."""
        known = getattr(self, "locations", None)  # GDB 12 does not tell
        home = next((inferior for inferior in concerned if known and any(
            location.enabled and self._is_in(location, [inferior]) for location in known)), concerned[0])
        for inferior in concerned if self.only_if else [home]:
            self._give_symbols(inferior)
        if self._home == (home.num, home.pid):
            return
        self._home = (home.num, home.pid)
        if not any(self._is_in(location, [home]) for location in getattr(self, "locations", ())):
            _look_up(home)

    def narrow(self):
        concerned = self.concerned()
        if concerned:
            self._find_home(concerned)
        self._choose(concerned)

    def _choose(self, concerned):
        """One location at each address is enabled: a hit counts for each that is.

        GDB itself gives what is disabled here to any other location at the address, so it does not tell what the
        user wants; "disable" without a location does.
        """
        registry = debugger.registry() if concerned else None
        taken = set()
        for location in sorted(getattr(self, "locations", ()), key=lambda one: not one.enabled):
            address = location.address
            wanted = self._is_in(location, concerned) and address not in taken
            if wanted:
                taken.add(address)
                wanted = self._is_there(registry, address)
                if not wanted and location.enabled:
                    self._tell_gone(address)
            if wanted != location.enabled:
                location.enabled = wanted

    def on_modified(self):
        """GDB has perhaps looked it up anew, in one more program space."""
        super().on_modified()
        enabled = [location.address for location in getattr(self, "locations", ()) if location.enabled]
        if len(enabled) != len(set(enabled)):
            self._choose(self.concerned())

    on_left = breaks.Breakpoint.settle


def _refuse_foreign(location, names):
    """GDB 12 does not say where breakpoints are.  They would stay in code that is gone, in somebody else's then."""
    if hasattr(gdb, "BreakpointLocation"):
        return
    try:
        address = int(gdb.parse_and_eval(f"(unsigned long) ({location[1:]})"))
    except gdb.error:  # which setting it will tell
        return
    owner = debugger.registry().owner(address).component
    if owner and not breaks.concerns(names, owner):
        raise gdb.GdbError(f"tproc: {address:#x} is in {owner}; a breakpoint there for others needs GDB 13")


def set_breakpoint(location, names, condition, temporary):
    """What "tproc break" makes of its arguments."""
    if not location.startswith("*"):
        breaks.Breakpoint(location, names, condition, temporary)
        return
    if "$" in location:  # of the frame that is selected now, and not of any later one
        location = f"*{int(gdb.parse_and_eval(location[1:])):#x}"
    concerned = [inferior for inferior, component in debugger.attached()
                 if breaks.concerns(names, component)]
    with selection_kept():
        if concerned and gdb.selected_inferior() not in concerned:
            switch_to(concerned[0])
        _refuse_foreign(location, names)
        AtAddress(location, names, condition, temporary)
