"""Figures about GDB for tools/bench: a full space, and one component against a program outside."""

import contextlib
import pathlib
import re
import subprocess

COMPONENTS = 100
ATTACH_NS = 3_000_000_000
BACKTRACE_NS = 500_000_000

CROWD = """
import resource, time
def timed(command):
    begin = time.monotonic_ns()
    text = gdb.execute(command, to_string=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return time.monotonic_ns() - begin, memory, text
attach, first, _ = timed("tproc attach")
stacks, second, text = timed("tproc bt all")
print("figures", attach, first, stacks, second, text.count("LWP"))
gdb.execute("tproc detach", to_string=True)
"""

# "continue" so often, as the user has it; what is told on the way goes nowhere.
BURST = """
import time
def burst(count):
    begin = time.monotonic_ns()
    for _ in range(count):
        gdb.execute("continue", to_string=True)
    print("took", time.monotonic_ns() - begin, flush=True)
"""


def worker(bench):
    """The program that GDB's tests use."""
    return str(bench.build / "tests/gdb/programs/worker")


def tpgdb(bench, *args):
    return [str(bench.build / "gdb/tpgdb"), "--none", "--", "-nx", *args]


class Crowd:
    """So many components of two threads, which wait until they are ended."""

    def __init__(self, bench, count):
        self.bench = bench
        self.count = count
        self.processes = []

    def __enter__(self):
        for i in range(self.count):
            self.processes.append(subprocess.Popen(
                [self.bench.tprun, "-n", f"c{i}", worker(self.bench), str(i), "1"],
                env=self.bench.env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        for process in self.processes:
            process.stdout.readline()
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.communicate()


def crowd(bench, *options, count=COMPONENTS):
    """(ns to attach, KiB then, ns for the stacks, KiB then) of a GDB with these options."""
    script = pathlib.Path(bench.runtime) / "crowd.py"
    script.write_text(CROWD, encoding="utf-8")
    with Crowd(bench, count):
        out = bench.run(tpgdb(bench, *options, "-batch", "-x", str(script)))
    *figures, threads = map(int, re.search(r"^figures (\d+) (\d+) (\d+) (\d+) (\d+)$", out,
                                           re.MULTILINE).groups())
    if threads != 2 * count:
        raise RuntimeError(f"{threads} threads were found, there are {2 * count}")
    return figures


class Session:
    """A GDB at its prompt, with a program attached that never waits."""

    def __init__(self, bench, in_space, breakpoint_):
        runner = [bench.tprun, "-n", "one"] if in_space else []
        self._program = subprocess.Popen([*runner, worker(bench), "1", "1", "fast"], text=True,
                                         env=bench.env, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE)
        self._program.stdout.readline()
        script = pathlib.Path(bench.runtime) / "burst.py"
        script.write_text(BURST, encoding="utf-8")
        attach = "tproc attach one" if in_space else f"attach {self._program.pid}"
        command = tpgdb(bench) if in_space else ["gdb", "-q", "-nx"]
        self._gdb = subprocess.Popen(
            [*command, "-ex", "set pagination off", "-ex", "set confirm off", "-x", str(script),
             "-ex", attach, "-ex", f"{'tproc break one' if in_space else 'break'} {breakpoint_}"],
            env=bench.env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)

    def burst(self, count):
        """ns for so many stops."""
        self._gdb.stdin.write(f"python burst({count})\n")
        self._gdb.stdin.flush()
        said = ""
        for line in self._gdb.stdout:
            said += line
            match = re.search(r"took (\d+)$", line)
            if match:
                return int(match[1])
        raise RuntimeError(said)

    def close(self):
        self._gdb.communicate("quit\n")
        self._program.kill()
        self._program.communicate()


def bursts(bench, breakpoint_, count, per, others=0):
    """ns of each of so many operations in count stops: (outside, in a space), in turns.

    With others, so many components live in the space as well; they are not attached.
    """
    native, space = [], []
    with contextlib.ExitStack() as stack:
        stack.enter_context(Crowd(bench, others))
        sessions = [Session(bench, in_space, breakpoint_) for in_space in (False, True)]
        for session in sessions:
            stack.callback(session.close)
            session.burst(2)
        for _ in range(bench.rounds * 3):
            native.append(sessions[0].burst(count) / per)
            space.append(sessions[1].burst(count) / per)
    return native, space


@contextlib.contextmanager
def attached(bench, process, in_space):
    """GDB is attached to a program and has let it run."""
    attach = "tproc attach" if in_space else f"attach {process.pid}"
    script = pathlib.Path(bench.runtime) / "attached.py"
    script.write_text(f'gdb.execute("{attach}", to_string=True)\n'
                      'gdb.events.cont.connect(lambda event: print("runs", flush=True))\n'
                      'gdb.execute("continue &")\n', encoding="utf-8")
    command = tpgdb(bench) if in_space else ["gdb", "-q", "-nx"]
    with subprocess.Popen([*command, "-ex", "set confirm off", "-x", str(script)], env=bench.env,
                          text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as gdb:
        for line in gdb.stdout:
            if line.endswith("runs\n"):
                break
        yield
        gdb.communicate("quit\n")


def undisturbed(bench, in_space, samples=3):
    """Samples of one program's work, in turns: (without GDB, while GDB is attached)."""
    alone, beside = [], []
    process = bench.start(("malloc", samples), in_space)

    def work(into):
        process.stdin.write("\n")
        process.stdin.flush()
        into += [float(process.stdout.readline()) for _ in range(samples)]

    try:
        for _ in range(bench.rounds * 3):
            work(alone)
            with attached(bench, process, in_space):
                work(beside)
    finally:
        process.communicate()
    return alone, beside
