"""Attaching to components and leaving them again, one inferior each.

GDB takes a program's place from the auxiliary vector, which is one for the whole space: so the server shows
that of the component for as long as the attach takes (lease.py).  GDB keeps what it read.
"""

import gdb

from . import breaks
from .debugger import debugger, quiet, quoted, selection_kept, setting, switch_to

# What has to be so while components are debugged.
SETTINGS = (("exec-file-mismatch", "off"), ("schedule-multiple", "on"))


def say(text):
    gdb.write(text + "\n")


def prepare():
    for name, value in SETTINGS:
        gdb.execute(f"set {name} {value}", to_string=True)


def _is_unused(inferior):
    return (inferior.pid == 0 and inferior.num not in debugger.former
            and inferior.progspace.filename is None)


def _inferior_for(component):
    """An inferior to attach with: that of an earlier run of it, an unused one, or a new one."""
    everyone = sorted(gdb.inferiors(), key=lambda inferior: inferior.num)
    for inferior in everyone:
        if inferior.pid == 0 and debugger.former.get(inferior.num) == (component.name,
                                                                       component.exe):
            return inferior
    for inferior in everyone:
        if _is_unused(inferior):
            return inferior
    before = {inferior.num for inferior in everyone}
    gdb.execute("add-inferior -no-connection", to_string=True)
    return next(inferior for inferior in gdb.inferiors() if inferior.num not in before)


def _give_up(inferior, before):
    """Removes what a failed attach left."""
    if before.is_valid():
        switch_to(before)
    if inferior.num != before.num and inferior.pid == 0:
        gdb.execute(f"remove-inferiors {inferior.num}", to_string=True)


def _add_by_bias(component):
    """Symbols where GDB cannot find the program by itself: of every module, at its place."""
    gdb.execute("symbol-file", to_string=True)
    for module in component.modules():
        if module.path.startswith("/"):
            gdb.execute(f"add-symbol-file {quoted(module.path)} -o {module.bias:#x}",
                        to_string=True)


def _attach_shown(component, background):
    gdb.execute(f"file {quoted(component.exe)}", to_string=True)
    gdb.execute(f"attach {component.pid}{background}", to_string=True)


def _attach_by_bias(component, background):
    gdb.execute("set displaced-stepping off", to_string=True)
    gdb.execute(f"attach {component.pid}{background}", to_string=True)
    _add_by_bias(component)


def _waiting(holder):
    say(f"tproc: another debugger (pid {holder}) attaches just now; waiting for it")


def attach(component, background=False):
    """Attaches a component.  Its inferior is the current one then; returns it."""
    prepare()
    session = debugger.session()
    before = gdb.selected_inferior()
    inferior = _inferior_for(component)
    ampersand = " &" if background else ""
    switch_to(inferior)
    try:
        with quiet(), setting("confirm", "off"), session.showing(component.id, _waiting) as shown:
            if shown:
                _attach_shown(component, ampersand)
            else:
                _attach_by_bias(component, ampersand)
    except gdb.error as error:
        _give_up(inferior, before)
        raise gdb.GdbError(f"tproc: cannot attach {component}: {error}") from error
    debugger.components[inferior.num] = component
    breaks.narrow_all()
    session.release(component.id)
    how = "" if shown else "; symbols by address only, without thread-local variables"
    say(f"{component} is inferior {inferior.num} (process {component.pid}){how}")
    return inferior


def attach_all(components):
    """Attaches several; the first of them is selected at the end."""
    first = None
    for component in components:
        inferior = attach(component)
        first = first or inferior
    if first:
        select(first)


def select(inferior):
    """Makes an inferior's first thread the current one."""
    threads = sorted(inferior.threads(), key=lambda thread: thread.num)
    thread = gdb.selected_thread()
    if threads and (thread is None or thread.inferior.num != inferior.num):
        threads[0].switch()
    else:
        switch_to(inferior)


def detach(inferior):
    """Leaves a component as it was found, running."""
    component = debugger.component(inferior)
    with selection_kept():
        gdb.execute(f"detach inferiors {inferior.num}", to_string=True)
    debugger.gone(inferior.num)
    if component:
        say(f"{component} is left to itself")


def on_exited(event):
    """GDB says that an inferior's process ended, or that it was detached."""
    component = debugger.gone(event.inferior.num)
    if not component or _is_alive(component):
        return
    code = getattr(event, "exit_code", None)
    say(f"[{component} ended {'by a signal' if code is None else f'with status {code}'}]")


def _is_alive(component):
    """A process that has ended may still wait to be collected."""
    try:
        with open(f"/proc/{component.pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
