#!/usr/bin/env python3
"""What the kernel says of a forked child to others: its program, as without tprun."""

import contextlib
import os
import pathlib
import struct
import subprocess

from space import TIMEOUT, SpaceTest, main, program

AUX = {"AT_PHDR": 3, "AT_PHNUM": 5, "AT_PAGESZ": 6, "AT_BASE": 7, "AT_ENTRY": 9, "AT_RANDOM": 25,
       "AT_EXECFN": 31}
# fields of /proc/PID/stat, see proc(5)
IMAGE = slice(26, 28), slice(45, 47)  # start_code end_code, start_data end_data
START_STACK = 28


def vector(pid):
    """The auxiliary vector of a process, as others see it."""
    data = pathlib.Path(f"/proc/{pid}/auxv").read_bytes()
    return dict(struct.iter_unpack("QQ", data))


def words(pid, name):
    """The strings of /proc/PID/cmdline or environ."""
    return pathlib.Path(f"/proc/{pid}/{name}").read_bytes().split(b"\0")[:-1]


def stat(pid):
    """The fields of /proc/PID/stat, from 1."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return [0, 0, 0, *text.rpartition(") ")[2].split()]


class Forked:
    """A running program and its children, of which the last one has told of itself."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self.pids = {}
        for line in iter(process.stdout.readline, ""):
            if line == "end\n":
                break
            self.take(line.split())
        else:
            raise AssertionError(f"ended by {process.wait(TIMEOUT)}: {process.stderr.read()}")

    def take(self, told):
        """A line: of a parent, or of the last child."""
        if told[0] == "child":
            self.pids[int(told[1])] = int(told[2])
        else:
            self.lines.append(told)

    def child(self, generation):
        """The pid of a child, whose parent may say it later than the last child what it has."""
        while generation not in self.pids:
            self.take(self.process.stdout.readline().split())
        return self.pids[generation]

    def own(self):
        """What the last child was told by its own vector."""
        return {name: int(value, 16) for name, value in self.lines}


class Description(SpaceTest):
    """What /proc says of children of programs of every kind."""

    @contextlib.contextmanager
    def forked(self, *argv, **kwargs):
        """A program in the space, which ends by itself."""
        with self.space.running(*argv, **kwargs) as process:
            yield Forked(process)
            process.stdin.close()
            self.assert_ends(process, 0)

    @contextlib.contextmanager
    def native(self, *argv):
        """The same outside."""
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.PIPE, env=self.space.env) as process:
            yield Forked(process)
            process.stdin.close()

    def assert_described(self, forked, pid, argv, env=None):
        """The kernel says of the process what it was told itself."""
        own, seen = forked.own(), vector(pid)
        self.assertEqual({name: seen.get(kind) for name, kind in AUX.items()}, own)
        self.assertEqual(own["AT_PAGESZ"], os.sysconf("SC_PAGESIZE"))
        self.assertEqual(words(pid, "cmdline"), [os.fsencode(word) for word in argv])
        expected = self.space.env if env is None else env
        self.assertEqual(sorted(words(pid, "environ")),
                         sorted(os.fsencode(f"{k}={v}") for k, v in expected.items()))

    def test_every_kind_of_program(self):
        for name in ("forked-pie", "forked-exec", "forked-static", "forked-static-pie"):
            argv = [program(name), "1", "and", "", "more"]
            with self.subTest(name), self.forked(*argv) as forked, self.native(*argv) as native:
                pid, outside = forked.child(1), native.child(1)
                self.assert_described(forked, pid, argv)
                here, there = stat(pid), stat(outside)
                for fields in IMAGE:
                    self.assertEqual(
                        [int(x) - forked.own()["AT_ENTRY"] for x in here[fields]],
                        [int(x) - native.own()["AT_ENTRY"] for x in there[fields]])
                stack, = [m for m in self.space.maps(pid) if m.name == "[stack]"]
                self.assertTrue(stack.lo <= int(here[START_STACK]) < stack.hi)
                self.assertTrue(stack.lo <= forked.own()["AT_RANDOM"] < stack.hi)

    def test_generations(self):
        argv = [program("forked-pie"), "3"]
        with self.forked(*argv) as forked:
            for generation in (1, 2, 3):
                self.assert_described(forked, forked.child(generation), argv)

    def test_a_child_with_the_neighbours_memory(self):
        argv = [program("forked-pie"), "2"]
        with self.forked(*argv, options=["--fork-all"]) as forked:
            self.assert_described(forked, forked.child(1), argv)
            self.assert_described(forked, forked.child(2), argv)

    def test_without_environment(self):
        argv = [program("forked-pie"), "1"]
        with self.forked("/usr/bin/env", "-i", *argv) as forked:
            self.assert_described(forked, forked.child(1), argv, {})

    def test_a_title_that_is_written_over_the_arguments(self):
        argv = [program("forked-pie"), "1", "renamed"]
        with self.forked(*argv) as forked:
            self.assert_described(forked, forked.child(1), ["x" * len(argv[0]), *argv[1:]])

    def test_the_space_stays_as_it_was(self):
        before = vector(self.space.start()[1])
        with self.forked(program("forked-pie"), "1") as forked:
            forked.child(1)
            self.assertEqual(vector(self.space.ping()[1]), before)
            self.assertNotIn(AUX["AT_PAGESZ"], before)

    def test_own_maps(self):
        with self.forked(program("forked-pie"), "1", "maps") as forked:
            named = [line[5] for line in forked.lines if len(line) > 5]
            self.assertEqual(named.count("[stack]"), 1, named)
            owned = [int(tp["hi"], 16) for tp in self.space.threadprocs("running")[0]["slots"]]
            beyond = [line for line in forked.lines
                      if int(line[0].split("-")[0], 16) >= max(owned)]
            self.assertEqual([line[5] for line in beyond if line[5] not in
                              ("[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]")], [])

    def test_under_a_filter_that_kills(self):
        for name in ("forked-pie", "forked-static"):
            argv = [program(name), "2", "filtered"]
            with self.subTest(name), self.forked(*argv) as forked:
                self.assertEqual(len({forked.child(1), forked.child(2)}), 2)


if __name__ == "__main__":
    main()
