"""Cores of components.

A core holds the memory of the whole space, the registry with it, and the threads of one component.  When
it was made while that component's auxiliary vector was shown (by GDB), GDB finds everything by
itself; else, as in a core that the kernel made, modules are added where the registry has them.
"""

import contextlib
import re

import gdb

from . import around, attach, frames
from .debugger import WRONG, debugger, quiet, quoted, setting


def _component_of(registry, inferior):
    """Whose core it is: by its process id, or else by where its first thread is."""
    component = registry.by_pid(inferior.pid)
    if component is None and gdb.selected_thread():
        component = registry.owner(int(gdb.newest_frame().read_register("sp"))).component
    if component is None:
        raise gdb.GdbError("tproc: the core is of no component of its space")
    return component


def _entry_shown():
    match = re.search(r"^\d+\s+AT_ENTRY\b.*?(0x[0-9a-f]+)", gdb.execute("info auxv", to_string=True),
                      re.MULTILINE)
    return int(match[1], 16) if match else None


def _whole_line(path):
    """A path for a command that takes the rest of its line as it is."""
    if "\n" in path:
        raise gdb.GdbError("tproc: GDB takes no name with a line feed here")
    return path


def _core_to_read(path):
    """GDB 16 and later read the name as that of any other file."""
    version = re.match(r"(\d+)\.", gdb.VERSION)
    return _whole_line(path) if version and int(version[1]) < 16 else quoted(path)


def open_core(path):
    """Makes a core the current inferior's, with the symbols of its component."""
    with quiet(), setting("confirm", "off"):
        gdb.execute(f"core-file {_core_to_read(path)}", to_string=True)
        inferior = gdb.selected_inferior()
        registry = debugger.registry()
        component = _component_of(registry, inferior)
        if _entry_shown() == component.record.entry:
            gdb.execute(f"file {quoted(component.exe)}", to_string=True)
            gdb.execute(f"core-file {_core_to_read(path)}", to_string=True)
        else:
            attach.add_by_bias(component)
    debugger.cores[inferior.num] = component
    for thread in inferior.threads():
        frames.complete(thread, registry)
    threads = sorted(inferior.threads(), key=lambda thread: thread.num)
    if threads:
        threads[0].switch()
    attach.say(f"core of {component} (process {component.pid}), one of {len(registry.living())} "
               f"that lived in space {registry.space}")


def write_core(inferior, component, path):
    """Writes a core of an attached component, with the memory of the whole space."""
    attach.switch_to(inferior)
    with debugger.session().showing(component.id) as shown:
        gdb.execute(f"generate-core-file {_whole_line(path)}", to_string=True)
    how = "" if shown else "; open it with tpgdb --core"
    attach.say(f"core of {component} written to {path}{how}")


@contextlib.contextmanager
def _shown():
    """For GDB's own command, which may also be about a program that is no component."""
    component = debugger.component()
    with contextlib.ExitStack() as stack:
        if component:
            with contextlib.suppress(*WRONG):  # the core is one of the whole space then
                stack.enter_context(debugger.session().showing(component.id))
        yield


def install():
    around.wrap("generate-core-file", _shown)
