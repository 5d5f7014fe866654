#!/usr/bin/env python3
"""Core files of one component: debuggers that know nothing of spaces see what is there live."""

import json
import os
import pathlib
import re
import signal
import stat
import subprocess

import wire
from space import TIMEOUT, SpaceTest, command, main, program, tool
from test_core import compare

HOLD_CRASH = 16
CRASHED, LET_DIE = 15, 16
FORMS = ("pie", "exec", "static", "static-pie")
OWN = {"wait_here", "inner", "first_thread", "second_thread", "main"}
OWN_CXX = {"scene::Stage::play", "scene::perform<scene::Stage>", "main"}


def plain(name):
    """A function's name without its type, as every program has it."""
    return re.sub(r"^void ", "", re.sub(r"\(.*", "", name))


def gdb_calls(text, own):
    """{tid: own functions, innermost first} of what GDB shows."""
    threads = {}
    for part in re.split(r"^Thread ", text, flags=re.MULTILINE)[1:]:
        tid = int(re.search(r"LWP (\d+)", part).group(1))
        names = re.findall(r"^#\d+ +(?:0x[0-9a-f]+ in )?([^ ]+) \(", part, re.MULTILINE)
        threads[tid] = [plain(name) for name in names if plain(name) in own]
    return threads


def stack_calls(text, own):
    """The same of what eu-stack shows."""
    threads = {}
    for part in re.split(r"^TID ", text, flags=re.MULTILINE)[1:]:
        names = re.findall(r"^#\d+ +0x[0-9a-f]+ (?:- 1 )?(.*)$", part, re.MULTILINE)
        threads[int(part.split(":")[0])] = [plain(name) for name in names if plain(name) in own]
    return threads


def bt_calls(answer, own):
    """The same of what bt answers."""
    return {thread["tid"]: [plain(frame["symbol"]["name"]) for frame in thread["frames"]
                            if frame["symbol"] and plain(frame["symbol"]["name"]) in own]
            for thread in answer["threads"]}


class DumpTest(SpaceTest):
    def setUp(self):
        super().setUp()
        self.core = pathlib.Path(self.space.runtime, "core.file")

    def start(self, name):
        """A program that waits at known places, and its process."""
        process = self.enterContext(self.space.running(program(name), options=["-n", "dumped"]))
        self.assert_line(process, "ready")
        if "static" not in name:
            self.space.until_loaded("dumped")
        self.space.until(self.all_wait, "each thread waits")
        return process

    def all_wait(self):
        """Whether each thread has come to where it stays."""
        return all((thread["system_call"] or {}).get("name") == "read"
                   for thread in self.space.inspect("threads dumped")["threads"])

    def dump(self, *options):
        """Dumps the component; the answer."""
        return self.space.inspect(" ".join(["dump-core", *options, "dumped", str(self.core)]))

    def ask(self, *args):
        """What a program says of the core."""
        done = subprocess.run(args, env=self.space.env, check=False, text=True, timeout=TIMEOUT,
                              stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def gdb(self, name, *commands):
        """What GDB says of it."""
        words = [word for line in commands for word in ("-ex", line)]
        return self.ask(tool("gdb"), "-nx", "-batch", *words, program(name), str(self.core))

    def inspect_core(self, line):
        """tpinspect's answer about the core."""
        return json.loads(self.ask(command("tpinspect"), "--core", str(self.core), "--json",
                                   "-c", line))

    # ---- backtraces ---------------------------------------------------------------------

    def check_calls(self, name, own, threads):
        """Live, by tpinspect, by GDB and by eu-stack: the same calls."""
        process = self.start(name)
        answer = self.dump()
        self.assertEqual((answer["threads"], answer["threads_missing"], answer["lost"]),
                         (threads, 0, 0))
        live = self.space.inspect("bt dumped")
        calls = bt_calls(live, own)
        self.assertEqual(len(calls), threads)
        self.assertTrue(all(calls.values()), calls)
        self.assertEqual(list(compare(live, self.inspect_core("bt dumped"))), [])
        self.assertEqual(gdb_calls(self.gdb(name, "thread apply all bt"), own), calls)
        shown = self.ask(tool("eu-stack"), "--core", str(self.core), "-e", program(name))
        self.assertEqual(stack_calls(shown, own), calls)
        process.stdin.close()
        self.assert_ends(process, 0)
        return calls

    def test_forms(self):
        """Position-independent or not, dynamic or static, with threads."""
        for form in FORMS:
            with self.subTest(form):
                calls = self.check_calls(f"dumped-{form}", OWN, 3)
                self.assertIn(["wait_here", "main"], calls.values())
                self.assertIn(["wait_here", *["inner"] * 4, "first_thread"], calls.values())
                self.core.unlink()

    def test_cxx(self):
        """Members, templates, a handler of an exception."""
        calls, = self.check_calls("dumped-cxx", OWN_CXX, 1).values()
        self.assertEqual(calls, ["scene::Stage::play", "scene::perform<scene::Stage>", "main"])

    # ---- what is in it -------------------------------------------------------------------

    def test_notes(self):
        """The component's own vector, arguments, files; what others are is in the registry."""
        self.enterContext(self.space.running("/bin/cat", options=["-n", "neighbour"]))
        process = self.start("dumped-pie")
        record, = (tp for tp in self.space.threadprocs() if tp["name"] == "dumped")
        self.dump()
        show, = self.space.inspect("show dumped")["threadprocs"]
        notes = self.ask(tool("eu-readelf"), "-n", str(self.core))
        self.assertRegex(notes, rf"pid: {record['pid']}\b")
        self.assertRegex(notes, r"fname: dumped-pie\n")
        self.assertRegex(notes, rf"psargs: {re.escape(program('dumped-pie'))}")
        self.assertIn(f"PHDR: {show['places']['program_headers']}\n", notes)
        self.assertIn("PAGESZ: 4096", notes)
        self.assertRegex(notes, r"libc\.so\.6\n")
        self.assertNotIn("/bin/cat", notes)
        segments = self.ask(tool("eu-readelf"), "-l", str(self.core))
        self.assertRegex(segments, r"LOAD +0x[0-9a-f]+ 0x0*78000000 ")
        names = {tp["name"] for tp in self.inspect_core("list")["threadprocs"]}
        self.assertEqual(names, {"neighbour", "dumped"})
        said = self.gdb("dumped-pie", "print big[0]", "print big[1<<29]", "print big[1<<20]",
                        "print $xmm0.uint128", "info auxv")
        for line in ("$1 = 97 'a'", "$2 = 98 'b'", "$3 = 0 '\\000'", "$4 = "):
            self.assertIn(line, said)
        self.assertIn(program("dumped-pie"), re.search(r"AT_EXECFN.*", said).group(0))
        process.stdin.close()
        self.assert_ends(process, 0)

    def test_size(self):
        """It costs what is in memory: not the gigabyte that was reserved."""
        self.start("dumped-pie")
        answer = self.dump()
        status = os.stat(self.core)
        self.assertGreater(status.st_size, 1 << 30)
        self.assertLess(answer["copied"], 8 << 20)
        self.assertLess(status.st_blocks * 512, 16 << 20)

    def test_of_core(self):
        """A component's core, out of a core of it."""
        self.start("dumped-pie")
        live = self.space.inspect("bt dumped")
        self.dump()
        again = f"{self.core}.again"
        self.inspect_core(f"dump-core dumped {again}")
        self.core = pathlib.Path(again)
        self.assertEqual(list(compare(live, self.inspect_core("bt dumped"))), [])
        shown = self.gdb("dumped-pie", "thread apply all bt")
        self.assertEqual(gdb_calls(shown, OWN), bt_calls(live, OWN))

    # ---- crashes -------------------------------------------------------------------------

    def held(self, way):
        """A crash that is held, and the connection that holds it."""
        sock = self.enterContext(self.space.connect())
        wire.send_launch(sock, [program("crasher"), way], name=way.encode(), flags=HOLD_CRASH)
        while (message := wire.receive(sock)).type != CRASHED:
            for fd in message.fds:
                os.close(fd)
        return sock

    def test_crash(self):
        """The thread that crashed comes first, as it was, with its signal."""
        self.space.start()
        for way, function, number in (("null", "write_to_null", signal.SIGSEGV),
                                      ("thread", "write_to_null", signal.SIGSEGV),
                                      ("divide", "divide", signal.SIGFPE)):
            with self.subTest(way):
                sock = self.held(way)
                record, = self.space.inspect(f"crash {way}")["crashes"]
                self.space.inspect(f"dump-core --force {way} {self.core}")
                said = self.gdb("crasher", "bt", "print $_siginfo.si_signo", "print $rip",
                                "info threads")
                self.assertIn(f"terminated with signal {number.name}", said)
                self.assertRegex(said, rf"(?m)^#0 .*\b{function} \(")
                self.assertIn(f"$1 = {number.value}\n", said)
                self.assertRegex(said, rf"\* 1 .*LWP {record['tid']}\b")
                self.assertIn(f"{int(record['pc']['address'], 16):x} <{function}", said)
                frames = [thread["frames"] for thread in self.inspect_core(f"bt {way}")["threads"]
                          if thread["tid"] == record["tid"]]
                self.assertEqual(frames[0][0]["symbol"]["name"], function)
                wire.send(sock, wire.packet(LET_DIE))
                while wire.receive(sock).type != wire.EXITED:
                    pass

    # ---- the file ------------------------------------------------------------------------

    def refused(self, line, status):
        """What is said of a command that fails; nothing is left behind."""
        before = set(self.core.parent.iterdir())
        done = subprocess.run([command("tpinspect"), "-s", self.space.name, "-c", line],
                              env=self.space.env, check=False, text=True, timeout=TIMEOUT,
                              capture_output=True)
        self.assertEqual(done.returncode, status, done)
        self.assertEqual(set(self.core.parent.iterdir()), before)
        return done.stderr

    def test_file(self):
        """Nobody else can read it; what is there is kept, unless that is said."""
        self.start("dumped-pie")
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        self.dump()
        self.assertEqual(stat.S_IMODE(os.stat(self.core).st_mode), 0o600)
        inode = os.stat(self.core).st_ino
        self.assertIn("--force", self.refused(f"dump-core dumped {self.core}", 2))
        self.assertEqual(os.stat(self.core).st_ino, inode)
        self.dump("--force")
        self.assertNotEqual(os.stat(self.core).st_ino, inode)
        self.assertIn("no regular file", self.refused("dump-core --force dumped /dev/null", 2))
        self.assertIn("No such file", self.refused(f"dump-core dumped {self.core}/no/core", 1)
                      .replace("Not a directory", "No such file"))

    def test_nobody(self):
        """One that has ended, or never was."""
        self.space.run("/bin/true")
        self.space.until(lambda: self.space.threadprocs("exited"), "it has ended")
        self.assertIn("has ended", self.refused(f"dump-core true {self.core}", 1))
        self.refused(f"dump-core nobody {self.core}", 1)


if __name__ == "__main__":
    main()
