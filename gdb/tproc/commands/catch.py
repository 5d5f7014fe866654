"""tproc catch"""

import gdb

from ..debugger import debugger, told
from ..follow import follower
from . import Command
from .owner import describe

FAULTS = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGSYS")
WITH_ADDRESS = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE")
WHAT = ("crash", "exit", "launch")


class Catch(Command):
    """Have more said about what happens to components.

Usage: tproc catch crash|exit|launch [off]

crash   who got a deadly signal, and whose memory it was about (GDB stops for these by itself)
exit    how a component ended that nobody had attached
launch  attach to components that are launched from now on, and stop everybody when one is

Example:
  (gdb) tproc catch crash"""

    NAME = "catch"

    def __init__(self):
        super().__init__()
        self._crash = False

    def run(self, args):
        if not args or args[0] not in WHAT or args[1:] not in ([], ["off"]):
            raise gdb.GdbError(f"usage: tproc catch {'|'.join(WHAT)} [off]")
        wanted = len(args) == 1
        if args[0] == "crash":
            self.catch_crash(wanted)
        elif wanted:
            follower.start()
            follower.stop_at_launch = follower.stop_at_launch or args[0] == "launch"
        elif args[0] == "launch":
            follower.stop_at_launch = False

    def catch_crash(self, wanted):
        if wanted == self._crash:
            return
        self._crash = wanted
        if wanted:
            gdb.events.stop.connect(on_stop)
        else:
            gdb.events.stop.disconnect(on_stop)

    def complete(self, text, word):
        return [name for name in WHAT if name.startswith(word or "")]


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
