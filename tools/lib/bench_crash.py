"""Figures about crashes for tools/bench: how soon they are on record, and told."""

import calendar
import contextlib
import json
import signal
import subprocess
import time

ALLOWED_RECORD_NS = 1_000_000
ALLOWED_REPORT_NS = 300_000_000
ALLOWED_PAGE_NS = 1_000_000_000
FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT,
          signal.SIGSYS, signal.SIGTRAP)


@contextlib.contextmanager
def components(bench, count):
    """So many that live until the block ends."""
    started = []
    try:
        for _ in range(count):
            started.append(subprocess.Popen(
                [bench.tprun, bench.program("bench-crash"), "live"], env=bench.env,
                stdin=subprocess.PIPE))
        while live(bench) < count:
            pass
        yield
    finally:
        for process in started:
            process.communicate()


def inspect(bench, line):
    """The JSON answer to a command."""
    return json.loads(bench.run([str(bench.build / "inspect/tpinspect"), "--json", "-c", line]))


def live(bench):
    """How many components live."""
    return sum(tp["state"] == "running" for tp in inspect(bench, "list")["threadprocs"])


def nanoseconds(text):
    """Of a time as tpinspect writes it."""
    whole, fraction = text.rstrip("Z").split(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int(fraction)


def crash(bench, *options):
    """Lets a program crash; when it did, and when tprun had said all, in ns."""
    with subprocess.Popen([bench.tprun, *options, bench.program("bench-crash")], env=bench.env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        when = int(process.stdout.readline())
        said = None
        for line in process.stderr:
            if "suspect" in line:
                said = time.time_ns()
        process.wait()
    return when, said


def records(bench, count):
    """
    From the fault to the record in the registry, with so many components.  The end of the
    component is on record right behind it, and its time is known: it bounds that from above.
    """
    samples = []
    with components(bench, count):
        for _ in range(bench.rounds):
            when, _ = crash(bench)
            newest = max(inspect(bench, "list")["threadprocs"], key=lambda tp: tp["id"])
            samples.append(nanoseconds(newest["end"]) - when)
    return samples


def reports(bench, count):
    """From the fault to the last line of the report."""
    samples = []
    with components(bench, count):
        crash(bench, "--report")  # symbols are known from now on, as they are to whoever works here
        for _ in range(bench.rounds):
            when, said = crash(bench, "--report")
            samples.append(said - when)
    return samples


def pages(bench, count):
    """From the start of tpinspect to a page of so many components, one of which crashed; its bytes."""
    samples = []
    with components(bench, count):
        crash(bench)
        for _ in range(bench.rounds):
            begin = time.perf_counter_ns()
            answer = inspect(bench, f"report --force {bench.runtime}/page.html")
            samples.append(time.perf_counter_ns() - begin)
    return samples, answer["file_size"]


def handlers(bench):
    """(starts without handlers, with them): those of signals that are ignored are left out."""
    without, with_them = [], []
    argv = [bench.program("bench-spawn"), "command", bench.tprun, str(bench.rounds), "20",
            "/bin/true"]
    for _ in range(bench.rounds):
        for samples, ignored in ((without, FAULTS), (with_them, ())):
            done = subprocess.run(argv, env=bench.env, check=True, stdout=subprocess.PIPE, text=True,
                                  preexec_fn=lambda: [signal.signal(s, signal.SIG_IGN)
                                                      for s in ignored])
            samples += [float(line.split()[1]) for line in done.stdout.splitlines()]
    return without, with_them
