"""GDB tests: components that check themselves, GDB headless, and after it nobody was harmed.

    class MyTest(GdbTest):
        def test_something(self):
            self.launch("a")
            self.gdb('''
                ex("tproc attach a")
                ...
            ''')

A script is Python that runs within GDB, after prelude.py.  It has passed when GDB's exit status is 0
and its last line is there.  Then, and always: the text of everybody is what it was, everybody
lives and has calculated right, nobody is traced, the auxiliary vector is the space's own.
"""

import hashlib
import os
import pathlib
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
from typing import NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

# pylint: disable=wrong-import-position
from space import BUILD, SpaceTest, main, tool  # noqa: E402,F401

PROGRAMS = BUILD / "tests/gdb/programs"
SENTINEL = "the script came to its end"
FAILED = "the script failed"
PATIENCE = 180


class Worker(NamedTuple):
    """A component that was launched."""

    name: str
    id: int
    pid: int
    process: subprocess.Popen


def digest(data):
    return hashlib.sha256(data).hexdigest()


class GdbTest(SpaceTest):
    """A space, components in it, and GDB."""

    WORKER = "worker"
    PATIENCE = PATIENCE  # seconds, for a script of GDB's

    def setUp(self):
        super().setUp()
        tool("gdb")
        self.fifos = pathlib.Path(tempfile.mkdtemp(prefix="fifos-", dir=self.space.runtime))
        self.ends = {}
        self.workers = {}
        self.expected_gone = set()
        self.start_space()
        self.addCleanup(self.end_all)

    def start_space(self):
        """Before anything is launched."""
        self.space.start()

    # ---- components --------------------------------------------------------------------------

    def make_fifos(self, name):
        """Pipes with names, held open here so that nobody who opens one has to wait."""
        for suffix in ("in", "out"):
            path = self.fifos / f"{name}.{suffix}"
            os.mkfifo(path)
            self.ends[name, suffix] = os.open(path, os.O_RDWR)

    def launch(self, name, *, program=None, threads=1, fast=False, options=()):
        """Starts a worker and waits until it says that it is ready."""
        self.make_fifos(name)
        argv = [PROGRAMS / (program or self.WORKER), len(self.workers) + 1, threads]
        process = subprocess.Popen(
            self.space.argv(argv + (["fast"] if fast else []), ["-n", name, *options]),
            env=self.space.env, stdin=self.ends[name, "in"], stdout=self.ends[name, "out"])
        worker = Worker(name, 0, 0, process)
        self.workers[name] = worker
        self.assertEqual(self.hear(name), "ready")
        self.space.until(lambda: self.record(name), f"{name} runs")
        record = self.record(name)
        self.workers[name] = worker._replace(id=record["id"], pid=record["pid"])
        return self.workers[name]

    def record(self, name):
        found = [tp for tp in self.space.threadprocs() if tp["name"] == name and
                 tp["state"] in ("running", "stopped")]
        return found[-1] if found else None

    def tell(self, name, text):
        os.write(self.ends[name, "in"], text.encode() + b"\n")

    def hear(self, name):
        """The next line of a component's."""
        line = b""
        end = self.ends[name, "out"]
        while not line.endswith(b"\n"):
            if select.select([end], [], [], 1)[0]:
                line += os.read(end, 1)
            else:
                self.assertIsNone(self.workers[name].process.poll(), f"{name} has ended")
        return line.decode().rstrip("\n")

    def ask(self, name, text):
        self.tell(name, text)
        return self.hear(name)

    def end_all(self):
        for worker in self.workers.values():
            worker.process.kill()
            worker.process.wait()
        for fd in self.ends.values():
            os.close(fd)

    # ---- GDB ---------------------------------------------------------------------------------

    def environment(self):
        another = {"TPROC_GDB": os.environ["TPROC_GDB"]} if "TPROC_GDB" in os.environ else {}
        return {**self.space.env, **another, "TPROC_SPACE": self.space.name,
                "HOME": self.space.runtime,
                "TPROC_TEST_FIFOS": str(self.fifos), "TERM": "dumb", "COLUMNS": "200",
                "TPROC_TEST_SOURCE": str(HERE / "programs/worker.c"),
                "TPROC_TEST_PLUGGED": str(PROGRAMS / "plugged.so")}

    def command(self, *args, options=("--none",)):
        return [str(BUILD / "gdb/tpgdb"), *options, "--", "-nx", *args]

    def script(self, body, function="test"):
        """A file with a script."""
        text = (HERE / "prelude.py").read_text(encoding="utf-8")
        text += f"\n\n{function}({textwrap.dedent(body)!r})\n"
        path = pathlib.Path(self.space.runtime) / "script.py"
        path.write_text(text, encoding="utf-8")
        return str(path)

    def gdb(self, body):
        """Runs a script to its end; returns all that GDB said."""
        texts = self.texts()
        command = self.command("-batch", "-x", self.script(body))
        try:
            done = subprocess.run(command, env=self.environment(), check=False, text=True,
                                  timeout=self.PATIENCE, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except subprocess.TimeoutExpired as error:
            self.fail(f"GDB does not come to an end:\n{(error.output or b'').decode()}")
        return self.judge(done.returncode, done.stdout, texts)

    def gdb_in_loop(self, body):
        """The same beside GDB's event loop (prelude.py), which is at its prompt meanwhile.

        GDB is told to quit from there: from within Python it may crash on its way out.
        """
        texts = self.texts()
        process = subprocess.Popen(
            self.command("-ex", "set pagination off", "-ex", "set confirm off", "-x",
                         self.script(body, "test_in_loop")),
            env=self.environment(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        watchdog = threading.Timer(self.PATIENCE, process.kill)
        watchdog.start()
        said = []
        for line in process.stdout:
            said.append(line)
            if line.rstrip("\n").endswith((SENTINEL, FAILED)):
                break
        rest, _ = process.communicate("quit\n")
        watchdog.cancel()
        return self.judge(process.returncode, "".join(said) + rest, texts)

    def judge(self, status, said, texts):
        self.assertEqual(status, 0, said)
        self.assertRegex(said, rf"(?m)^(\(gdb.*\) )?{SENTINEL}$", said)
        self.check_unharmed(texts)
        return said

    # ---- nobody was harmed -------------------------------------------------------------------

    def executable(self, pid):
        """Executable mappings of the space, but for those of the kernel's."""
        return [m for m in self.space.maps(pid) if "x" in m.perms and not m.name.startswith("[")]

    def texts(self):
        """What lies in each executable mapping of the components that live."""
        living = [self.record(name) for name in self.workers]
        spans = [(int(s["lo"], 16), int(s["hi"], 16)) for record in living if record
                 for s in record["slots"]]
        agent = self.space.ping()[1]
        fd = os.open(f"/proc/{agent}/mem", os.O_RDONLY)
        try:
            return {str(m): digest(os.pread(fd, m.hi - m.lo, m.lo)) for m in self.executable(agent)
                    if any(lo <= m.lo < hi for lo, hi in spans)}
        finally:
            os.close(fd)

    def check_unharmed(self, texts):
        """texts is what they were before."""
        now = self.texts()
        kept = {place: text for place, text in texts.items() if place in now}
        self.assertTrue(now or not self.workers)
        self.assertEqual({place: now[place] for place in kept}, kept, "text was changed")
        for name, worker in self.workers.items():
            if name not in self.expected_gone:
                self.check_worker(name, worker)
        self.check_default_auxv()

    def check_worker(self, name, worker):
        """It lives, untraced, goes on calculating, and has always been right."""
        self.assertIsNone(worker.process.poll(), f"{name} has ended")
        self.space.until(lambda: not self.held(worker), f"{name} is neither traced nor stopped",
                         lambda: self.held(worker))
        first = self.check_sums(name)
        while self.check_sums(name) <= first:
            pass

    @staticmethod
    def held(worker):
        """Tasks of a worker that are traced, or stopped."""
        found = []
        for task in os.listdir(f"/proc/{worker.pid}/task"):
            with open(f"/proc/{worker.pid}/task/{task}/status", encoding="utf-8") as file:
                status = file.read()
            if not re.search(r"TracerPid:\t0\n", status) or re.search(r"State:\t[tT]", status):
                found.append(task)
        return found

    def check_sums(self, name):
        """Rounds so far, of which none was wrong."""
        answer = self.ask(name, "check")
        match = re.fullmatch(r"rounds (\d+) wrong (\d+)", answer)
        self.assertTrue(match, answer)
        self.assertEqual(match[2], "0", f"{name} has calculated wrong")
        return int(match[1])

    def shown_auxv(self):
        with open(f"/proc/{self.space.ping()[1]}/auxv", "rb") as file:
            return dict(struct.iter_unpack("QQ", file.read()))

    def check_default_auxv(self):
        """The agent's own program headers are shown again, shortly after a debugger's end."""
        self.space.until(lambda: self.shown_auxv()[3] >> 24 == 0x70, "AT_PHDR is the agent's")
        self.assertNotIn(6, self.shown_auxv(), "AT_PAGESZ")

    def kill_gdb(self, process):
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
