"""Components as they come and go.

A thread waits for the server's events and posts them to GDB's event loop; everything else happens there.
Where threads of other components run just now (all-stop mode), they are stopped for the attach and
go on after it.
"""

import threading
import time

import gdb

from . import attach, later, leaving, lease
from .debugger import WRONG, debugger


class Follower:
    """The one instance is `follower`."""

    def __init__(self):
        self._session = None
        self._thread = None
        self._waiting = []  # ids of components to attach once everything stands still
        self._resume = None  # the command by which those that were interrupted go on
        self._prompted = True  # since threads were last set going: they run in the background
        self.stop_at_launch = False

    def start(self):
        if self._session:
            return
        session = lease.Session(debugger.directory(), lease.WANTS_EVENTS)
        self._session = session
        gdb.events.cont.connect(self._on_cont)
        gdb.events.before_prompt.connect(self._on_prompt)
        gdb.events.stop.connect(self._on_stop)
        self._thread = threading.Thread(target=self._listen, args=(session,))
        attach.start_thread(self._thread)

    def stop(self):
        if self._session:
            # A thread that still runs when GDB takes Python down makes it crash.
            self._session.shut_down()
            self._thread.join()
            self._session.close()
            self._session = None
            gdb.events.cont.disconnect(self._on_cont)
            gdb.events.before_prompt.disconnect(self._on_prompt)
            gdb.events.stop.disconnect(self._on_stop)

    def _listen(self, session):
        while True:
            try:
                event = session.event()
            except lease.Refused:
                return
            later.post(lambda event=event: self._on_event(session, event))

    def _on_cont(self, _event):
        self._prompted = False

    def _on_prompt(self):
        self._prompted = True

    # ---- in GDB's own thread ---------------------------------------------------------------------

    def _on_event(self, session, event):
        if session is not self._session:
            return
        try:
            if event.kind in (lease.STARTED, lease.TRAPPED):
                self._wish(event)
            elif event.kind in (lease.EXITED, lease.EXECED):
                self._tell_end(event)
        except (gdb.error, gdb.GdbError, OSError, *WRONG) as error:
            gdb.write(f"tproc: {error}\n", gdb.STDERR)

    def _tell_end(self, event):
        if event.id in debugger.seen_leaving or any(
                component.id == event.id for component in debugger.components.values()):
            return  # GDB tells
        for component in debugger.registry().find(str(event.id), living=False):
            if event.kind == lease.EXECED:
                attach.say(f"[{component} executes {leaving.program(event.pid)}: it left the space]")
            else:
                attach.say(f"[{component} ended, {component.exit_text()}]")

    def _wish(self, event):
        if event.id in self._waiting or any(component.id == event.id
                                            for component in debugger.components.values()):
            return
        self._waiting.append(event.id)
        if gdb.parameter("non-stop") or not attach.anybody_runs():
            self._attach_waiting()
        else:
            self._resume = "continue &" if self._prompted else "continue"
            attach.interrupt()

    def _on_stop(self, _event):
        """Everything stands still: the time to attach."""
        if self._waiting:
            later.post(self._attach_waiting)

    def _attach_waiting(self):
        wanted, self._waiting = self._waiting, []
        try:
            registry = debugger.registry()
            for number in wanted:
                for component in registry.find(str(number)):
                    attach.queue.add(component)
        except (gdb.error, gdb.GdbError, OSError, *WRONG) as error:
            gdb.write(f"tproc: {error}\n", gdb.STDERR)
        later.post(self._go_on)

    def _go_on(self):
        """Not in the callback that attached: GDB is not through with the attach then."""
        if not attach.queue.is_empty or self._waiting:
            time.sleep(attach.STEP)
            later.post(self._go_on)
            return
        resume, self._resume = self._resume, None
        if resume and not self.stop_at_launch:
            gdb.execute(resume)


follower = Follower()
