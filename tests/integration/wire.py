"""Messages of loader/wire.h, as bytes: what a client of the server's could send, well or badly."""

import array
import os
import resource
import socket
import struct
from typing import NamedTuple

MAGIC = 0x57435054
VERSION = 1
LAUNCH, FDS, STARTED, CHANGED, EXITED, FAILED, PING, PONG, SHUTDOWN = range(1, 10)
DEBUG, SHOW, SHOWN, RELEASE, EVENT = range(10, 15)
FDS_PER_PACKET = 250
LONGEST = 2048

HEADER = struct.Struct("=IHHII")
LAUNCH_BODY = struct.Struct("=64sIIIIIiiIiiiIIIQQQQ32Q16QII32i")
STATUS_BODY = struct.Struct("=ii")
STARTED_BODY = struct.Struct("=Iiii")
FAILED_BODY = struct.Struct("=ii1024s")
PONG_BODY = struct.Struct("=iiII")
PAIR_BODY = struct.Struct("=II")  # of DEBUG: flags, 0; of SHOW and RELEASE: id, 0
SHOWN_BODY = struct.Struct("=Iiii")
EVENT_BODY = struct.Struct("=IIiiiIQ")

assert HEADER.size + LAUNCH_BODY.size == 688
assert HEADER.size + FAILED_BODY.size == 1048


class Message(NamedTuple):
    """A received message: its type, its body, and its descriptors."""

    type: int
    body: bytes
    fds: list

    def pong(self):
        """(server pid, agent pid, live threadprocs, 0)"""
        assert self.type == PONG, self
        return PONG_BODY.unpack(self.body)

    def shown(self):
        """(id, errno, pid of the debugger whose turn it is)"""
        assert self.type == SHOWN, self
        return SHOWN_BODY.unpack(self.body)[:3]

    def event(self):
        """(kind, id, pid, code, status, address)"""
        assert self.type == EVENT, self
        kind, number, pid, code, status, _, address = EVENT_BODY.unpack(self.body)
        return kind, number, pid, code, status, address

    def reason(self):
        """Kind and text of a refusal."""
        assert self.type == FAILED, self
        kind, _, text = FAILED_BODY.unpack(self.body)
        return kind, text.rstrip(b"\0").decode()


def packet(kind, body=b"", fds=0, *, magic=MAGIC, version=VERSION, length=None):
    """The bytes of a message, with a header that tells the truth unless told otherwise."""
    length = HEADER.size + len(body) if length is None else length
    return HEADER.pack(magic, version, kind, length, fds) + body


def launch_body(argv, env=(), *, fd_count=0, **changes):
    """Body of a launch and its strings; changes are fields by name."""
    strings = b"".join(os.fsencode(s) + b"\0" for s in (argv[0], *argv, *env))
    fields = {
        "name": b"", "flags": 0, "argc": len(argv), "envc": len(env),
        "strings_length": len(strings), "fd_count": fd_count, "pgid": os.getpgrp(),
        "sid": os.getsid(0), "umask": 0o22, "nice": os.nice(0), "policy": 0, "priority": 0, "ioprio": 0,
        "personality": 0, "death_signal": 0, "slack": 0, "blocked": 0, "ignored": 0, "forwarded": 0,
    }
    fields.update(changes)
    limits = [value % 2**64 for which in range(16) for value in resource.getrlimit(which)]
    limits[6] = 8 << 20  # RLIMIT_STACK, soft
    return LAUNCH_BODY.pack(*fields.values(), *limits, *[0] * 16, 0, 0, *[0] * 32), strings


def fds_body(targets, count=None):
    """Body of WIRE_FDS."""
    targets = list(targets)
    count = len(targets) if count is None else count
    padded = targets + [0] * (FDS_PER_PACKET - len(targets))
    return struct.pack("=II250i", count, 0, *padded)


def memfd(content):
    """A memfd with this content; the caller closes it."""
    fd = os.memfd_create("strings")
    os.write(fd, content)
    return fd


def send(sock, data, fds=()):
    """Sends bytes as one packet, with any number of descriptors."""
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    return sock.sendmsg([data], ancillary)


def receive(sock):
    """The next message, or None at the end."""
    try:
        data, ancillary, _, _ = sock.recvmsg(LONGEST, socket.CMSG_SPACE(4 * 253))
    except ConnectionResetError:
        # reported once when the server closed with something unread; its last words follow
        return receive(sock)
    if not data:
        return None
    fds = array.array("i")
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    return Message(HEADER.unpack_from(data)[2], data[HEADER.size:], list(fds))


def send_launch(sock, argv, env=(), fds=(), **changes):
    """Sends a whole launch; fds are (descriptor, number in the threadproc)."""
    body, strings = launch_body(argv, env, fd_count=len(fds), **changes)
    strings_fd = memfd(strings)
    cwd_fd = os.open(".", os.O_PATH)
    try:
        send(sock, packet(LAUNCH, body, 2), (strings_fd, cwd_fd))
    finally:
        os.close(strings_fd)
        os.close(cwd_fd)
    for start in range(0, len(fds), FDS_PER_PACKET):
        part = fds[start:start + FDS_PER_PACKET]
        data = packet(FDS, fds_body([target for _, target in part]), len(part))
        send(sock, data, [fd for fd, _ in part])
