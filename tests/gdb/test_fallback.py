#!/usr/bin/env python3
"""A kernel that cannot show a component's auxiliary vector: symbols by address, nothing harmed."""

import subprocess

from gdbtest import GdbTest, main
from space import command, program


class Fallback(GdbTest):
    def start_space(self):
        """The server has itself and all its children told that there is no such call."""
        process = subprocess.Popen(
            [program("no_set_mm"), command("tpserver"), "-s", self.space.name, "--stay"],
            env=self.space.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        while not self.space.is_up():
            self.assertIsNone(process.poll(), "the server runs")

    def check_default_auxv(self):
        """It is the kernel's own."""

    def test_all_stop(self):
        self.launch("left", threads=2)
        self.launch("right", threads=2, program="worker-2")
        self.gdb("""
said = ex("tproc attach")
for name in ("left", "right"):
    matches(said, rf"{name} .* is inferior .*; symbols by address only, without thread-local var")
for number, name in ((1, "left"), (2, "right")):
    ex(f"tproc select {name}")
    equals(value("component"), number)
equals(ex("tproc bt all").count("in main ("), 2)
ex("tproc break right square if n % 5 == 3")
for _ in range(5):
    ex("continue")
    equals((current(), gdb.selected_frame().name(), value("n") % 5), ("right", "square", 3))
ex("delete")
ex("next")
ex("finish")
equals(gdb.selected_frame().name(), "work")
ex("tproc break left work")
ex("continue")
equals((current(), value("component")), ("left", 1))
ex("step")
ex("tproc detach")
""")

    def test_core(self):
        self.launch("left", threads=2)
        path = f"{self.space.runtime}/core"
        self.gdb(f"""
ex("tproc attach left")
matches(ex("tproc core left {path}"), "open it with tpgdb --core")
ex("tproc detach")
ex("tproc open-core {path}")
equals(value("component"), 1)
matches(ex("tproc bt"), "in main ")
""")


if __name__ == "__main__":
    main()
