"""For GDB's own testsuite: "run", "start" and "starti" start the program in a space.

To be sourced after tproc-gdb.py.  The program is then a component, and the current inferior is attached to
it; everything else is as GDB has it.
"""

import contextlib
import os
import re
import shlex

import gdb

from tproc import attach, launch, leaving, start
from tproc.debugger import debugger, quiet, setting

_runs = 0


def _environment():
    """What "set environment" and "unset environment" made of it."""
    said = gdb.execute("show environment", to_string=True)
    return dict(line.split("=", 1) for line in said.splitlines()
                if re.match(r"\w+=", line) and not line.startswith(("LINES=", "COLUMNS=")))


def _arguments():
    """gdb.parameter("args") does not know what came from --args."""
    said = gdb.execute("show args", to_string=True)
    return re.fullmatch(r'.* is "(.*)"\.\n', said, re.DOTALL)[1]


@contextlib.contextmanager
def _surroundings():
    """Environment and directory that the program is to have, for the length of a block."""
    kept, place = dict(os.environ), os.getcwd()
    os.environ.clear()
    os.environ.update(_environment())
    os.environ.update({key: kept[key] for key in ("XDG_RUNTIME_DIR", "TPROC_SPACE") if key in kept})
    os.chdir(gdb.parameter("cwd") or place)
    try:
        yield
    finally:
        os.chdir(place)
        os.environ.clear()
        os.environ.update(kept)


def _launch(program):
    global _runs  # pylint: disable=global-statement
    _runs += 1
    with _surroundings():
        return launch.launch(f"run{_runs}-{os.getpid()}", f"{shlex.quote(program)} {_arguments()}")


def _attach(component):
    """In the inferior that is current, not in one of their own as tproc attach would."""
    inferior = gdb.selected_inferior()
    attach.prepare()
    gdb.execute("set schedule-multiple off", to_string=True)  # as it is for one program
    start.await_sleep(component)
    with debugger.session().showing(component.id):
        with quiet(), setting("confirm", "off"):
            gdb.execute(f"attach {component.pid}", to_string=True)
    debugger.components[inferior.num] = component
    start.place(component)
    debugger.session().release(component.id)


class Run(gdb.Command):
    """Start the program in a space."""

    def __init__(self, name, then):
        super().__init__(name, gdb.COMMAND_RUNNING, gdb.COMPLETE_FILENAME)
        self._then = then

    def invoke(self, argument, from_tty):
        inferior = gdb.selected_inferior()
        program = inferior.progspace.filename
        if inferior.pid:
            with setting("confirm", "off"):
                gdb.execute("kill", to_string=True)
        if not program:
            raise gdb.GdbError("No executable file specified.\n"
                               "Use the \"file\" or \"exec-file\" command.")
        if argument:
            gdb.execute(f"set args {argument}")
        gdb.write(f"Starting program: {program} {_arguments()}\n")
        _attach(_launch(program))
        for command in self._then:
            gdb.execute(command, from_tty)


gdb.execute("set debuginfod enabled off", to_string=True)
leaving.uninstall()  # which tells the component's name, too
gdb.events.exited.connect(lambda event: debugger.gone(event.inferior.num))
Run("run", ["continue"])
Run("start", ["tbreak main", "continue"])
Run("starti", ["frame"])
