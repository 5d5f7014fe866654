#!/usr/bin/env python3
"""Forked children in GDB without tpgdb: it finds their program."""

import os
import subprocess

from gdbtest import PATIENCE, GdbTest, main

from space import program, tool


class Plain(GdbTest):
    """GDB without tpgdb, attached to a child."""

    def start(self, name, runtime):
        """A program whose child waits for input; its pid, and where the input goes."""
        fifo = runtime / f"{name}.in"
        os.mkfifo(fifo)
        end = os.open(fifo, os.O_RDWR)
        self.addCleanup(os.close, end)
        process = self.space.popen(program(name), "1", stdin=end)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        pid = None
        for line in process.stdout:
            if line.startswith("child "):
                pid = int(line.split()[2])
            if line == "end\n":
                break
        return process, pid or int(process.stdout.readline().split()[2]), fifo

    def test_every_kind_of_program(self):
        for name in ("forked-pie", "forked-exec", "forked-static", "forked-static-pie"):
            with self.subTest(name):
                process, pid, fifo = self.start(name, self.fifos)
                done = subprocess.run(
                    [tool("gdb"), "-q", "-nx", "-batch", "-iex", "set exec-file-mismatch off",
                     "-iex", "set debuginfod enabled off", "-p", str(pid), program(name),
                     "-ex", "break finish", "-ex", "break _exit", "-ex", "info sharedlibrary",
                     "-ex", f"shell echo > {fifo}", "-ex", "continue", "-ex", "backtrace",
                     "-ex", "print length", "-ex", "continue", "-ex", "backtrace", "-ex", "detach"],
                    env=self.environment(), check=False, text=True, timeout=PATIENCE,
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                self.assertEqual(done.returncode, 0, done.stdout)
                self.assertRegex(done.stdout, r"Breakpoint 1, finish \(length=(length@entry=)?1\)")
                self.assertRegex(done.stdout, r"#1 .* in main \(argc=")
                self.assertRegex(done.stdout, r"\$1 = 1")
                self.assertRegex(done.stdout, r"Breakpoint 2(\.\d)?, .*_[eE]xit \(")
                if "static" not in name:
                    self.assertRegex(done.stdout, r"0x\w+ +0x\w+ .*libc\.so\.6")
                self.assert_ends(process, 0)
        self.check_default_auxv()


if __name__ == "__main__":
    main()
