#!/usr/bin/env python3
"""Core files: what a verb tells of one is what it told of the space at that moment."""

import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import unittest

import space

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))

from golden import Scene, cases  # noqa: E402

# A core has the threads of one component: what is asked of another is asked of that one here.
INSTEAD = {"map": "map one", "diff": "diff one", "fds": "fds one"}
# Cases that a core cannot answer, and why.
NOT_IN_CORE = {}
# Beside "null" and "unknown", what may differ: how it was found out, and the kernel's own view.
MAY_DIFFER = {"bytes_read", "frozen_ns", "frozen_max_ns", "stopped", "live", "signals", "pages", "kernel_function"}
# The core is taken later, and being dumped takes a stopped thread some time, too.
GROWS = {"user_ns", "system_ns"}
SOME_TIME = 10**9
PERMS = re.compile(r"([r-][w-][x-])[?]")


def compare(live, core, where=""):
    """What a core tells otherwise than the living, as lines; that it does not know is fine."""
    if core is None or core == "unknown" or core == live:
        return
    if isinstance(live, dict) and isinstance(core, dict):
        if live.keys() != core.keys():
            yield f"{where}: members {sorted(live.keys() ^ core.keys())}"
        for key in live.keys() & core.keys() - MAY_DIFFER:
            if key in GROWS and core[key] is not None and 0 <= core[key] - live[key] < SOME_TIME:
                continue
            yield from compare(live[key], core[key], f"{where}.{key}")
    elif isinstance(live, list) and isinstance(core, list) and len(live) == len(core):
        for i, (a, b) in enumerate(zip(live, core)):
            yield from compare(a, b, f"{where}[{i}]")
    elif isinstance(live, str) and isinstance(core, str) and PERMS.search(core):
        # whether memory is shared is not in a core
        if not re.fullmatch(PERMS.sub(r"\1.", re.escape(core).replace("\\?", "?")
                                      .replace("\\-", "-")), live):
            yield f"{where}: {live!r}, core: {core!r}"
    else:
        yield f"{where}: {live!r}, core: {core!r}"


class Same(unittest.TestCase):
    """The golden scene, stopped, and a core that gcore takes of one of its components."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.gcore = space.tool("gcore")
        cls.scene = Scene()
        cls.addClassCleanup(cls.scene.__exit__)
        cls.scene.__enter__()
        cls.space = cls.scene.space
        cls.space.until(cls.scene.all_wait, "each thread waits")
        running = cls.space.threadprocs("running")
        for tp in running:
            os.kill(tp["pid"], signal.SIGSTOP)
        cls.space.until(lambda: len(cls.space.threadprocs("stopped")) == len(running),
                        "all are stopped")
        cls.live = {name: cls.ask_live(cls.line(name, asked)) for name, asked in cases()}
        cls.core = cls.dump(next(tp for tp in running if tp["name"] == "one"))

    @classmethod
    def line(cls, name, asked):
        """The command of a case, with its addresses."""
        return cls.scene.filled_in(INSTEAD.get(name, asked))

    @classmethod
    def ask_live(cls, line):
        """The answer of the living space."""
        return cls.scene.ask(line)

    @classmethod
    def dump(cls, tp):
        """A core of the space; its path."""
        prefix = f"{cls.space.runtime}/core"
        subprocess.run([cls.gcore, "-o", prefix, str(tp["pid"])], check=True,
                       timeout=space.TIMEOUT, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return f"{prefix}.{tp['pid']}"

    def ask_core(self, line):
        """The answer of the core."""
        done = subprocess.run([space.command("tpinspect"), "--core", self.core, "--json", "-c",
                               line], env=self.space.env, check=False, text=True,
                              timeout=space.TIMEOUT, capture_output=True)
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            return {"no JSON": done.stdout + done.stderr}

    def test_every_verb(self):
        """Each golden case, live and on the core."""
        for name, asked in cases():
            if name in NOT_IN_CORE:
                continue
            with self.subTest(name):
                core = self.ask_core(self.line(name, asked))
                self.assertEqual(list(compare(self.live[name], core)), [])

    def test_stream(self):
        """Many addresses at once: the same lines, live and on the core."""
        mappings = self.space.maps()
        lines = "".join(f"{m.lo + offset:x}\n" for m in mappings for offset in (0, 0x123))
        answers = [subprocess.run([space.command("tpinspect"), *what, "-c", "owner -"],
                                  env=self.space.env, check=False, text=True, input=lines,
                                  timeout=space.TIMEOUT, capture_output=True).stdout
                   for what in (("-s", self.space.name), ("--core", self.core))]
        live, core = ([line.split("\t") for line in answer.splitlines()] for answer in answers)
        self.assertEqual(len(live), 2 * len(mappings))
        # a core by gcore has no threads but of the one that was dumped, and the kernel's own
        # pages are not in it
        differing = [(a, b) for a, b in zip(live, core)
                     if a != b and a[1] != "-" and "thread" not in a[-1]]
        self.assertEqual(differing, [])

    def test_registers(self):
        """The threads of the dumped component are there with their stacks, the others' are not."""
        answer = self.ask_core("bt one")
        self.assertEqual(len(answer["threads"]), 2)
        self.assertIn("main", str(answer["threads"][0]))
        answer = self.ask_core("bt two")
        self.assertIn("no threads of threadproc 2", str(answer))

    def test_positional(self):
        """A file alone is a core."""
        done = subprocess.run([space.command("tpinspect"), self.core, "-c", "list"],
                              env=self.space.env, check=False, text=True, capture_output=True,
                              timeout=space.TIMEOUT)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("one", done.stdout)

    def test_cut(self):
        """A core that was cut is read as far as it goes, and that is said."""
        cut = pathlib.Path(self.space.runtime, "cut")
        with open(self.core, "rb") as whole, open(cut, "wb") as file:
            size = os.fstat(whole.fileno()).st_size
            os.copy_file_range(whole.fileno(), file.fileno(), size - 300000)
        done = subprocess.run([space.command("tpinspect"), "--core", cut, "-c", "list"],
                              env=self.space.env, check=False, text=True, capture_output=True,
                              timeout=space.TIMEOUT)
        self.assertRegex(done.stderr, "is cut|is damaged|missing")


class Refused(unittest.TestCase):
    """What is no core of a space."""

    def status(self, *argv):
        """Exit status and what was said."""
        done = subprocess.run([space.command("tpinspect"), *argv, "-c", "list"], check=False,
                              text=True, capture_output=True, timeout=space.TIMEOUT)
        self.assertEqual(done.stdout, "")
        return done.returncode, done.stderr

    def test_other_files(self):
        """No file, no core, both a space and a core."""
        self.assertEqual(self.status("--core", "/nonexistent"),
                         (1, "tpinspect: /nonexistent: no such file\n"))
        status, said = self.status("--core", space.command("tpinspect"))
        self.assertEqual((status, "not a core file" in said), (1, True))
        self.assertEqual(self.status("-s", "a", "--core", "b")[0], 2)
        self.assertEqual(self.status("nothing-of-that-name")[0], 2)

    def test_other_core(self):
        """A core, but of no space."""
        gcore = space.tool("gcore")
        with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as process:
            directory = self.enterContext(space.tempfile.TemporaryDirectory())
            subprocess.run([gcore, "-o", f"{directory}/core", str(process.pid)], check=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=space.TIMEOUT)
            process.stdin.close()
        status, said = self.status("--core", f"{directory}/core.{process.pid}")
        self.assertEqual(status, 3)
        self.assertIn("of no space", said)


class ByKernel(space.SpaceTest):
    """A core that the kernel writes when a component crashes."""

    def setUp(self):
        super().setUp()
        pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
        if not re.fullmatch(r"[\w.%]+", pattern) or resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
            self.skipTest("the kernel writes no core file into the working directory")

    def crash(self, *argv):
        """Runs a program that crashes; the core it leaves."""
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        done = self.space.run(*argv, cwd=self.space.runtime,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE,
                                                                    (hard, hard)))
        self.assertLess(done.returncode, 0, done)
        found = [p for p in pathlib.Path(self.space.runtime).iterdir() if p.name.startswith("core")]
        if not found:
            self.skipTest("the kernel wrote no core file")
        return found[0]

    def ask(self, core, line):
        """The answer of the core."""
        done = subprocess.run([space.command("tpinspect"), core, "--json", "-c", line],
                              env=self.space.env, check=True, text=True, timeout=space.TIMEOUT,
                              stdout=subprocess.PIPE)
        return json.loads(done.stdout)

    def test_crash(self):
        """Who crashed and where; the neighbour's memory, what the kernel left to files included."""
        with self.space.running(space.program("examined"), options=["-n", "neighbour"]) as process:
            words = process.stdout.readline().split()
            noise, strings, code = (int(words[i], 16) for i in (0, 1, 7))
            live = [self.space.inspect(line) for line in (
                f"x/8xg {noise:x}", f"x/9s {strings:x}", f"x/20i {code:x}",
                f"search --in=neighbour {noise:#x}")]
            core = self.crash("/bin/sh", "-c", "kill -ABRT $$")
            dumped = [self.ask(core, line) for line in (
                f"x/8xg {noise:x}", f"x/9s {strings:x}", f"x/20i {code:x}",
                f"search --in=neighbour {noise:#x}")]
        for a, b in zip(live, dumped):
            self.assertEqual(list(compare(a, b)), [])
        states = {tp["name"]: tp["threads"] for tp in self.ask(core, "list")["threadprocs"]}
        self.assertEqual(states, {"neighbour": None, "sh": 1})
        frames = self.ask(core, "bt sh")["threads"][0]["frames"]
        self.assertIn("kill", str(frames[0]["symbol"]))


if __name__ == "__main__":
    space.main()
