#!/usr/bin/env python3
"""Connections of debuggers: whose auxiliary vector is shown, whose turn it is, what is told."""

import errno
import os
import signal
import struct
import subprocess

import wire
from space import SpaceTest, main, program

STARTED, EXITED, EXECED, TRAPPED, MODULES = range(1, 6)
AT_PHDR, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_ENTRY, AT_EXECFN = 3, 5, 6, 7, 9, 31


def auxv(pid):
    """The auxiliary vector of a process."""
    with open(f"/proc/{pid}/auxv", "rb") as file:
        return dict(struct.iter_unpack("=QQ", file.read()))


def string_at(pid, address):
    fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        return os.pread(fd, 4096 - address % 4096, address).split(b"\0")[0].decode()
    finally:
        os.close(fd)


class Debugger:
    """What a debugger says and hears."""

    def __init__(self, space, flags=0):
        self.sock = space.connect()
        wire.send(self.sock, wire.packet(wire.DEBUG, wire.PAIR_BODY.pack(flags, 0)))
        self.can_show = wire.receive(self.sock).shown()

    def say(self, kind, number):
        wire.send(self.sock, wire.packet(kind, wire.PAIR_BODY.pack(number, 0)))

    def show(self, number):
        self.say(wire.SHOW, number)
        return self.hear()

    def hear(self):
        """The next answer; events that come before are kept."""
        return wire.receive(self.sock).shown()

    def close(self):
        self.sock.close()


class Debuggers(SpaceTest):
    def setUp(self):
        super().setUp()
        self.space.start()
        self.programs = [self.launch("/bin/cat"), self.launch(program("basic-static-pie"), "wait")]
        self.server, self.agent = self.space.ping()[:2]
        self.default = auxv(self.agent)

    def launch(self, *argv, **kwargs):
        """The record of a program that runs until the end of the test."""
        before = {tp["id"] for tp in self.space.threadprocs()}
        manager = self.space.running(*argv, **kwargs)
        manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
        found = []

        def running():
            found[:] = [tp for tp in self.space.threadprocs("running") if tp["id"] not in before]
            return found
        self.space.until(running, "the program runs")
        return found[0]

    def debugger(self, flags=0):
        debugger = Debugger(self.space, flags)
        self.addCleanup(debugger.close)
        return debugger

    def until_default(self):
        self.space.until(lambda: auxv(self.agent) == self.default, "the space's own vector is back")

    def test_default_has_no_page_size(self):
        self.assertNotIn(AT_PAGESZ, self.default)
        for tp in self.programs:
            self.assertEqual(auxv(tp["pid"]), self.default)

    def test_programs_have_it_on_their_stack(self):
        done = self.space.run("/bin/true", env={**self.space.env, "LD_SHOW_AUXV": "1"})
        self.assertIn("AT_PAGESZ:", done.stdout)

    def test_show(self):
        debugger = self.debugger()
        self.assertEqual(debugger.can_show, (0, 0, 0))
        for tp in self.programs:
            self.assertEqual(debugger.show(tp["id"]), (tp["id"], 0, 0))
            shown = auxv(tp["pid"])
            lo, hi = (int(tp["slots"][0][edge], 16) for edge in ("lo", "hi"))
            for entry in (AT_PHDR, AT_ENTRY, AT_EXECFN):
                self.assertTrue(lo <= shown[entry] < hi, (entry, shown))
            self.assertEqual(string_at(tp["pid"], shown[AT_EXECFN]), tp["argv"][0])
            self.assertNotIn(AT_PAGESZ, shown)
            with open(tp["program"], "rb") as file:
                head = file.read(64)
            self.assertEqual(shown[AT_PHNUM], struct.unpack_from("=H", head, 56)[0])
            self.assertEqual(shown[AT_ENTRY] & 4095, struct.unpack_from("=Q", head, 24)[0] & 4095)
            self.assertEqual(bool(shown[AT_BASE]), tp is self.programs[0])
        self.assertEqual(debugger.show(0), (0, 0, 0))
        self.assertEqual(auxv(self.agent), self.default)

    def test_nobody_of_that_id(self):
        debugger = self.debugger()
        self.assertEqual(debugger.show(4000000000), (4000000000, errno.ESRCH, 0))
        self.assertEqual(debugger.show(0), (0, 0, 0))

    def test_the_end_of_the_connection_puts_it_back(self):
        debugger = self.debugger()
        debugger.show(self.programs[0]["id"])
        debugger.close()
        self.until_default()

    def test_the_next_one_waits(self):
        ids = [tp["id"] for tp in self.programs]
        first, second, third = (self.debugger() for _ in range(3))
        first.show(ids[0])
        self.assertEqual(second.show(ids[1]), (ids[1], errno.EINPROGRESS, os.getpid()))
        self.assertEqual(third.show(ids[0]), (ids[0], errno.EINPROGRESS, os.getpid()))
        self.assertEqual(first.show(0), (0, 0, 0))
        self.assertEqual(second.hear(), (ids[1], 0, 0))
        self.assertNotEqual(auxv(self.agent), self.default)
        second.close()
        self.assertEqual(third.hear(), (ids[0], 0, 0))
        third.close()
        self.until_default()

    def test_who_waits_may_go(self):
        first, second, third = (self.debugger() for _ in range(3))
        number = self.programs[0]["id"]
        first.show(number)
        second.show(number)
        third.show(number)
        second.close()
        first.close()
        self.assertEqual(third.hear(), (number, 0, 0))

    def test_a_killed_debugger_frees_it(self):
        number = self.programs[0]["id"]
        pid = os.fork()
        if pid == 0:
            debugger = Debugger(self.space)
            debugger.show(number)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
        self.assertEqual(self.debugger().show(number), (number, 0, 0))

    def test_a_second_question_before_the_answer(self):
        first, second = self.debugger(), self.debugger()
        number = self.programs[0]["id"]
        first.show(number)
        second.show(number)
        second.say(wire.SHOW, number)
        self.assertRegex(wire.receive(second.sock).reason()[1], "before the answer")

    def test_not_in_this_role(self):
        for kind in (wire.SHOW, wire.RELEASE):
            with self.space.connect() as sock:
                wire.send(sock, wire.packet(kind, wire.PAIR_BODY.pack(1, 0)))
                self.assertRegex(wire.receive(sock).reason()[1], "not a debugger")
        for body in (wire.PAIR_BODY.pack(2, 0), wire.PAIR_BODY.pack(0, 1)):
            with self.space.connect() as sock:
                wire.send(sock, wire.packet(wire.DEBUG, body))
                self.assertRegex(wire.receive(sock).reason()[1], "flags")
        debugger = self.debugger()
        wire.send_launch(debugger.sock, ["/bin/true"])
        self.assertEqual(wire.receive(debugger.sock).reason()[0], 125)

    def test_events(self):
        debugger = self.debugger(flags=1)
        quiet = self.debugger()
        done = self.space.run("/bin/sh", "-c", "exit 7")
        self.assertEqual(done.returncode, 7)
        seen = []
        while not seen or seen[-1][0] != EXITED:
            seen.append(wire.receive(debugger.sock).event())
        self.assertEqual(seen[0][0], STARTED)
        self.assertEqual(seen[-1][3:5], (os.CLD_EXITED, 7))
        self.assertEqual(len({event[1] for event in seen}), 1)
        self.assertEqual(quiet.show(0), (0, 0, 0))

    def test_who_does_not_listen_stops_nobody(self):
        self.debugger(flags=1)
        for _ in range(100):
            self.assertEqual(self.space.run("/bin/true").returncode, 0)

    def test_launch_meanwhile(self):
        """What is shown is not what programs get."""
        self.debugger().show(self.programs[1]["id"])
        self.assert_runs(program("basic-pie"), stdout="ok\n")

    def test_a_dead_agent(self):
        debugger = self.debugger()
        number = self.programs[0]["id"]
        os.kill(self.agent, signal.SIGKILL)
        self.space.until(lambda: not self.space.ping()[1], "the agent is dead")
        self.assertEqual(debugger.show(number), (number, errno.EOPNOTSUPP, 0))


class WithoutTheCall(SpaceTest):
    """A kernel without PR_SET_MM_MAP, as far as the agent can tell."""

    def test_says_so(self):
        guard = program("no_set_mm")
        done = subprocess.run([guard, *self.space.argv(["/bin/true"])], env=self.space.env,
                              check=False, timeout=60)
        self.assertEqual(done.returncode, 0)
        with self.space.running("/bin/cat"):
            self.space.until(lambda: self.space.threadprocs("running"), "the program runs")
            number = self.space.threadprocs("running")[0]["id"]
            debugger = Debugger(self.space)
            self.addCleanup(debugger.close)
            self.assertEqual(debugger.can_show, (0, errno.EOPNOTSUPP, 0))
            self.assertEqual(debugger.show(number), (number, errno.EOPNOTSUPP, 0))
            self.assertEqual(debugger.show(0), (0, errno.EOPNOTSUPP, 0))
        self.assertEqual(self.space.run("/bin/true").returncode, 0)


if __name__ == "__main__":
    main()
