"""Components that leave: by their end, or by executing another program in a memory of its own.

GDB forgets then which breakpoints it had put into that inferior's memory, since the memory is gone.  But what lies
in the code of other components is still there.  And a location that such an inferior has in the code of
others keeps GDB from putting the breakpoint there for the others, since they are said to be of one
memory; after exec GDB even tries to put it into the new program, and gives up in the middle when it cannot.
Breakpoints whose first location was in the program that is replaced it disables.

So such locations are disabled and bytes that were left are put back, as far as this GDB lets scripts do
that (13 and later).
"""

import contextlib
import os

import gdb

from . import attach, breaks, later, processes
from .debugger import WRONG, debugger, selection_kept, switch_to
from .registry import layout, printable

BREAKPOINT = b"\xcc"

on_left = []  # called with a component that GDB does not trace any more, and whether it lives in the space
_bytes = {}  # address of a breakpoint in somebody else's code -> (whose, what was there before)


# ---- what became of a process ------------------------------------------------------------------


def program(pid):
    """What a process executes."""
    try:
        return printable(os.fsencode(os.readlink(f"/proc/{pid}/exe")))
    except OSError:
        return "another program"


def _byte(pid, address):
    """What lies there, breakpoints included; None where there is nothing."""
    try:
        with open(f"/proc/{pid}/mem", "rb", 0) as memory:
            return os.pread(memory.fileno(), 1, address)
    except OSError:
        return None


def _has_left(pid):
    """It lives, in another memory than that of the space."""
    return _byte(pid, layout.TP_REGISTRY_ADDR) is None and processes.is_alive(pid)


# ---- locations ---------------------------------------------------------------------------------


def _locations(breakpoint_):
    """Those of a breakpoint that is put into memory."""
    if breakpoint_.type != gdb.BP_BREAKPOINT:
        return ()
    return getattr(breakpoint_, "locations", None) or ()


def _all_locations():
    return [location for breakpoint_ in gdb.breakpoints() or () for location in _locations(breakpoint_)]


def _disable_unreachable(locations):
    """Those of programs that were executed, where these have no memory."""
    others = {inferior.num: inferior.pid for inferior, _ in debugger.executing()}
    for location in locations if others else ():
        numbers = location.thread_groups or ()
        if (location.enabled and numbers and all(number in others for number in numbers)
                and _byte(others[numbers[0]], location.address) is None):
            location.enabled = False


def _disable_of_dead():
    """Those of inferiors that ended, where others have one at the same address."""
    dead = {inferior.num for inferior in gdb.inferiors()
            if not inferior.pid and inferior.num in debugger.former}
    found = _all_locations() if dead else []
    living = {location.address for location in found
              if location.enabled and not dead.issuperset(location.thread_groups or ())}
    for location in found:
        if (location.enabled and location.address in living and location.thread_groups
                and dead.issuperset(location.thread_groups)):
            location.enabled = False


class Enabled:
    """What is enabled while GDB deals with an exec.  The one instance is `enabled`.

    GDB disables breakpoints whose first location was in the program that is replaced.  And where a location there
    was disabled, it disables the one that is left, since that has the name of the same function.
    """

    def __init__(self):
        self._known = {}  # breakpoint's number -> {(address, inferiors)}

    @staticmethod
    def _place(location):
        return location.address, tuple(location.thread_groups or ())

    def keep(self):
        """Until GDB is through with it."""
        if self._known:
            return
        later.post(self._end)
        self._known = {breakpoint_.number: {self._place(location) for location in _locations(breakpoint_)
                                            if location.enabled}
                       for breakpoint_ in gdb.breakpoints() or () if breakpoint_.enabled}

    def _end(self):
        for breakpoint_ in gdb.breakpoints() or ():
            if breakpoint_.number in self._known and not breakpoint_.enabled:
                breakpoint_.enabled = True
            self.restore(breakpoint_)
        self._known = {}

    def restore(self, breakpoint_):
        """GDB has looked it up anew."""
        places = self._known.get(breakpoint_.number, ())
        for location in _locations(breakpoint_):
            if not location.enabled and self._place(location) in places:
                location.enabled = True


enabled = Enabled()


# ---- bytes -------------------------------------------------------------------------------------


def _remember(breakpoint_):
    """What is at addresses in the code of others."""
    for location in _locations(breakpoint_):
        groups = location.thread_groups or ()
        mine = [pair for pair in debugger.attached() if pair[0].num in groups]
        owner = debugger.recent_registry().owner(location.address).component if mine else None
        if owner and all(component.id != owner.id for _, component in mine):
            before = _byte(mine[0][1].pid, location.address)
            if before and before != BREAKPOINT:
                _bytes[location.address] = (owner.id, before)


def _put_back():
    """Bytes that GDB has forgotten, or takes for what was there before the breakpoint."""
    attached = debugger.attached()
    if not attached or not _bytes:
        return
    inferior = attached[0][0]
    registry = debugger.registry()
    with selection_kept():
        switch_to(inferior)  # GDB 13 reads and writes the memory of the current one
        for address, (number, before) in list(_bytes.items()):
            owner = registry.owner(address).component
            if not owner or owner.id != number:
                del _bytes[address]
            elif bytes(inferior.read_memory(address, 1)) == BREAKPOINT:
                inferior.write_memory(address, before)  # GDB keeps the breakpoint that it has there


def _mend():
    """For those that are still there, once GDB is through with what happened."""
    with contextlib.suppress(gdb.error, OSError, *WRONG):
        _disable_of_dead()
        _put_back()
        breaks.on_left()


# ---- what GDB tells ----------------------------------------------------------------------------


def _on_breakpoint(breakpoint_):
    """One is new, or GDB has looked it up anew."""
    with contextlib.suppress(gdb.error, OSError, *WRONG):
        enabled.restore(breakpoint_)
        _disable_unreachable(_locations(breakpoint_))
        _remember(breakpoint_)


def _tell(component, in_space):
    for listener in on_left:
        listener(component, in_space)


def _on_new_objfile(event):
    """Perhaps the program of an exec: GDB is in the middle of it and has not looked up breakpoints yet."""
    inferior = next((inferior for inferior in gdb.inferiors()
                     if inferior.pid and inferior.progspace == event.new_objfile.progspace), None)
    component = debugger.component(inferior) if inferior else None
    if component and _has_left(inferior.pid):
        debugger.forget(inferior.num)
        debugger.executed[inferior.pid] = component
        debugger.seen_leaving.add(component.id)
        text = f"[{component} executes {program(inferior.pid)}: it left the space]"
        later.post(lambda: _on_executed(component, text))
    if inferior and inferior.pid in debugger.executed:
        _disable_unreachable(_all_locations())
        enabled.keep()


def _on_executed(component, text):
    """The same once GDB is through with it."""
    attach.say(text)
    debugger.tell_gone(component)
    _tell(component, False)
    _mend()


def _on_exited(event):
    """An inferior has no process any more: that has ended, or was detached."""
    inferior, pid = event.inferior, event.inferior.pid
    component = debugger.gone(inferior.num)
    executed = debugger.executed.pop(pid, None)
    if not component and not executed:
        return
    alive = processes.is_alive(pid)
    if component:
        _tell(component, alive)
    if not alive:
        code = getattr(event, "exit_code", None)
        how = "by a signal" if code is None else f"with status {code}"
        attach.say(f"[{component or f'What {executed} executed'} ended {how}]")
        debugger.seen_leaving.add((component or executed).id)
    later.post(_mend)
    if gdb.parameter("non-stop"):  # GDB 13 crashes at "interrupt -a" while it is there
        later.post(lambda: attach.remove(inferior))


def _on_exiting(_event):
    for inferior in gdb.inferiors():
        processes.collect(inferior)


_CONNECTED = (("breakpoint_created", _on_breakpoint), ("breakpoint_modified", _on_breakpoint),
              ("new_objfile", _on_new_objfile), ("exited", _on_exited),
              ("gdb_exiting", _on_exiting))


def install():
    for name, function in _CONNECTED:
        getattr(gdb.events, name).connect(function)


def uninstall():
    for name, function in _CONNECTED:
        getattr(gdb.events, name).disconnect(function)
