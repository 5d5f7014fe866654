"""Ways to go wrong that one command line cannot tell.  Each returns status and output."""

import contextlib
import os
import random
import shutil
import signal
import socket
import struct
import subprocess

from space import TIMEOUT, BUILD, tool

KILLS = 100
LONGEST = 0.02  # seconds: what a busy program takes for a round, and more
WARM_UP, CRASHES = 20, 60
OFTEN = (("write", "0"), ("stack-overflow",), ("abort",), ("two-at-once",))
SLACK_KIB = 512  # page tables and the like, which the kernel gives back when it likes
FAULTY = BUILD / "tests/crashlab/crashlab-faulty"


class Skip(Exception):
    """It cannot be tried here, and why."""


def pid_of(lab, name):
    """The process of a component that runs."""
    return [tp for tp in lab.space.threadprocs() if tp["name"] == name][-1]["pid"]


def end(process):
    """Its status; its pipes are closed."""
    output, _ = process.communicate(timeout=TIMEOUT)
    return process.returncode, output


# ---- for ever -------------------------------------------------------------------------------------

def deadlock(lab, case):
    """Two components, each of which waits for what the other holds."""
    from lab import Neighbour  # pylint: disable=import-outside-toplevel
    partner = Neighbour(lab.space, "partner")
    process = lab.space.popen(FAULTY, "deadlock", partner.places["both"],
                              options=["-n", case.name])
    try:
        assert process.stdout.readline() == "locked\n", "no lock"
        partner.ask("hold")
        partner.expect("holding")
        process.stdin.write("\n")
        process.stdin.flush()
        first = int(partner.places["both"], 16)
        lab.space.until(lambda: waits_at(lab, case.name) and waits_at(lab, "partner"),
                        f"both wait at {first:x}")
        partner.ask("check")
        partner.expect("right")
        os.kill(pid_of(lab, case.name), signal.SIGKILL)
        return end(process)
    finally:
        process.kill()
        partner.kill()


def waits_at(lab, name):
    """True when a thread of a component waits for a lock that another one holds."""
    waits = [t["waits_for"] for t in lab.space.inspect(f"threads {name}")["threads"]]
    return any(w and w.get("kind") == "futex" and w.get("holder") for w in waits)


def stopped(lab, case):
    """One that is stopped for ever, until it is killed."""
    process = lab.space.popen(FAULTY, "stop", options=["-n", case.name])
    lab.space.until(lambda: any(tp["name"] == case.name
                                for tp in lab.space.threadprocs("stopped")), "it is stopped")
    lab.check_registry()
    os.kill(pid_of(lab, case.name), signal.SIGKILL)
    process.send_signal(signal.SIGCONT)  # tprun has stopped as its program had
    return end(process)


# ---- at any time ----------------------------------------------------------------------------------

def kill_at_random(lab, case):
    """Again and again: tprun at any moment of a launch, and the program at any moment of its life."""
    chance = random.Random(case.name)
    status = output = None
    for turn in range(KILLS):
        process = lab.space.popen(FAULTY, "busy", options=["-n", case.name])
        if turn % 2:
            victim = int(process.stdout.readline())
        else:
            victim = process.pid
        # the one place where it is the clock that is to decide
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, LONGEST))
        os.kill(victim, signal.SIGKILL)
        status, output = end(process)
        assert status == -signal.SIGKILL, f"turn {turn}: ended with {status}"
    lab.settle()
    return status, output


# ---- often ----------------------------------------------------------------------------------------

def own_kib(pid):
    """Memory of a process that no file is behind: neither programs nor the registry, which has a
    place for each crash."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))


def crash_often(lab, case):
    """One crash after the other: neither server nor agent may grow."""
    def crash(times):
        for turn in range(times):
            how = OFTEN[turn % len(OFTEN)]
            done = lab.space.run(FAULTY, *how, options=lab.options(case))
            assert done.returncode < 0, f"{how}: ended with {done.returncode}"
        lab.settle()

    crash(WARM_UP)  # what is kept of each program is there from then on
    before = own_kib(lab.server), own_kib(lab.agent)
    crash(CRASHES)
    sizes = lambda: (own_kib(lab.server), own_kib(lab.agent))
    lab.space.until(lambda: all(now <= was + SLACK_KIB for was, now in zip(before, sizes())),
                    "server and agent are as large as before",
                    lambda: [f"{before} -> {sizes()} KiB"])
    done = lab.space.run(FAULTY, "write", "0", options=lab.options(case))
    return done.returncode, done.stdout


# ---- programs that are none -------------------------------------------------------------------------

def spoiled(kind):
    """The bytes of a program that cannot run."""
    whole = bytearray(FAULTY.read_bytes())
    if kind == "garbage":
        return bytes(random.Random(kind).randbytes(8192))
    if kind == "cut":
        return bytes(whole[:500])
    if kind == "interpreter":
        at = whole.index(b"/lib64/ld-linux")
        whole[at:at + 4] = b"/non"
    if kind == "entry":
        struct.pack_into("<Q", whole, 24, 0x123456789)
        # without an interpreter, which would run before
        for header in range(struct.unpack_from("<H", whole, 56)[0]):
            at = struct.unpack_from("<Q", whole, 32)[0] + 56 * header
            if struct.unpack_from("<I", whole, at)[0] == 3:
                struct.pack_into("<I", whole, at, 0)
    return bytes(whole)


def bad_program(lab, case, kind):
    """A file that says it is a program."""
    path = lab.scratch / kind
    path.write_bytes(spoiled(kind))
    path.chmod(0o755)
    done = lab.space.run(path, options=["-n", case.name])
    return done.returncode, done.stdout


# ---- a server with a handler of its own ---------------------------------------------------------------

def redis(lab, case):
    """redis-server DEBUG SEGFAULT: it catches its signal, writes, and dies of it.

    Without its memory test, which overwrites what its own threads may be using just then.
    """
    if not shutil.which("redis-server"):
        raise Skip("redis-server is not installed")
    path = lab.scratch / "redis"
    process = lab.space.popen(tool("redis-server"), "--port", "0", "--unixsocket", path,
                              "--save", "", "--enable-debug-command", "yes",
                              "--crash-memcheck-enabled", "no", "--dir", lab.scratch,
                              options=["-n", case.name])
    for line in process.stdout:
        if "ready to accept connections" in line.lower():
            break
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        sock.sendall(b"DEBUG SEGFAULT\r\n")
        return end(process)
