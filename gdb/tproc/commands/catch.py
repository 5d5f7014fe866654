"""tproc catch"""

import re

import gdb

from .. import foreign
from ..debugger import debugger, told
from ..follow import follower
from . import Command, component_names
from .owner import describe

FAULTS = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGSYS")
WITH_ADDRESS = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE")
WHAT = ("crash", "exit", "launch")


class Catch(Command):
    """Have more said about what happens to components.

Usage: tproc catch crash|exit|launch [off]
       tproc catch foreign-call NAME|all [REGEX] [-libraries]
       tproc catch foreign-call off

crash   who got a deadly signal, and whose memory it was about (GDB stops for these by itself)
exit    how a component ended that nobody had attached
launch  attach to components that are launched from now on, and stop everybody when one is
foreign-call  stop when a thread of NAME calls a function in the program of another component, and
        with -libraries in its libraries too.  Only functions that begin with symbols are noticed, and of
        components that are attached.  Each of their own calls takes GDB about a millisecond
        from then on: a REGEX for the names of functions that matter keeps that small.

Examples:
  (gdb) tproc catch crash
  (gdb) tproc catch foreign-call printstr ^scene_"""

    NAME = "catch"

    def __init__(self):
        super().__init__()
        self._crash = False

    def run(self, args):
        if args[:1] == ["foreign-call"]:
            self.catch_foreign_call(args[1:])
            return
        if not args or args[0] not in WHAT or args[1:] not in ([], ["off"]):
            raise gdb.GdbError(f"usage: tproc catch {'|'.join(WHAT)} [off]; tproc catch "
                               "foreign-call NAME|all [REGEX] [-libraries]")
        wanted = len(args) == 1
        if args[0] == "crash":
            self.catch_crash(wanted)
        elif wanted:
            follower.start()
            follower.stop_at_launch = follower.stop_at_launch or args[0] == "launch"
        elif args[0] == "launch":
            follower.stop_at_launch = False

    @staticmethod
    def catch_foreign_call(args):
        words = [word for word in args if word != "-libraries"]
        if words == ["off"]:
            foreign.end()
            return
        if not 1 <= len(words) <= 2:
            raise gdb.GdbError("usage: tproc catch foreign-call NAME|all [REGEX] [-libraries]")
        try:
            count = foreign.catch(None if words[0] == "all" else words[0],
                                  words[1] if len(words) > 1 else "", len(words) < len(args))
        except re.error as error:
            raise gdb.GdbError(f"tproc: {words[1]}: {error}") from error
        gdb.write(f"Calls of {words[0]} to {count} function{'s' * (count != 1)} of others are caught\n")

    def catch_crash(self, wanted):
        if wanted == self._crash:
            return
        self._crash = wanted
        if wanted:
            gdb.events.stop.connect(on_stop)
        else:
            gdb.events.stop.disconnect(on_stop)

    def complete(self, text, word):
        if text.split()[:1] == ["foreign-call"] and text != "foreign-call":
            return component_names("attached", word)
        return [name for name in (*WHAT, "foreign-call") if name.startswith(word or "")]


def on_stop(event):
    """Says who crashed and over what."""
    if not isinstance(event, gdb.SignalEvent) or event.stop_signal not in FAULTS:
        return
    component = debugger.component()
    if not component:
        return
    text = f"[{component} got {event.stop_signal}"
    if event.stop_signal in WITH_ADDRESS:
        try:
            with told():
                address = int(gdb.parse_and_eval("$_siginfo._sifields._sigfault.si_addr"))
                text += f" at {address:#x}: {describe(debugger.registry(), address)}"
        except (gdb.error, gdb.GdbError):
            pass
    gdb.write(text + "]\n")


Catch()
