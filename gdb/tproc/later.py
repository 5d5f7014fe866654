"""What is left to GDB's event loop.

GDB 13 crashes when it ends while a function waits there that nobody will call any more: it lets go of it when
Python is gone already.  So in that case the process ends a moment earlier, when GDB has done everything else.
"""

import atexit
import os
import sys

import gdb

_waiting = set()
_status = 0


def post(function):
    """Calls a function from GDB's event loop.  May be used in any thread."""
    token = object()

    def run():
        _waiting.discard(token)
        function()

    _waiting.add(token)
    gdb.post_event(run)


def _on_exiting(event):
    global _status  # pylint: disable=global-statement
    _status = getattr(event, "exit_code", 0)


def _at_exit():
    """GDB has left everybody and flushed what it had to say."""
    if _waiting:
        sys.stdout.flush()
        os._exit(_status)


def install():
    gdb.events.gdb_exiting.connect(_on_exiting)
    atexit.register(_at_exit)
