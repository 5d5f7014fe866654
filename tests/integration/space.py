"""A space of its own for each test, with the commands that were just built.

    class MyTest(SpaceTest):
        def test_something(self):
            done = self.space.run("echo", "hello")
            self.assertEqual(done.stdout, "hello\\n")
            self.space.check_no_escapes()

TPROC_BUILD names the build directory (meson test sets it).  Tests wait for events; TIMEOUT and
PATIENCE only end a test that would hang.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest
from typing import NamedTuple

import wire

BUILD = pathlib.Path(os.environ.get("TPROC_BUILD", "build")).resolve()
PROGRAMS = BUILD / "tests/integration/programs"
TIMEOUT = 60
PATIENCE = 20

# include/tproc/abi.h: the toolkit's own memory
RESERVED_LO = 0x67000000
RESERVED_HI = 0x7C000000
PAGE = 4096

# what may follow the image of a position-dependent program: stubs of its patched sites
STUBS_SIZE = 1 << 16


def heed_signals():
    """Those that a background job, or nohup, ignores: programs would inherit that."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


heed_signals()


def command(name):
    """Path of a command in the build directory."""
    for place in ("bin", "loader/client", "loader/server", "loader", "inspect"):
        path = BUILD / place / name
        if path.is_file():
            return str(path)
    raise FileNotFoundError(f"{name} is not built in {BUILD}")


def program(name):
    """Path of one of the test programs; skips the test where it could not be built."""
    path = PROGRAMS / name
    if not path.exists():
        raise unittest.SkipTest(f"{name} was not built")
    return str(path)


def tool(name):
    """Path of a program of the system; skips the test where it is not installed."""
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not path:
        raise unittest.SkipTest(f"{name} is not installed")
    return path


class Mapping(NamedTuple):
    """A line of /proc/PID/maps."""

    lo: int
    hi: int
    perms: str
    name: str

    def __str__(self):
        return f"{self.lo:x}-{self.hi:x} {self.perms} {self.name}"


KERNEL_MAPPINGS = re.compile(r"\[(vdso|vvar.*|vsyscall|stack|uprobes)\]")


def fixed_span(path):
    """Where the segments of a position-dependent program lie, or None for another program."""
    with open(path, "rb") as file:
        head = file.read(64)
        kind, = struct.unpack_from("<H", head, 16)
        if kind != 2:  # ET_EXEC
            return None
        phoff, = struct.unpack_from("<Q", head, 32)
        phnum, = struct.unpack_from("<H", head, 56)
        file.seek(phoff)
        table = file.read(phnum * 56)
    loads = [struct.unpack_from("<IIQQQQQQ", table, 56 * i) for i in range(phnum)]
    spans = [(p[3], p[3] + p[6]) for p in loads if p[0] == 1]  # PT_LOAD: vaddr, memsz
    lo = min(lo for lo, _ in spans)
    hi = max(hi for _, hi in spans)
    return lo & -PAGE, (hi + PAGE - 1) & -PAGE


class Space:
    """A space in a runtime directory of its own."""

    def __init__(self, name="test", runtime=None):
        self.name = name
        self.runtime = runtime or tempfile.mkdtemp(prefix="tproc-")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("TPROC_")}
        self.env.update(XDG_RUNTIME_DIR=self.runtime, LC_ALL="C.UTF-8",
                        XDG_CACHE_HOME=str(pathlib.Path(self.runtime) / "cache"),
                        XDG_STATE_HOME=str(pathlib.Path(self.runtime) / "state"),
                        TPROC_DEBUG_DIR="")  # answers do not depend on what is installed
        self.directory = pathlib.Path(self.runtime) / "tproc" / name

    # ---- programs -------------------------------------------------------------------------

    def argv(self, argv, options=()):
        """The command line that runs argv in this space."""
        return [command("tprun"), "-s", self.name, *options, *map(str, argv)]

    def run(self, *argv, options=(), **kwargs):
        """Runs a program to its end; its output is text."""
        kwargs.setdefault("env", self.env)
        if "input" not in kwargs:
            kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(self.argv(argv, options), check=False, text=True, timeout=TIMEOUT,
                              stdout=kwargs.pop("stdout", subprocess.PIPE),
                              stderr=kwargs.pop("stderr", subprocess.PIPE), **kwargs)

    def popen(self, *argv, options=(), **kwargs):
        """Starts a program; its three standard descriptors are pipes."""
        kwargs.setdefault("env", self.env)
        for stream in ("stdin", "stdout", "stderr"):
            kwargs.setdefault(stream, subprocess.PIPE)
        return subprocess.Popen(self.argv(argv, options), text=True, **kwargs)

    @contextlib.contextmanager
    def running(self, *argv, **kwargs):
        """A program that is ended with the block, if it has not ended by itself."""
        process = self.popen(*argv, **kwargs)
        try:
            yield process
        finally:
            process.kill()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
            process.wait(TIMEOUT)

    # ---- the server -------------------------------------------------------------------------

    def connect(self):
        """A connection to the server, which has to be there."""
        directory = os.open(self.directory, os.O_PATH)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.settimeout(TIMEOUT)
        try:
            sock.connect(f"/proc/self/fd/{directory}/socket")
        except OSError:
            sock.close()
            raise
        finally:
            os.close(directory)
        return sock

    def ping(self):
        """(server pid, agent pid or 0, live threadprocs); the server has to be there."""
        with self.connect() as sock:
            wire.send(sock, wire.packet(wire.PING))
            return wire.receive(sock).pong()[:3]

    def is_up(self):
        """True when the server answers."""
        try:
            return bool(self.ping())
        except (FileNotFoundError, ConnectionError):
            return False

    def until(self, condition, what, detail=lambda: ()):
        """Asks the server for signs of life until the condition holds.

        Each question goes once around the server's loop, so this waits for what the server
        does and not for the clock.
        """
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                found = "\n".join(map(str, detail()))
                raise AssertionError(f"not within {PATIENCE} s: {what}\n{found}")
            self.ping()

    def start(self):
        """Makes sure that the server is there; returns the pids of server and agent."""
        done = self.run("/bin/true")
        assert done.returncode == 0, (done, self.log())
        return self.ping()[:2]

    def log(self):
        """What the server had to say."""
        path = self.directory / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self):
        """Ends the server and removes everything."""
        if self.is_up():
            subprocess.run([command("tpserver"), "--space", self.name, "--stop"], env=self.env,
                           check=False, timeout=TIMEOUT, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        shutil.rmtree(self.runtime, ignore_errors=True)

    # ---- looking ------------------------------------------------------------------------------

    def inspect(self, line):
        """The JSON answer of tpinspect to one command."""
        done = subprocess.run([command("tpinspect"), "-s", self.name, "--json", "-c", line],
                              env=self.env, check=False, text=True, timeout=TIMEOUT,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            raise AssertionError(f"tpinspect -c '{line}': {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def threadprocs(self, state=None):
        """The records of the registry, of one state if that is given."""
        return [tp for tp in self.inspect("list")["threadprocs"] if state in (None, tp["state"])]

    def until_loaded(self, name, library="libc."):
        """Waits until a library of a component is on record, shortly after it was mapped."""
        self.until(lambda: any(library in m["path"]
                               for m in self.inspect(f"modules {name}")["modules"]),
                   f"{library} of {name} is known")

    def maps(self, pid=None):
        """The mappings of the space."""
        pid = pid or self.ping()[1]
        mappings = []
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
            for line in file:
                span, perms, _, _, _, *name = line.split(maxsplit=5)
                lo, hi = (int(x, 16) for x in span.split("-"))
                mappings.append(Mapping(lo, hi, perms, name[0].strip() if name else ""))
        return mappings

    def escapes(self):
        """Mappings of nobody: neither in a slot, nor the toolkit's, nor the kernel's."""
        spans = [(RESERVED_LO, RESERVED_HI)]
        for tp in self.threadprocs():
            spans += [(int(s["lo"], 16), int(s["hi"], 16)) for s in tp["slots"]]
            if tp["state"] != "exited" and (fixed := fixed_span(tp["program"])):
                spans.append((fixed[0], fixed[1] + STUBS_SIZE))
        found = [m for m in self.maps()
                 if not KERNEL_MAPPINGS.fullmatch(m.name)
                 and not any(lo <= m.lo and m.hi <= hi for lo, hi in spans)]
        # the page that keeps the kernel's own brk from growing
        barriers = [m for m in found if m.perms.startswith("---") and m.hi - m.lo == PAGE]
        return [m for m in found if m not in barriers[:1]]

    def check_no_escapes(self):
        """Every mapping lies where it should; what a program has left behind counts too.

        An image outside all slots goes shortly after its program; what escaped would stay.
        """
        self.until(lambda: not self.escapes(), "no mapping outside all slots", self.escapes)


def fd_count(pid):
    """How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


class SpaceTest(unittest.TestCase):
    """A test with a space, which is ended with it.  What the server logged is shown on failure."""

    maxDiff = None

    def setUp(self):
        self.space = Space()
        self.addCleanup(self.space.close)
        self.addCleanup(self.show_log)

    def show_log(self):
        """Cleanups run after the outcome is known."""
        result = getattr(self._outcome, "result", None)
        failed = result and any(test is self for test, _ in result.errors + result.failures)
        if failed:
            print(f"--- server.log of {self.id()}\n{self.space.log()}---")

    def assert_runs(self, *argv, stdout=None, status=0, **kwargs):
        """Runs a program, expects its status and output, and no mapping outside its slot."""
        done = self.space.run(*argv, **kwargs)
        self.assertEqual(done.returncode, status, done)
        if stdout is not None:
            self.assertEqual(done.stdout, stdout, done)
        self.space.check_no_escapes()
        return done

    def assert_same_as_native(self, *argv, **kwargs):
        """Runs a program in the space and outside, and expects the same output and status."""
        native = subprocess.run([str(a) for a in argv], check=False, text=True, timeout=TIMEOUT,
                                env=self.space.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
        done = self.space.run(*argv, **kwargs)
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (native.returncode, native.stdout, native.stderr))
        self.space.check_no_escapes()
        return done

    def assert_line(self, process, expected):
        """The next line that a running program writes."""
        line = process.stdout.readline()
        self.assertEqual(line.rstrip("\n"), expected, line or process.stderr.read())

    def assert_ends(self, process, status):
        """A running program ends, with this status as subprocess has it (-N: by signal N)."""
        self.assertEqual(process.wait(TIMEOUT), status)


def main():
    """For the test files: SIGINT ends a run with its spaces cleaned up."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    unittest.main(verbosity=2)
