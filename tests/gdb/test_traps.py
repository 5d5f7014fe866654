#!/usr/bin/env python3
"""Breakpoints that nobody sees: components without a debugger, children, debuggers that are gone."""

import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import unittest

from gdbtest import PROGRAMS, SENTINEL, GdbTest, main

import wire
from space import tool

INT3 = b"\xcc"
TRAPPED = 4
WANTS_EVENTS = 1


class Traps(GdbTest):
    def symbol(self, name, function):
        """Address of a function of a component's program."""
        out = subprocess.run([tool("nm"), self.program_of(name)], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
        value = int(re.search(rf"^(\w+) \w {function}$", out, re.MULTILINE)[1], 16)
        maps = self.space.maps()
        lo, hi = self.slot(name)
        base = min(m.lo for m in maps if lo <= m.lo < hi and m.name == self.program_of(name))
        return base + value

    def program_of(self, name):
        return self.record(name)["program"]

    def slot(self, name):
        slot = self.record(name)["slots"][0]
        return int(slot["lo"], 16), int(slot["hi"], 16)

    def byte(self, address, value=None):
        """Reads, or writes, a byte of the space."""
        fd = os.open(f"/proc/{self.space.ping()[1]}/mem", os.O_RDWR)
        try:
            if value is None:
                return os.pread(fd, 1, address)
            return os.pwrite(fd, value, address)
        finally:
            os.close(fd)

    def session(self, flags=WANTS_EVENTS):
        sock = self.space.connect()
        self.addCleanup(sock.close)
        wire.send(sock, wire.packet(wire.DEBUG, wire.PAIR_BODY.pack(flags, 0)))
        wire.receive(sock)
        return sock

    def attached_session(self, name):
        """A debugger that had a component shown."""
        sock = self.session()
        for number in (self.workers[name].id, 0):
            wire.send(sock, wire.packet(wire.SHOW, wire.PAIR_BODY.pack(number, 0)))
            self.assertEqual(wire.receive(sock).shown()[:2], (number, 0))
        return sock

    def trapped(self, sock):
        """Waits for the event."""
        while True:
            kind, number, _, _, _, address = wire.receive(sock).event()
            if kind == TRAPPED:
                return number, address

    def test_without_a_debugger(self):
        """It is put back, and everybody goes on."""
        self.launch("left", threads=3)
        texts = self.texts()
        for function in ("work", "square"):
            address = self.symbol("left", function)
            was = self.byte(address)
            self.byte(address, INT3)
            first = self.check_sums("left")
            while self.check_sums("left") <= first + 10:
                pass
            self.assertEqual(self.byte(address), was)
        self.check_unharmed(texts)

    def test_in_a_library(self):
        self.launch("left", threads=1)
        texts = self.texts()
        libc = next(m for m in self.space.maps() if m.name.endswith("libc.so.6")
                    and self.slot("left")[0] <= m.lo < self.slot("left")[1] and "r-xp" == m.perms)
        fd = os.open(f"/proc/{self.space.ping()[1]}/mem", os.O_RDONLY)
        text = os.pread(fd, libc.hi - libc.lo, libc.lo)
        os.close(fd)
        poll = text.index(bytes.fromhex("b8070000000f05"))
        jumps = [m.start() for m in re.finditer(rb"\xe9....\x90\x90\x48\x3d", text, re.DOTALL)]
        self.assertTrue(jumps)
        for offset in [poll, jumps[0]]:
            self.byte(libc.lo + offset, INT3)
        session = self.attached_session("left")
        session.close()
        self.space.until(lambda: self.texts() == texts, "all text is what it was")
        self.check_unharmed(texts)

    def test_with_a_debugger_at_work(self):
        """It waits until the debugger is gone."""
        self.launch("left", threads=2)
        self.launch("right")
        texts = self.texts()
        session = self.attached_session("right")
        address = self.symbol("left", "square")
        self.byte(address, INT3)
        self.assertEqual(self.trapped(session), (self.workers["left"].id, address))
        first = self.check_sums("left")
        self.assertEqual(self.byte(address), INT3)
        self.assertEqual(self.check_sums("left"), first)
        session.close()
        self.check_unharmed(texts)

    def test_released_when_it_is_gone(self):
        """The debugger takes its breakpoint away, as it does when it detaches."""
        self.launch("left", threads=2)
        texts = self.texts()
        session = self.attached_session("left")
        address = self.symbol("left", "square")
        was = self.byte(address)
        self.byte(address, INT3)
        self.trapped(session)
        self.byte(address, was)
        wire.send(session, wire.packet(wire.RELEASE, wire.PAIR_BODY.pack(self.workers["left"].id, 0)))
        self.check_worker("left", self.workers["left"])
        session.close()
        self.check_unharmed(texts)

    def test_forked_child(self):
        """A child's text is a copy with the breakpoint in it; it works, with a debugger or without."""
        self.launch("left", threads=1)
        texts = self.texts()
        session = self.attached_session("left")
        address = self.symbol("left", "square")
        self.byte(address, INT3)
        self.trapped(session)
        self.assertEqual(self.ask("left", "fork"), "forked 0x2a00")
        self.assertEqual(self.byte(address), INT3)
        session.close()
        self.check_unharmed(texts)

    def test_scratch_at_the_entry(self):
        """GDB executes copies of instructions there."""
        self.launch("left", threads=1)
        texts = self.texts()
        session = self.attached_session("left")
        entry = self.symbol("left", "_start")
        for i, byte in enumerate(b"\x55\x90\x90\x90"):
            self.byte(entry + i, bytes([byte]))
        session.close()
        self.space.until(lambda: self.texts() == texts, "all text is what it was")
        self.check_unharmed(texts)

    def test_another_debugger_has_its_breakpoints(self):
        self.launch("left", threads=1)
        self.launch("right", threads=1)
        ours, other = self.attached_session("left"), self.attached_session("right")
        places = [self.symbol(name, "_start") for name in ("left", "right")]
        was = [self.byte(place) for place in places]
        for place in places:
            self.byte(place, INT3)
        ours.close()
        self.space.until(lambda: self.byte(places[0]) == was[0], "left has its text back")
        self.assertEqual(self.byte(places[1]), INT3)
        other.close()
        self.space.until(lambda: self.byte(places[1]) == was[1], "right has its text back")


class OwnTraps(GdbTest):
    """What a program does with SIGTRAP is its own business."""

    def check(self, *argv):
        argv = [str(PROGRAMS / "trap"), *argv]
        native = subprocess.run(argv, check=False, text=True, stdout=subprocess.PIPE)
        done = self.space.run(*argv)
        self.assertEqual((done.returncode, done.stdout), (native.returncode, native.stdout))

    def test_as_anywhere(self):
        for what in ("handle", "int3", "raise", "kill", "again"):
            with self.subTest(what=what):
                self.check(what)
                session = wire.packet(wire.DEBUG, wire.PAIR_BODY.pack(0, 0))
                with self.space.connect() as sock:
                    wire.send(sock, session)
                    wire.receive(sock)
                    self.check(what)


if __name__ == "__main__":
    main()
