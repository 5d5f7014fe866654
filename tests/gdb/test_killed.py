#!/usr/bin/env python3
"""GDB is killed while breakpoints are hit as fast as can be: nobody is harmed by it.

TPROC_KILLS says how often (default 4).
"""

import os
import random
import select
import subprocess

from gdbtest import GdbTest, main

KILLS = int(os.environ.get("TPROC_KILLS", "4"))


class Killed(GdbTest):
    def start_gdb(self, body):
        """Starts GDB with a script that says "go" and then runs until it is killed."""
        process = subprocess.Popen(self.command("-batch", "-x", self.script(body)),
                                   env=self.environment(), text=True, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = []
        for line in process.stdout:
            said.append(line)
            if line == "go\n":
                return process
        self.fail("".join(said))
        return None

    def kill_at_random(self, body):
        numbers = random.Random(os.environ.get("TPROC_SEED", "1"))
        texts = self.texts()
        for _ in range(KILLS):
            process = self.start_gdb(body)
            # not to wait for anything: to be at another place in its work each time
            select.select([], [], [], numbers.uniform(0, 0.3))
            self.kill_gdb(process)
            process.stdout.close()
            for name, worker in self.workers.items():
                self.assertIsNone(worker.process.poll(), f"{name} has ended")
            self.space.until(lambda: self.texts() == texts, "all text is what it was",
                             lambda: [self.space.threadprocs(), texts, self.texts()])
            self.check_unharmed(texts)

    def test_false_condition(self):
        for name in ("left", "right"):
            self.launch(name, threads=2, fast=True)
        self.kill_at_random("""
ex("tproc attach")
ex("tproc break all square if n == -1")
print("go", flush=True)
ex("continue")
""")

    def test_stepping(self):
        for name in ("left", "right"):
            self.launch(name, threads=2, fast=True)
        self.kill_at_random("""
ex("tproc attach")
ex("tproc break left work")
ex("continue")
print("go", flush=True)
while True:
    ex("step")
""")


if __name__ == "__main__":
    main()
