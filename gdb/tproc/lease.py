"""A debugger's connection to the server of a space (loader/wire.h).  Never imports gdb."""

import contextlib
import errno
import os
import socket
import struct
from typing import NamedTuple

MAGIC = 0x57435054
VERSION = 1
FAILED = 6
DEBUG, SHOW, SHOWN, RELEASE, EVENT = range(10, 15)
HOLD, UNHOLD = 20, 21
WANTS_EVENTS = 1
LONGEST = 2048
STEP = 0.2

HEADER = struct.Struct("=IHHII")
PAIR = struct.Struct("=II")
SHOWN_BODY = struct.Struct("=Iiii")
FAILED_BODY = struct.Struct("=ii1024s")
EVENT_BODY = struct.Struct("=IIiiiIQ")
STARTED, EXITED, EXECED, TRAPPED, MODULES = range(1, 6)


class Refused(Exception):
    """The server does not do what it was asked for, or is gone."""


class Event(NamedTuple):
    """Something happened to a component."""

    kind: int
    id: int
    pid: int
    code: int
    status: int
    address: int


class Session:
    """One connection.  As long as it is there, the server knows that a debugger is at work."""

    def __init__(self, directory, flags=0):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        place = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._socket.connect(f"/proc/self/fd/{place}/socket")
        except OSError as error:
            self._socket.close()
            raise Refused(f"the server of space {directory.name} does not answer: "
                          f"{error.strerror}") from error
        finally:
            os.close(place)
        self._send(DEBUG, flags)
        self.can_show = self._shown()[1] == 0

    def close(self):
        self._socket.close()

    def shut_down(self):
        """Ends it under a thread that waits for events."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _send(self, kind, number):
        body = PAIR.pack(number, 0)
        try:
            self._socket.send(HEADER.pack(MAGIC, VERSION, kind, HEADER.size + len(body), 0) + body)
        except OSError as error:
            raise Refused(f"the space's server is gone: {error.strerror}") from error

    def _receive(self):
        """The next message: (type, body)."""
        try:
            data = self._socket.recv(LONGEST)
        except socket.timeout:
            raise
        except OSError as error:
            raise Refused(f"the space's server is gone: {error.strerror}") from error
        if len(data) < HEADER.size:
            raise Refused("the space's server is gone")
        magic, version, kind, length, _ = HEADER.unpack_from(data)
        if magic != MAGIC or version != VERSION or length != len(data):
            raise Refused("the space's server speaks another protocol")
        body = data[HEADER.size:]
        if kind == FAILED and len(body) == FAILED_BODY.size:
            raise Refused(FAILED_BODY.unpack(body)[2].split(b"\0")[0].decode("utf-8", "replace"))
        return kind, body

    def _shown(self):
        kind, body = self._receive()
        if kind != SHOWN or len(body) != SHOWN_BODY.size:
            raise Refused(f"the space's server answers with a message of type {kind}")
        return SHOWN_BODY.unpack(body)[:3]

    def _turn(self):
        """Waits for our turn, in steps, so that Ctrl-C is heard; it gives the place in line up."""
        self._socket.settimeout(STEP)
        try:
            while True:
                with contextlib.suppress(socket.timeout):
                    return self._shown()[1]
        finally:
            self._socket.settimeout(None)

    def show(self, number, waiting=lambda holder: None):
        """Has a component's auxiliary vector shown; 0 puts the space's own back.

        False where that cannot be.  waiting is called with the pid of another debugger whose turn
        it is; then this waits.
        """
        self._send(SHOW, number)
        _, error, holder = self._shown()
        if error == errno.EINPROGRESS:
            waiting(holder)
            error = self._turn()
        if error == errno.ESRCH:
            raise Refused(f"component {number} has ended")
        if error and error != errno.EOPNOTSUPP:
            raise Refused(os.strerror(error))
        return not error

    @contextlib.contextmanager
    def showing(self, number, waiting=lambda holder: None):
        """Shows a component's vector for the length of a block."""
        try:
            yield self.show(number, waiting)
        finally:
            self.show(0)

    def hold(self, number):
        """Stops a component to which nobody is attached, until unhold() or the end of this session."""
        self._send(HOLD, number)
        error = self._shown()[1]
        if error == errno.EBUSY:
            raise Refused(f"component {number} is frozen by another debugger")
        if error == errno.EALREADY:
            raise Refused(f"component {number} is stopped by a signal already")
        if error:
            raise Refused(f"component {number} has ended")

    def unhold(self, number):
        """Lets it go on; it may have ended meanwhile."""
        self._send(UNHOLD, number)
        self._shown()

    def release(self, number):
        """Threads of a component that ran onto a breakpoint, and wait, go on."""
        self._send(RELEASE, number)

    def event(self):
        """Waits for the next event, for which the session has to be open with WANTS_EVENTS."""
        kind, body = self._receive()
        if kind != EVENT or len(body) != EVENT_BODY.size:
            raise Refused(f"the space's server tells a message of type {kind}")
        kind, number, pid, code, status, _, address = EVENT_BODY.unpack(body)
        return Event(kind, number, pid, code, status, address)
