#!/usr/bin/env python3
"""How the package gets into GDB: by itself with the agent's program, or not at all where it is too old."""

import pathlib
import subprocess

from gdbtest import BUILD, HERE, GdbTest, main
from space import tool

PACKAGE = BUILD / "gdb"


class Loading(GdbTest):
    def gdb_alone(self, *args):
        """GDB without the wrapper and without a word of where the space is."""
        env = {k: v for k, v in self.environment().items() if k != "TPROC_SPACE"}
        return subprocess.run([tool("gdb"), "-nx", "-batch", *args], env=env, check=False,
                              text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60)

    def auto_load_directory(self):
        """As it is installed, below GDB's own directory for that."""
        directory = pathlib.Path(self.space.runtime) / "auto-load"
        agent = BUILD / "loader/agent/tproc-agent"
        script = directory / agent.relative_to("/").parent / f"{agent.name}-gdb.py"
        script.parent.mkdir(parents=True)
        template = (HERE.parents[1] / "gdb/auto-load.py.in").read_text(encoding="utf-8")
        script.write_text(template.replace("@PACKAGE@", str(PACKAGE)), encoding="utf-8")
        return directory

    def test_with_the_agent(self):
        """gdb -p PID loads the commands; they know the space by the memory that they see."""
        self.launch("left")
        worker = self.launch("right", program="worker-2")
        texts = self.texts()
        directory = self.auto_load_directory()
        done = self.gdb_alone("-iex", f"add-auto-load-scripts-directory {directory}",
                              "-iex", f"add-auto-load-safe-path {directory}",
                              "-p", str(worker.pid), "-ex", "tproc list", "-ex", "detach",
                              "-ex", "tproc attach right", "-ex", "tproc print right component")
        self.assertRegex(done.stdout, r"(?m)^ +\d+  left +\d+  running")
        self.assertRegex(done.stdout, r"right \(\d+\) is inferior 1 ")
        self.assertRegex(done.stdout, r"(?m)^\$1 = 2$")
        self.check_unharmed(texts)

    def test_too_old(self):
        done = self.gdb_alone("-ex", "python gdb.VERSION = '11.2'",
                              "-ex", f"source {PACKAGE}/tproc-gdb.py", "-ex", "tproc list")
        self.assertEqual(done.stdout.splitlines()[:1],
                         ["tproc needs GDB 12 or later; this is 11.2"])
        self.assertEqual(len(done.stdout.splitlines()), 2, done.stdout)

    def test_end_with_something_waiting(self):
        """What was to be done in GDB's event loop, and never came to it, is no crash at the end."""
        done = self.gdb_alone("-ex", f"source {PACKAGE}/tproc-gdb.py", "-ex", "echo said",
                              "-ex", "python sys.modules['tproc.later'].post(print)", "-ex", "quit 7")
        self.assertEqual((done.returncode, done.stdout), (7, "said"))

    def test_names_of_versions(self):
        """Those of distributions have more than a number in them."""
        done = self.gdb_alone(*(word for version in ("12.1", "Debian 13.1-3", "15.0.50.20240403-git")
                                for word in ("-ex", f"python gdb.VERSION = '{version}'", "-ex",
                                             f"source {PACKAGE}/tproc-gdb.py")))
        self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    main()
