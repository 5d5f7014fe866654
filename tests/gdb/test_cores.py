#!/usr/bin/env python3
"""Cores: of a component, with everybody's memory; as GDB writes them, and as the kernel would."""

import os
import pathlib
import re
import resource
import signal
import subprocess

from gdbtest import PROGRAMS, GdbTest, main
from space import tool


class Cores(GdbTest):
    def setUp(self):
        super().setUp()
        self.launch("left", threads=2)
        self.launch("right", threads=1, program="worker-2")
        self.core = f"{self.space.runtime}/a core"

    LOOK = """
ex("tproc open-core " + CORE.replace(" ", "\\\\ "))
matches(ex("tproc list"), r"left .*running.*right .*running")
equals(value("component"), 1)
text = ex("tproc bt")
equals(text.count("LWP"), 3)
matches(text, "in main .*in loop|in loop.*in main")
matches(ex("tproc owner &component"), r"left \\(\\d+\\): /.*worker \\+ 0x")
equals(value("$tproc_owner(&component)"), [c.id for c in
       sys.modules["tproc.debugger"].debugger.registry().components() if c.name == "left"][0])
right = [c for c in sys.modules["tproc.debugger"].debugger.registry().components()
         if c.name == "right"][0]
matches(ex(f"tproc owner {right.modules()[0].lo + 64:#x}"), r"right .*worker-2 \\+ 0x40")
"""

    def look(self, more=""):
        return self.gdb(f"CORE = {self.core!r}\n" + self.LOOK + more)

    def test_own(self):
        self.gdb(f"""
ex("tproc attach left")
ex("tproc core left " + {self.core!r}.replace(" ", "\\\\ "))
ex("tproc detach")
""")
        self.look("""
matches(ex("info sharedlibrary"), "Yes.*libc.so.6")
""")

    def test_of_a_debugger_that_knows_nothing(self):
        """The default vector names the agent's program, as in a core of the kernel's."""
        subprocess.run([tool("gdb"), "-nx", "-batch", "-p", str(self.workers["left"].pid), "-ex",
                        "generate-core-file " + self.core], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env=self.environment(), timeout=60)
        self.look()

    def test_of_gdbs_own_command(self):
        """A GDB that knows nothing of spaces finds program, libraries and thread-local variables in it."""
        self.gdb(f"""
ex("tproc attach")
ex("tproc select right")
ex("generate-core-file " + {self.core!r})
ex("tproc detach")
""")
        done = subprocess.run(
            [tool("gdb"), "-nx", "-batch", str(PROGRAMS / "worker-2"), self.core, "-ex", "print component",
             "-ex", "info sharedlibrary"], check=True, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.assertRegex(done.stdout, r"(?s)\$1 = 2\n.*Yes.*libc\.so\.6")

    def test_that_cannot_be_written(self):
        """What GDB was told for the length of a command does not outlive it."""
        self.gdb_in_loop("""
ex("tproc attach left")
refuses("generate-core-file /nowhere/core", "Failed to open")
ex("add-inferior -no-connection")
ex("inferior 2")
refuses("detach", "not being run")
ex("inferior 1")
---
matches(ex("show schedule-multiple"), "on")
auxv = open(f"/proc/{gdb.selected_inferior().pid}/auxv", "rb").read()
entry = next(c.record.entry for _, c in sys.modules["tproc.debugger"].debugger.attached())
holds(entry.to_bytes(8, "little") not in auxv)
""")

    def test_by_the_wrapper(self):
        """tpgdb --core FILE, with a question for it."""
        self.gdb(f"""
ex("tproc attach left")
ex("tproc core left " + {self.core!r}.replace(" ", "\\\\ "))
ex("tproc detach")
""")
        done = subprocess.run(
            self.command("-batch", "-ex", "tproc list", "-ex", "print component", "-ex", "tproc bt 1",
                         options=("--core", self.core)),
            env={k: v for k, v in self.environment().items() if k != "TPROC_SPACE"}, check=False,
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"core of left \(\d+\) \(process \d+\), one of 2 that lived in")
        self.assertRegex(done.stdout, r"(?s)left .*running.*right .*running.*\$1 = 1\n")
        self.assertEqual(len(re.findall(r"^#0 ", done.stdout, re.MULTILINE)), 3)

    def test_of_the_kernel(self):
        """The thread that crashed is the first, and everybody's memory is there."""
        pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text(encoding="utf-8")
        if not re.fullmatch(r"[\w.%]+\n", pattern) or "%" in pattern:
            self.skipTest(f"core_pattern is {pattern.strip()}")
        if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY:
            self.skipTest("no unlimited cores")
        # the launcher's limit and directory are the program's
        was, there = resource.getrlimit(resource.RLIMIT_CORE), os.getcwd()
        resource.setrlimit(resource.RLIMIT_CORE, (was[1], was[1]))
        os.chdir(self.space.runtime)
        try:
            self.launch("dying", threads=1)
        finally:
            os.chdir(there)
            resource.setrlimit(resource.RLIMIT_CORE, was)
        self.expected_gone = {"dying"}
        self.tell("dying", "peek 0x10")
        self.assertEqual(self.workers["dying"].process.wait(), -signal.SIGSEGV)
        found = list(pathlib.Path(self.space.runtime).glob(pattern.strip() + "*"))
        self.assertEqual(len(found), 1, "a core was written")
        self.gdb(f"""
ex("tproc open-core {found[0]}")
equals(current(), "dying")
equals(gdb.selected_frame().name(), "do_as_told")
equals(value("component"), 3)
text = ex("tproc bt")
equals(text.count("LWP"), 2)
matches(text, "do_as_told .*in main .*in loop|in loop.*do_as_told")
matches(ex("tproc list"), r"left .*running.*right .*running")
right = [c for c in sys.modules["tproc.debugger"].debugger.registry().components()
         if c.name == "right"][0]
matches(ex(f"tproc owner {{right.modules()[0].lo + 64:#x}}"), r"right .*worker-2 \\+ 0x40")
equals(int.from_bytes(gdb.selected_inferior().read_memory(right.modules()[0].lo, 4), "big"), 0x7f454c46)
""")

    def test_no_core(self):
        self.gdb("""
refuses("tproc open-core /dev/null", "core|format")
refuses("tproc open-core /nowhere", "No such file")
""")


if __name__ == "__main__":
    main()
