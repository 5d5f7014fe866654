"""Makes the commands known to GDB."""

import re

import gdb

OLDEST = 12


def _check_version():
    """GDB's version, which must not be too old."""
    match = re.search(r"(\d+)\.\d", gdb.VERSION)
    if match and int(match[1]) < OLDEST:
        raise gdb.GdbError(f"tproc needs GDB {OLDEST} or later; this is {gdb.VERSION}")


_check_version()

# pylint: disable=wrong-import-position
from . import attach, cores, frames, later, leaving, prompt  # noqa: E402
from .debugger import Parameter, debugger  # noqa: E402
from .follow import follower  # noqa: E402
from .watches import watches  # noqa: E402


class Prefix(gdb.Command):
    """Debug programs that share one address space.

Each component (program) of a tproc space is an inferior of its own, with its own executable, libraries,
variables and threads.  "tproc attach" attaches to all of them.  What is looked at is the space of "set
tproc space", or else of the environment variable TPROC_SPACE, or else the space named "default"."""

    def __init__(self):
        super().__init__("tproc", gdb.COMMAND_USER, gdb.COMPLETE_COMMAND, True)


class SetPrefix(gdb.Command):
    """Settings of the tproc commands."""

    def __init__(self, name):
        super().__init__(f"{name} tproc", gdb.COMMAND_DATA, gdb.COMPLETE_COMMAND, True)


Prefix()
SetPrefix("set")
SetPrefix("show")
debugger.space_name = Parameter(
    "space", gdb.PARAM_OPTIONAL_FILENAME, "", "Set the name of the space to work with.")
frames.parameters.update({
    "foreign-frames": Parameter(
        "foreign-frames", gdb.PARAM_BOOLEAN, True,
        "Set whether the modules of another component are added when a thread stops in its code."),
    "frame-names": Parameter(
        "frame-names", gdb.PARAM_ENUM, "foreign",
        "Set which frames are marked with the name of their component.",
        ("foreign", "all", "off")),
    "mark-pointers": Parameter(
        "mark-pointers", gdb.PARAM_BOOLEAN, False,
        "Set whether pointers into other components are printed with their owner."),
    "prompt": Parameter(
        "prompt", gdb.PARAM_BOOLEAN, True, "Set whether the prompt shows the current component."),
})

from .commands import list, map, owner, modules, fds, signals  # noqa: E402,F401
from .commands import select, bt, threads, print  # noqa: E402,F401
from .commands import attach as _attach, detach as _detach  # noqa: E402,F401
from .commands import breakpoints, catch, core, freeze, run, script, watch  # noqa: E402,F401
from . import functions, printers  # noqa: E402,F401

frames.Filter()
cores.install()
later.install()
leaving.install()
attach.on_attached.append(watches.on_attached)
leaving.on_left.append(watches.on_left)
gdb.events.gdb_exiting.connect(lambda event: follower.stop())
gdb.events.gdb_exiting.connect(lambda event: watches.close())
gdb.events.stop.connect(frames.on_stop)
prompt.install()
