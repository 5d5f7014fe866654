#!/usr/bin/env python3
"""Programs that are debugged from their first instruction on: tprun --wait-debugger and tproc run."""

import re
import signal
import subprocess

from gdbtest import PROGRAMS, GdbTest, main
from space import command, tool
from terminal import CTRL_C, Terminal

WAITS = re.compile(r"tprun: process (\d+) waits for a debugger: tpgdb -s test (\d+)\n")


class WaitDebugger(GdbTest):
    def start(self, *argv, options=()):
        """Starts a program that waits; (tprun, pid, id)."""
        process = self.space.popen(*argv, options=["-n", "late", "--wait-debugger", *options])
        self.addCleanup(self.end, process)
        match = WAITS.fullmatch(process.stderr.readline())
        self.assertTrue(match)
        return process, int(match[1]), int(match[2])

    def end(self, process):
        process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
        process.wait()

    def test_held_at_the_first_instruction(self):
        process, _, _ = self.start(PROGRAMS / "worker", 7, 1)
        self.gdb("""
ex("tproc attach late")
equals(value("$pc"), sys.modules["tproc.debugger"].debugger.component().record.interp_entry)
equals([value("$" + name) for name in ("rax", "rdx", "rbp", "r12")], [0] * 4)
equals(value("*(long *) $sp"), 3)   # argc
ex("tproc break late main")
ex("continue")
equals((gdb.selected_frame().name(), value("argc")), ("main", 3))
ex("tproc tbreak late work")
ex("continue")
equals(gdb.selected_frame().name(), "work")
matches(ex("info sharedlibrary"), "Yes.*libc.so.6")
""")
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.stdin.write("check\n")
        process.stdin.flush()
        self.assertRegex(process.stdout.readline(), r"^rounds \d+ wrong 0$")

    def test_goes_on_when_left(self):
        process, _, _ = self.start("/bin/echo", "hello")
        self.gdb("""
ex("tproc attach late")
ex("tproc detach")
""")
        self.assertEqual(process.wait(), 0)
        self.assertEqual(process.stdout.read(), "hello\n")

    def test_a_debugger_that_knows_nothing(self):
        process, pid, _ = self.start("/bin/echo", "hello")
        subprocess.run([tool("gdb"), "-nx", "-batch", "-p", str(pid), "-ex", "continue"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env=self.environment(), timeout=60)
        self.assertEqual(process.wait(), 0)
        self.assertEqual(process.stdout.read(), "hello\n")

    def test_signals_end_it(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            with self.subTest(signal=number):
                process, _, _ = self.start("/bin/echo", "hello")
                process.send_signal(number)
                self.assertEqual(process.wait(), -number)
                self.assertEqual(process.stdout.read(), "")

    def test_static(self):
        """The first instruction is the program's own where there is no dynamic linker."""
        process, _, _ = self.start(PROGRAMS / "static")
        self.gdb("""
ex("tproc attach late")
equals(gdb.selected_frame().name(), "_start")
ex("tproc break late main")
ex("continue")
equals(gdb.selected_frame().name(), "main")
ex("delete")
ex("tproc detach")
""")
        self.assertEqual(process.wait(), 0)

    def test_followed(self):
        """It is attached and goes on by itself, with its breakpoints."""
        self.launch("left")
        self.gdb_in_loop(f"""
import subprocess
ex("tproc attach left --follow")
ex("tproc break late main")
---
ex("continue &")
process = subprocess.Popen({self.space.argv([PROGRAMS / "worker", 7, 1],
                                            ["-n", "late", "--wait-debugger"])!r},
                           stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
yield lambda: (all_stopped(3) and current() == "late"
               and gdb.selected_frame().name() == "main")
ex("delete")
ex("tproc detach")
process.stdin.close()
process.wait()
""")

    def test_usage(self):
        done = self.space.run("/bin/true", options=["--wait-debugger=loudly"])
        self.assertEqual(done.returncode, 125)
        self.assertIn("--wait-debugger takes nothing, or quiet", done.stderr)


class Run(GdbTest):
    """tproc run"""

    def setUp(self):
        super().setUp()
        self.make_fifos("own")
        self.command_line = (f"{PROGRAMS}/worker 5 2 < {self.fifos}/own.in "
                             f"> {self.fifos}/own.out 2> /dev/null")

    def test_all_stop(self):
        self.launch("left", threads=2)
        said = self.gdb(f"""
ex("tproc attach")
ex("tproc break own square")
for line_ in ("tproc run own {self.command_line}", "tproc run own"):
    ex(line_)
    equals(current(), "own")
    equals(value("$tproc(\\"own\\")"), 2)
    equals(gdb.selected_frame().name(), "_start")
    ex("continue")
    equals((current(), gdb.selected_frame().name()), ("own", "square"))
    equals(value("component"), 5)
    gdb.breakpoints()[0].enabled = False
    tell("own", "thread")
    ex("tproc tbreak own do_thread")
    ex("continue")
    equals((current(), gdb.selected_frame().name()), ("own", "do_thread"))
    gdb.breakpoints()[0].enabled = True
    ex("kill inferiors 2")
    equals(value("$tproc(\\"own\\")"), 0)
    ex("tproc select left")
ex("tproc detach")
""")
        self.assertNotIn("waits for a debugger", said)

    def test_non_stop(self):
        self.launch("left", threads=2)
        self.gdb_in_loop(f"""
ex("set non-stop on")
ex("tproc attach")
ex("tproc break own square")
yield lambda: all_stopped(3)
ex("continue -a &")
ex("tproc run own {self.command_line}")
own = lambda: [t for i in gdb.inferiors() if i.num == 2 for t in i.threads()]
yield lambda: sys.modules["tproc.attach"].queue.is_empty
equals(value("$tproc(\\"own\\")"), 2)
equals([t.is_stopped() for t in own()], [True])
holds(all(t.is_running() for i in gdb.inferiors() if i.num == 1 for t in i.threads()))
ex("tproc select own")
equals(gdb.selected_frame().name(), "_start")
ex("continue &")
yield lambda: sum(t.is_stopped() for t in own()) == 2
[t for t in own() if t.is_stopped()][0].switch()
equals((current(), gdb.selected_frame().name(), value("component")), ("own", "square", 5))
ex("tproc select left")
ex("kill inferiors 2")
yield lambda: len(gdb.inferiors()) == 1
ex("interrupt -a")
yield lambda: all_stopped(3)
ex("tproc detach")
""")

    def test_surroundings(self):
        """Directory, environment, arguments and signals are those of GDB, as for its own "run"."""
        self.gdb(f"""
os.chdir("/usr/bin")
os.environ["OF_THE_TEST"] = "a b"
ex('tproc run own sh -c \\'pwd; echo "$OF_THE_TEST $0 $(trap)"\\' \\'two  words\\' > {self.fifos}/own.out')
ex("continue")
equals(hear("own"), "/usr/bin")
equals(hear("own"), "a b two  words ")
""")

    def test_lives_on(self):
        self.gdb(f"""
ex("tproc run own {self.command_line}")
""")
        self.assertEqual(self.hear_line("own"), "ready")
        self.tell("own", "check")
        self.assertRegex(self.hear_line("own"), r"^rounds \d+ wrong 0$")
        self.tell("own", "exit 0")

    def hear_line(self, name):
        with open(self.fifos / f"{name}.out", encoding="ascii") as file:
            return file.readline().rstrip("\n")

    @staticmethod
    def go_on(terminal):
        """Until both of its threads are seen to run."""
        terminal.type("continue\r")
        terminal.expect("Continuing.")
        seen = []
        while len(seen) < 2 or seen[0] == seen[-1]:
            terminal.type("check\r")
            terminal.expect("rounds ")
            seen.append(terminal.expect(" wrong 0"))

    def test_terminal(self):
        """The program has GDB's terminal while it runs; Ctrl-C stops it once, and is not given to it."""
        with Terminal(self.command(), self.environment()) as terminal:
            terminal.expect("(gdb) ")
            terminal.type(f"tproc run own {PROGRAMS}/worker 5 1\r")
            terminal.expect("(gdb own) ")
            for _ in range(3):
                self.go_on(terminal)
                terminal.type(CTRL_C)
                before = terminal.expect("(gdb own) ")
                self.assertEqual(before.count("received signal SIGINT"), 1, before)
            terminal.type(CTRL_C)  # it is GDB's now
            terminal.expect("Quit")
            self.go_on(terminal)
            terminal.type("exit 3\r")
            before = terminal.expect("(gdb) ")
            self.assertRegex(before, "exited with code 03")
            self.assertNotIn("SIGINT", before)
            terminal.type("quit\r")
            self.assertEqual(terminal.end(), 0)

    def test_refusals(self):
        said = self.gdb("""
refuses("tproc run", "usage")
refuses("tproc run own", "nothing was run as own")
refuses("tproc run own /nowhere/at/all", "own was not launched")
equals(len(gdb.inferiors()), 1)
""")
        self.assertIn("tprun: /nowhere/at/all:", said)

    def test_makes_the_space(self):
        environment = self.environment
        self.environment = lambda: {**environment(), "TPROC_SPACE": "another"}
        self.gdb(f"""
ex("tproc run own /bin/true")
equals(current(), "own")
ex("continue")
""")
        subprocess.run([command("tpserver"), "-s", "another", "--stop"], env=self.space.env,
                       check=True, stdout=subprocess.DEVNULL, timeout=60)


if __name__ == "__main__":
    main()
