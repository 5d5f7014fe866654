"""Frames in another component's code.

A program space of GDB's holds the modules of one component.  When a thread of it runs in the code of
another one (a virtual function of an object that somebody else made), that module is added to its program
space, once, so that names, lines and the frames behind it are right.
"""

import contextlib

import gdb
from gdb.FrameDecorator import FrameDecorator

from . import stacks
from .debugger import WRONG, debugger, quoted, selection_kept, switch_to

MOST_FRAMES = 256
MOST_MODULES = 64

_added = {}  # progspace's inferior number and pid -> {(path, bias)}


def _pcs(thread):
    """Where the frames of a thread are, the newest first."""
    thread.switch()
    frame = gdb.newest_frame()
    for _ in range(MOST_FRAMES):
        if frame is None:
            return
        yield frame.pc()
        frame = frame.older()


def _foreign_module(registry, mine, pc):
    owner = registry.owner(pc).component
    if owner is None or owner.id == mine.id:
        return None
    return owner.module_at(pc)


def _add(module, seen):
    seen.add((module.path, module.bias))
    with contextlib.suppress(gdb.error):
        gdb.execute(f"add-symbol-file {quoted(module.path)} -o {module.bias:#x}", to_string=True)
        return True
    return False


def _look(thread, registry, mine, seen):
    """Adds the first foreign module among a thread's frames that is missing.

    (whether one was added, whether there are foreign frames)
    """
    foreign = False
    with contextlib.suppress(gdb.error):
        for pc in _pcs(thread):
            module = _foreign_module(registry, mine, pc)
            foreign = foreign or module is not None
            if module and module.path.startswith("/") and (module.path, module.bias) not in seen:
                return _add(module, seen), True
    return False, foreign


def complete(thread, registry=None):
    """Sees to it that all modules on a thread's stack are known.  The thread is selected after.

    True when there are frames in foreign code.
    """
    mine = debugger.component(thread.inferior)
    if not mine:
        return False
    registry = registry or debugger.recent_registry()
    if len(registry.living()) < 2:
        return False
    seen = _added.setdefault((thread.inferior.num, mine.pid), set())
    foreign = False
    for _ in range(MOST_MODULES):
        added, foreign = _look(thread, registry, mine, seen)
        if not added:
            break
    thread.switch()
    return foreign


def know(inferior, address):
    """Adds the foreign module that an address is in to an inferior's program space."""
    mine = debugger.component(inferior)
    module = _foreign_module(debugger.recent_registry(), mine, address) if mine else None
    seen = _added.setdefault((inferior.num, mine.pid), set()) if module else ()
    if module and module.path.startswith("/") and (module.path, module.bias) not in seen:
        with selection_kept():
            switch_to(inferior)
            _add(module, seen)


def _is_known(inferior, mine, registry):
    """Whether it is certain, at little cost, that no module on the selected thread's stack is missing."""
    modules = stacks.foreign_modules(inferior, registry, mine)
    if modules is None:
        return False
    seen = _added.get((inferior.num, mine.pid), ())
    return all((module.path, module.bias) in seen for module in modules)


def filters_needed(foreign):
    """Whether frames of such a stack look different with our filter; it takes time."""
    shown = parameters["frame-names"].value
    return shown == "all" or (foreign and shown == "foreign") or len(gdb.frame_filters) > 1 or any(
        space.frame_filters for space in gdb.progspaces())


def on_stop(event):
    """A stop that the user gets to see: its thread's frames are to be right."""
    if not parameters["foreign-frames"].value:
        return
    selected = gdb.selected_thread()
    thread = getattr(event, "inferior_thread", None) or selected
    inferior = thread.inferior if thread else None
    mine = debugger.components.get(inferior.num) if inferior else None
    if not mine or mine.pid != inferior.pid:
        return
    with contextlib.suppress(gdb.error, OSError, *WRONG):
        registry = debugger.recent_registry()
        if len(registry.living()) < 2:
            return
        if thread != selected:
            thread.switch()
        if not _is_known(inferior, mine, registry):
            _complete_shown(thread, registry, thread == selected)
        if thread != selected and selected and selected.is_valid():
            selected.switch()


def _complete_shown(thread, registry, is_shown):
    """The same as complete(), for a thread that GDB may have shown already, without a name."""
    before = sum(map(len, _added.values()))
    complete(thread, registry)
    if is_shown and sum(map(len, _added.values())) != before:
        gdb.execute("frame")


class Decorator(FrameDecorator):
    """Says whose code a frame is in, when it is not the component's own."""

    def __init__(self, base, registry, mine):
        super().__init__(base)
        self._registry = registry
        self._mine = mine

    def function(self):
        name = super().function()
        try:
            pc = self.inferior_frame().pc()
        except gdb.error:
            return name
        owner = self._registry.owner(pc).component
        if not owner or (owner.id == self._mine.id and parameters["frame-names"].value != "all"):
            return name
        if isinstance(name, int):
            symbol = self.inferior_frame().name()
            name = symbol or f"{name:#x}"
        return f"[{owner.name}] {name or '??'}"


def _any_is_foreign(registry, mine):
    """Whether the selected thread has frames in somebody else's code."""
    frame = gdb.newest_frame()
    for _ in range(MOST_FRAMES):
        if frame is None:
            return False
        owner = registry.owner(frame.pc()).component
        if owner and owner.id != mine.id:
            return True
        frame = frame.older()
    return False


class Filter:
    """The frame filter that puts Decorator around the frames of components.

    It is there only where it makes a difference: GDB shows frames of functions that it called itself in
    another way when there is any filter.
    """

    def __init__(self):
        self.name = "tproc"
        self.priority = 50
        self._wanted = True
        gdb.frame_filters[self.name] = self

    @property
    def enabled(self):
        """GDB asks before each backtrace; "disable frame-filter" sets it."""
        shown = parameters["frame-names"].value
        if not self._wanted or shown == "off":
            return False
        with contextlib.suppress(gdb.error, OSError, *WRONG):
            mine = debugger.component()
            return mine is not None and (shown == "all" or
                                         _any_is_foreign(debugger.recent_registry(), mine))
        return False

    @enabled.setter
    def enabled(self, wanted):
        self._wanted = wanted

    def filter(self, frames):
        try:
            mine = debugger.component()
            registry = debugger.recent_registry() if mine else None
        except (gdb.error, OSError, *WRONG):
            mine = None
        if not mine:
            return frames
        return (Decorator(frame, registry, mine) for frame in frames)


parameters = {}
