"""Figures about backtraces for tools/bench: of all threads, against elfutils' own command."""

import json
import subprocess
import time

PROGRAMS = 5
# with the main thread, and the one that `join` waits for, seven threads each
KINDS = ("signal", "syscall", "owner", "mutex", "join")
THREADS = 7 * PROGRAMS
ALLOWED_FREEZE_NS = 2_300_000


class Stacks:
    """Programs of tests/integration in the space of a bench, which wait until they are ended."""

    def __init__(self, bench):
        self.bench = bench
        self.processes = []

    def __enter__(self):
        program = str(self.bench.build / "tests/integration/programs/stacks")
        for _ in range(PROGRAMS):
            process = subprocess.Popen([self.bench.tprun, program, *KINDS], env=self.bench.env,
                                       text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.processes.append(process)
            for _ in KINDS:
                process.stdout.readline()
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.communicate()

    def inspect(self, *words):
        """Output of tpinspect."""
        return self.bench.run([str(self.bench.build / "inspect/tpinspect"), *words])

    def pids(self):
        """Of the programs."""
        running = json.loads(self.inspect("--json", "-c", "list"))["threadprocs"]
        return [tp["pid"] for tp in running if tp["state"] == "running"]


def timed(command):
    """Nanoseconds that a call takes."""
    begin = time.monotonic_ns()
    command()
    return time.monotonic_ns() - begin


def eu_stack(bench, pids, options):
    """A backtrace of every thread, one process after the other; its status says little."""
    for pid in pids:
        subprocess.run(["eu-stack", *options, "-p", str(pid)], env=bench.env, check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def compare(bench, their_options, our_options):
    """(samples of eu-stack, of bt all)."""
    theirs, ours = [], []
    with Stacks(bench) as stacks:
        pids = stacks.pids()
        for _ in range(bench.rounds):
            theirs.append(timed(lambda: eu_stack(bench, pids, their_options)))
            ours.append(timed(lambda: stacks.inspect("-c", f"bt {our_options} all")))
    return theirs, ours


def freezes(bench):
    """For how long the thread that stood still the longest did, in each of several rounds."""
    with Stacks(bench) as stacks:
        answers = [json.loads(stacks.inspect("--json", "-c", "bt all"))
                   for _ in range(bench.rounds)]
    for answer in answers:
        if len(answer["threads"]) != THREADS:
            raise RuntimeError(f"bt: {len(answer['threads'])} threads, not {THREADS}")
    return [answer["frozen_max_ns"] for answer in answers]
