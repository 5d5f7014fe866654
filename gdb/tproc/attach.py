"""Attaching to components and leaving them again, one inferior each.

GDB takes a program's place from the auxiliary vector, which is one for the whole space: so the server shows
that of the component for as long as the attach takes (lease.py).  GDB keeps what it read.
"""

import os
import re
import signal
import time

import gdb

from . import breaks, foreign, later, modes, processes, start
from .debugger import debugger, quiet, quoted, selection_kept, setting, switch_to, told

# What has to be so while components are debugged.
SETTINGS = (("exec-file-mismatch", "off"), ("schedule-multiple", "on"))
on_attached = []  # called with each component that was attached
YAMA = "/proc/sys/kernel/yama/ptrace_scope"
STEP = 0.001  # seconds until what GDB does meanwhile is looked at again


def start_thread(thread):
    """Starts a thread that gets none of GDB's signals, and does not keep it from ending."""
    thread.daemon = True
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def say(text):
    gdb.write(text + "\n")


def anybody_runs():
    return any(thread.is_running() for inferior in gdb.inferiors()
               for thread in inferior.threads())


def interrupt():
    """Stops everybody in all-stop mode.  GDB 13 crashes at it where the current inferior has ended."""
    if not gdb.selected_inferior().pid:
        attached = debugger.attached()
        if not attached:
            return
        switch_to(attached[0][0])
    gdb.execute("interrupt", to_string=True)


def prepare():
    for name, value in SETTINGS:
        gdb.execute(f"set {name} {value}", to_string=True)
    modes.prepare()


def _is_unused(inferior):
    """One that has no program, or that of "gdb -p PID" on a component."""
    program = os.path.basename(inferior.progspace.filename or "")
    return (inferior.pid == 0 and inferior.num not in debugger.former
            and program in ("", "tproc-agent"))


def leave_executing():
    """Leaves programs that components executed, which are in memories of their own."""
    for inferior, component in debugger.executing():
        if processes.collect(inferior):
            continue
        with selection_kept():
            gdb.execute(f"detach inferiors {inferior.num}", to_string=True)
        say(f"What {component} executed is left to itself")


def _inferior_for(component):
    """An inferior to attach with: that of an earlier run of it, an unused one, or a new one.

    GDB finds out by the current inferior's process whether a new one shares its addresses with the
    others.  So that has to be a component; while there is none, no second inferior is made.
    """
    everyone = sorted(gdb.inferiors(), key=lambda inferior: inferior.num)
    for inferior in everyone:
        if inferior.pid == 0 and debugger.former.get(inferior.num) == (component.name,
                                                                       component.exe):
            return inferior
    for inferior in everyone:
        if _is_unused(inferior):
            return inferior
    attached = debugger.attached()
    if attached:
        switch_to(attached[0][0])
    else:
        leave_executing()
    for inferior in everyone:
        if not attached and not inferior.pid and inferior.num in debugger.former:
            return inferior
    before = {inferior.num for inferior in everyone}
    connection = gdb.selected_inferior().connection
    shared = connection is not None and "remote" in connection.type  # a gdbserver, here
    gdb.execute(f"add-inferior{'' if shared else ' -no-connection'}", to_string=True)
    return next(inferior for inferior in gdb.inferiors() if inferior.num not in before)


def remove(inferior):
    """Removes an inferior that has no process any more.

    With it GDB deletes what it knows of the memory, unless the current inferior says that this is shared:
    so that has to be a component.  While there is none, the inferior stays.
    """
    attached = debugger.attached()
    if not attached or not inferior.is_valid() or inferior.pid:
        return
    before = gdb.selected_inferior()
    switch_to(attached[0][0])
    gdb.execute(f"remove-inferiors {inferior.num}", to_string=True)
    if before.is_valid():
        switch_to(before)


def _give_up(inferior, before):
    """Removes what a failed attach left."""
    if inferior.num != before.num:
        remove(inferior)
    if before.is_valid():
        switch_to(before)


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _why(component):
    """What may be the reason that the kernel refuses, and what to do about it."""
    tracer = re.search(r"^TracerPid:\t([1-9]\d*)$", _read(f"/proc/{component.pid}/status"), re.MULTILINE)
    if tracer:
        return f" (process {tracer[1]} traces it already)"
    if _read(YAMA).strip() in ("", "0"):
        return ""
    return (" (the system lets only parents attach: launch it by \"tproc run\" or \"tprun "
            "--wait-debugger\", or have root set kernel.yama.ptrace_scope to 0)")


def add_by_bias(component):
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
    add_by_bias(component)


def _waiting(holder):
    say(f"tproc: another debugger (pid {holder}) attaches just now; waiting for it")


def _begin(component, shown, background=""):
    """Has GDB attach, in an inferior that is the current one then; returns it."""
    prepare()
    if gdb.parameter("non-stop"):
        breaks.ask_all()
    before = gdb.selected_inferior()
    inferior = _inferior_for(component)
    switch_to(inferior)
    if start.waits(component):
        start.await_sleep(component)
    try:
        with quiet(), setting("confirm", "off"):
            (_attach_shown if shown else _attach_by_bias)(component, background)
    except gdb.error as error:
        _give_up(inferior, before)
        breaks.settle_all()
        raise gdb.GdbError(f"tproc: cannot attach {component}: {error}{_why(component)}") from error
    debugger.components[inferior.num] = component
    return inferior


def _done(component, inferior, shown):
    """GDB has read all that it wants to know of it."""
    if start.waits(component):
        _place(component, inferior)
    breaks.settle_all()
    foreign.on_attached(inferior, component)
    for listener in on_attached:
        listener(component)
    debugger.session().release(component.id)
    how = "" if shown else "; symbols by address only, without thread-local variables"
    say(f"{component} is inferior {inferior.num} (process {component.pid}){how}")


def _place(component, inferior):
    with selection_kept():
        select(inferior)
        if not start.place(component):
            say(f"{component} is not at its first instruction, but before")


def attach(component):
    """Attaches a component and waits until it stands still.  All-stop mode only."""
    with debugger.session().showing(component.id, _waiting) as shown:
        inferior = _begin(component, shown)
    _done(component, inferior, shown)
    return inferior


class Queue:
    """Attaches one component after the other, from GDB's event loop.

    In non-stop mode, and wherever the event loop is what called us, "attach" comes back before GDB
    has read what it needs.  The one instance is `queue`.
    """

    def __init__(self):
        self._waiting = []
        self._current = None  # (component, inferior, was it shown, what to do then)
        self._stopping = None

    def add(self, component, then=lambda inferior: None):
        self._waiting.append((component, then))
        later.post(self.go_on)

    @property
    def is_empty(self):
        return not self._waiting and not self._current

    @staticmethod
    def _is_ready(inferior):
        """The program and its dynamic linker, or the vdso, are known; in all-stop it stands still."""
        if not inferior.pid:
            return True
        return len(inferior.progspace.objfiles()) > 1 and (
            gdb.parameter("non-stop") or all(t.is_stopped() for t in inferior.threads()))

    def _can_place(self, component, inferior):
        """One that waits for us has to stand still, for which it is stopped once (non-stop mode)."""
        if not start.waits(component) or all(t.is_stopped() for t in inferior.threads()):
            return True
        if self._stopping is not inferior:
            self._stopping = inferior
            stop(inferior)
        return False

    def go_on(self):
        """Looks whether the one at work is through, then takes the next."""
        try:
            with told():
                if self._current:
                    self._finish()
                if not self._current and self._waiting:
                    self._next()
        except gdb.GdbError as error:
            gdb.write(f"{error}\n", gdb.STDERR)
        if self._current or self._waiting:
            time.sleep(STEP)
            later.post(self.go_on)

    def _finish(self):
        component, inferior, shown, then = self._current
        if inferior.is_valid() and not self._is_ready(inferior):
            return
        if inferior.is_valid() and inferior.pid and not self._can_place(component, inferior):
            return
        self._current = None
        if not self._waiting:
            debugger.session().show(0)
        if inferior.is_valid() and inferior.pid:
            _done(component, inferior, shown)
            then(inferior)

    def _next(self):
        component, then = self._waiting.pop(0)
        if debugger.inferior(component):
            return
        selected = gdb.selected_thread()
        shown = debugger.session().show(component.id, _waiting)
        try:
            inferior = _begin(component, shown, " &" if gdb.parameter("non-stop") else "")
        except gdb.GdbError:
            debugger.session().show(0)
            raise
        self._current = (component, inferior, shown, then)
        if selected and selected.is_valid():
            selected.switch()


queue = Queue()


def stop(inferior):
    """Has the threads of an inferior stop, in non-stop mode; they do so by and by."""
    with selection_kept():
        for thread in inferior.threads():
            if thread.is_running():
                thread.switch()
                gdb.execute("interrupt", to_string=True)


def attach_all(components, then=stop):
    """Attaches several; the first of them is selected at the end.

    In non-stop mode that goes on after the return; then is what is done with each inferior.
    """
    if gdb.parameter("non-stop"):
        for component in components:
            queue.add(component, then)
        return
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


def anybody_runs():
    return any(thread.is_running() for inferior in gdb.inferiors()
               for thread in inferior.threads())


def detach(inferior):
    """Leaves a component as it was found, running."""
    component = debugger.component(inferior)
    if processes.collect(inferior):
        return
    with selection_kept():
        gdb.execute(f"detach inferiors {inferior.num}", to_string=True)
    debugger.gone(inferior.num)
    breaks.on_left()
    if component:
        say(f"{component} is left to itself")
