#!/usr/bin/env python3
"""Cores: of a component, with everybody's memory; as GDB writes them, and as the kernel would."""

import subprocess

from gdbtest import GdbTest, main
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
                        "generate-core-file " + self.core.replace(" ", "\\ ")], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env=self.environment(), timeout=60)
        self.look()

    def test_no_core(self):
        self.gdb("""
refuses("tproc open-core /dev/null", "core|format")
refuses("tproc open-core /nowhere", "No such file")
""")


if __name__ == "__main__":
    main()
