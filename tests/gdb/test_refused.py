#!/usr/bin/env python3
"""The kernel does not let GDB attach: what is said about it."""

import os
import pathlib
import subprocess
import unittest

from gdbtest import PROGRAMS, GdbTest, main

YAMA = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")


class Refused(GdbTest):
    def test_traced_already(self):
        """By another debugger, who is named; with Yama as well."""
        self.launch("left", threads=1)
        texts = self.texts()
        process = subprocess.Popen(
            self.command("-batch", "-x", self.script("""
ex("tproc attach left")
print("attached", flush=True)
sys.stdin.read()
""")), env=self.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self.assertIn("attached\n", process.stdout)
        worker = self.workers.pop("left")
        self.gdb(f"""
refuses("tproc attach left", r"cannot attach left .*\\(process {process.pid} traces it already\\)")
equals(len(gdb.inferiors()), 1)
""")
        self.workers["left"] = worker
        process.communicate()
        self.check_unharmed(texts)

    def test_what_to_do(self):
        """As it would be said where Yama is at work."""
        worker = self.launch("left", threads=1)
        pathlib.Path(self.space.runtime, "scope").write_text("1\n", encoding="ascii")
        self.gdb(f"""
attach = sys.modules["tproc.attach"]
component = sys.modules["tproc.debugger"].debugger.registry().by_pid({worker.pid})
equals(attach._why(component), "")
attach.YAMA = "{self.space.runtime}/scope"
matches(attach._why(component), "lets only parents attach: launch it by .tproc run. or .tprun")
""")

    @unittest.skipUnless(YAMA.exists() and YAMA.read_text().strip() == "1" and os.getuid(),
                         "Yama is not at work")
    def test_yama(self):
        self.launch("left", threads=1)
        self.gdb(f"""
refuses("tproc attach left", "lets only parents attach")
ex("tproc run own {PROGRAMS}/static")
ex("continue")
""")


if __name__ == "__main__":
    main()
