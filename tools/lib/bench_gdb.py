"""Figures about GDB for tools/bench: attaching to a full space, stacks of everybody."""

import pathlib
import re
import subprocess

COMPONENTS = 100
ATTACH_NS = 3_000_000_000
BACKTRACE_NS = 500_000_000

SCRIPT = """
import resource, time
def timed(command):
    begin = time.monotonic_ns()
    text = gdb.execute(command, to_string=True)
    return time.monotonic_ns() - begin, text
attach, _ = timed("tproc attach")
stacks, text = timed("tproc bt all")
print("figures", attach, stacks, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
      text.count("LWP"))
gdb.execute("tproc detach", to_string=True)
"""


class Crowd:
    """So many components of two threads, which wait until they are ended."""

    def __init__(self, bench, count):
        self.bench = bench
        self.count = count
        self.processes = []

    def __enter__(self):
        worker = str(self.bench.build / "tests/gdb/programs/worker")
        for i in range(self.count):
            self.processes.append(subprocess.Popen(
                [self.bench.tprun, "-n", f"c{i}", worker, str(i), "1"], env=self.bench.env,
                text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        for process in self.processes:
            process.stdout.readline()
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.communicate()


def attach_all(bench, count=COMPONENTS):
    """(ns to attach, ns for the stacks, KiB of GDB's memory)"""
    script = pathlib.Path(bench.runtime) / "attach.py"
    script.write_text(SCRIPT, encoding="utf-8")
    with Crowd(bench, count):
        out = bench.run([str(bench.build / "gdb/tpgdb"), "--none", "--", "-nx", "-batch", "-x",
                         str(script)])
    attach, stacks, memory, threads = map(int, re.search(
        r"^figures (\d+) (\d+) (\d+) (\d+)$", out, re.MULTILINE).groups())
    if threads != 2 * count:
        raise RuntimeError(f"{threads} threads were found, there are {2 * count}")
    return attach, stacks, memory
