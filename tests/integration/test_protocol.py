#!/usr/bin/env python3
"""Clients that do not keep to the protocol: the server goes on, and nothing is left of them."""

import os
import random
import socket
import unittest

import wire
from space import SpaceTest, fd_count, main


class Protocol(SpaceTest):
    """After each of them the server is alive, with as many descriptors as before."""

    def setUp(self):
        super().setUp()
        self.server, self.agent = self.space.start()
        self.space.start()
        self.fds = self.count()
        self.addCleanup(self.check_alive)

    def count(self):
        """Descriptors of server and agent."""
        return fd_count(self.server), fd_count(self.agent)

    def check_alive(self):
        """The same server and agent, that can run a program."""
        self.assertEqual(self.space.ping()[:2], (self.server, self.agent))
        done = self.space.run("/bin/echo", "alive")
        self.assertEqual((done.returncode, done.stdout), (0, "alive\n"), done)
        self.space.until(lambda: self.count() == self.fds, f"descriptors as before: {self.fds}")
        self.space.until(lambda: self.space.ping()[2] == 0, "no threadproc left")

    def assert_refused(self, sock, pattern="."):
        """The server says why, then closes."""
        message = wire.receive(sock)
        kind, reason = message.reason()
        self.assertEqual(kind, 125)
        self.assertRegex(reason, pattern)
        self.assertIsNone(wire.receive(sock))

    def refuse(self, data, fds=(), pattern="."):
        """One message on a connection of its own, which is refused."""
        with self.space.connect() as sock:
            wire.send(sock, data, fds)
            self.assert_refused(sock, pattern)

    def last_message(self, sock):
        """Receives until the server closes; returns the last message."""
        last = None
        while (message := wire.receive(sock)) is not None:
            for fd in message.fds:
                os.close(fd)
            last = message
        return last

    def with_fds(self, count):
        """So many descriptors, closed with the test."""
        fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(count)]
        self.addCleanup(lambda: [os.close(fd) for fd in fds])
        return fds

    def test_ping(self):
        with self.space.connect() as sock:
            for _ in range(3):
                wire.send(sock, wire.packet(wire.PING))
                self.assertEqual(wire.receive(sock).pong(), (self.server, self.agent, 0, 0))

    def test_garbage(self):
        numbers = random.Random(1)
        for length in (1, 2, 15, 16, 17, 100, 552, 1024, 1048, 1049, 2000, 60000):
            with self.subTest(length=length):
                self.refuse(numbers.randbytes(length))

    def test_garbage_after_a_sound_header(self):
        numbers = random.Random(2)
        for kind in (wire.LAUNCH, wire.FDS):
            for _ in range(50):
                body = numbers.randbytes(536 if kind == wire.LAUNCH else 1008)
                fds = self.with_fds(2)
                self.refuse(wire.packet(kind, body, len(fds)), fds)

    def test_empty(self):
        with self.space.connect() as sock:
            wire.send(sock, b"")
            self.assertIsNone(wire.receive(sock))

    def test_header(self):
        self.refuse(wire.packet(wire.PING, magic=0), pattern="magic")
        self.refuse(wire.packet(wire.PING, version=2), pattern="version")
        self.refuse(wire.packet(wire.PING, length=15), pattern="claims 15")
        self.refuse(wire.packet(wire.PING, b"x"), pattern="17")
        for kind in (0, wire.STARTED, wire.EXITED, wire.PONG, wire.EVENT + 1, 65535):
            self.refuse(wire.packet(kind), pattern="not one that a client sends")

    def test_short_and_long(self):
        body, _ = wire.launch_body(["/bin/true"])
        fds = self.with_fds(2)
        for length in (0, 1, 100, len(body) - 1):
            self.refuse(wire.packet(wire.LAUNCH, body[:length], 2), fds)
        self.refuse(wire.packet(wire.LAUNCH, body + b"\0", 2), fds)

    def test_descriptors_missing_or_too_many(self):
        body, _ = wire.launch_body(["/bin/true"])
        for sent in (0, 1, 3, 253):
            self.refuse(wire.packet(wire.LAUNCH, body, 2), self.with_fds(sent), "claims 2")
            self.refuse(wire.packet(wire.LAUNCH, body, sent), self.with_fds(sent))
        self.refuse(wire.packet(wire.PING, fds=1), self.with_fds(1))

    def test_strings_and_cwd(self):
        body, strings = wire.launch_body(["/bin/true"])
        cwd = os.open("/", os.O_PATH)
        null = os.open("/dev/null", os.O_RDONLY)
        read_end, write_end = os.pipe()
        good, short, long = (wire.memfd(s) for s in (strings, strings[:-1], strings + b"x"))
        no_nul = wire.memfd(b"x" * len(strings))
        try:
            for strings_fd in (null, read_end, cwd, short, long, no_nul):
                self.refuse(wire.packet(wire.LAUNCH, body, 2), (strings_fd, cwd))
            for cwd_fd in (null, read_end, good):
                self.refuse(wire.packet(wire.LAUNCH, body, 2), (good, cwd_fd), "directory")
        finally:
            for fd in (cwd, null, read_end, write_end, good, short, long, no_nul):
                os.close(fd)

    def test_absurd_fields(self):
        cases = [{"flags": 0xffffffff}, {"argc": 2**32 - 1}, {"envc": 2**32 - 1},
                 {"strings_length": 0}, {"strings_length": 2**32 - 1}, {"pgid": -1}, {"sid": -5},
                 {"umask": 0o10000}, {"nice": 1000}, {"policy": 99}, {"priority": 1000},
                 {"ioprio": 2**31, "flags": 4}, {"death_signal": 65}, {"blocked": 1 << 8},
                 {"name": b"\033[2J"}, {"name": b"x" * 64}, {"flags": 2}]
        for changes in cases:
            with self.subTest(**changes), self.space.connect() as sock:
                wire.send_launch(sock, ["/bin/true"], **changes)
                self.assert_refused(sock)

    def test_process_group_of_nobody(self):
        """Such a group cannot be joined; the launch itself is sound."""
        with self.space.connect() as sock:
            wire.send_launch(sock, ["/bin/true"], pgid=2**30)
            self.assertIn(self.last_message(sock).type, (wire.EXITED, wire.FAILED))

    def test_descriptors_first(self):
        self.refuse(wire.packet(wire.FDS, wire.fds_body([0]), 1), self.with_fds(1), "without")

    def test_two_launches(self):
        with self.space.connect() as sock:
            wire.send_launch(sock, ["/bin/sleep", "1000"])
            wire.send_launch(sock, ["/bin/sleep", "1000"])
            self.assertEqual(self.last_message(sock).type, wire.FAILED)

    def test_ping_within_a_launch(self):
        body, strings = wire.launch_body(["/bin/true"], fd_count=1)
        strings_fd, cwd = wire.memfd(strings), os.open("/", os.O_PATH)
        try:
            with self.space.connect() as sock:
                wire.send(sock, wire.packet(wire.LAUNCH, body, 2), (strings_fd, cwd))
                wire.send(sock, wire.packet(wire.PING))
                self.assertIn(wire.receive(sock).type, (wire.PONG, wire.FAILED))
        finally:
            os.close(strings_fd)
            os.close(cwd)

    def test_targets(self):
        for targets, pattern in (([3, 3], "two descriptors"), ([-1, 4], "-1"),
                                 ([5, 6, 7], "more descriptors")):
            body, strings = wire.launch_body(["/bin/true"], fd_count=2)
            strings_fd, cwd = wire.memfd(strings), os.open("/", os.O_PATH)
            fds = self.with_fds(len(targets))
            with self.subTest(targets=targets), self.space.connect() as sock:
                wire.send(sock, wire.packet(wire.LAUNCH, body, 2), (strings_fd, cwd))
                wire.send(sock, wire.packet(wire.FDS, wire.fds_body(targets), len(fds)), fds)
                self.assert_refused(sock, pattern)
            os.close(strings_fd)
            os.close(cwd)

    def test_absurd_target(self):
        """No process can have a descriptor of that number; the program must not run without."""
        fds = [(fd, 2**31 - 1) for fd in self.with_fds(1)]
        with self.space.connect() as sock:
            wire.send_launch(sock, ["/bin/true"], fds=fds)
            last = self.last_message(sock)
        if last.type == wire.EXITED:
            self.assertNotEqual(wire.STATUS_BODY.unpack(last.body), (os.CLD_EXITED, 0))
        else:
            self.assertEqual(last.type, wire.FAILED)

    def test_half_a_launch(self):
        body, strings = wire.launch_body(["/bin/true"], fd_count=500)
        for _ in range(10):
            strings_fd, cwd = wire.memfd(strings), os.open("/", os.O_PATH)
            fds = self.with_fds(250)
            with self.space.connect() as sock:
                wire.send(sock, wire.packet(wire.LAUNCH, body, 2), (strings_fd, cwd))
                wire.send(sock, wire.packet(wire.FDS, wire.fds_body(range(250)), 250), fds)
            os.close(strings_fd)
            os.close(cwd)

    def test_thousand_dropped_connections(self):
        numbers = random.Random(3)
        for i in range(1000):
            with self.space.connect() as sock:
                if i % 3 == 1:
                    wire.send(sock, numbers.randbytes(numbers.randrange(1, 2000)))
                elif i % 3 == 2:
                    wire.send_launch(sock, ["/bin/sleep", "1000"])

    def test_many_silent_connections(self):
        """Whoever says nothing keeps nobody else waiting."""
        sockets = [self.space.connect() for _ in range(200)]
        try:
            self.assertEqual(self.space.run("/bin/true").returncode, 0)
        finally:
            for sock in sockets:
                sock.close()

    def test_a_client_that_does_not_read(self):
        """Its program runs to the end; what nobody reads must not stop the server."""
        with self.space.connect() as sock:
            for _ in range(1000):
                try:
                    sock.send(wire.packet(wire.PING), socket.MSG_DONTWAIT)
                except (BlockingIOError, BrokenPipeError, ConnectionResetError):
                    break
            self.assertEqual(self.space.run("/bin/true").returncode, 0)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_other_user(self):
        """The directory is private; a user who is given the socket all the same is refused."""
        directory = os.open(self.space.directory, os.O_PATH)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.fchdir(directory)
                os.setegid(65534)
                os.seteuid(65534)
                with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
                    sock.connect(f"/proc/self/fd/{directory}/socket")
            except PermissionError:
                status = 0
            finally:
                os._exit(status)
        os.close(directory)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)


if __name__ == "__main__":
    main()
