"""Components that are held while others run.

GDB itself can let one inferior run alone or all of them, nothing in between, and knows nothing of those that
it is not attached to.  So a component that is to stand still is left by GDB and stopped by the
server, who lets it go when this debugger says so or is gone.
"""

import contextlib
import os
import time

import gdb

from . import attach
from .debugger import debugger, selection_kept

PATIENCE = 2  # seconds
frozen = {}  # id -> (Component, was it attached?)


def _leave(inferior):
    with selection_kept():
        gdb.execute(f"detach inferiors {inferior.num}", to_string=True)
    debugger.gone(inferior.num)


def _has_stopped(pid):
    """True when all its threads stand still, or it has ended."""
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/stat", encoding="utf-8", errors="replace") as file:
                if file.read().rpartition(")")[2].split()[0] not in "TtZX":
                    return False
    return True


def _await_stop(pid):
    """Each thread stops when it gets around to it; one that cannot just now does so later."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and not _has_stopped(pid):
        time.sleep(attach.STEP)


def freeze(component):
    """Holds a component; False when it is held already."""
    if component.id in frozen:
        return False
    session = debugger.session()
    inferior = debugger.inferior(component)
    # A signal for a thread that GDB lets run would be reported: then there is a moment between.
    still = inferior is not None and all(thread.is_stopped() for thread in inferior.threads())
    if inferior is not None and not still:
        _leave(inferior)
    session.hold(component.id)
    if still:
        _leave(inferior)
    _await_stop(component.pid)
    frozen[component.id] = (component, inferior is not None)
    debugger.kept.add(component.id)
    return True


def thaw(number):
    """Lets a component go on; returns it when it is to be attached again, else None."""
    component, was_attached = frozen.pop(number)
    debugger.kept.discard(number)
    debugger.session().unhold(number)
    lives = any(one.id == number for one in debugger.registry().living())
    return component if was_attached and lives else None


def thaw_all(numbers):
    """Lets components go on, and attaches those again that were."""
    if (any(frozen[number][1] for number in numbers) and not gdb.parameter("non-stop")
            and attach.anybody_runs()):
        raise gdb.GdbError("tproc: others run just now; interrupt them first")
    selected = gdb.selected_thread()
    again = [component for component in map(thaw, numbers) if component]
    attach.attach_all(again, lambda inferior: None)
    if selected and selected.is_valid():
        selected.switch()
