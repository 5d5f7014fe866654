#!/usr/bin/env python3
"""GDB as it is used otherwise: at a terminal, by a front end, twice at once, through gdbserver, without tpgdb."""

import subprocess
import threading

from gdbtest import BUILD, PATIENCE, GdbTest, main

from space import tool
from terminal import CTRL_C, Terminal


class Fronts(GdbTest):
    token = 0  # of the last command of the machine interface

    def setUp(self):
        super().setUp()
        for name in ("left", "right"):
            self.launch(name)

    def test_typed(self):
        """At the prompt: attach, Ctrl-C while all run, look, go on, Ctrl-C again, quit."""
        texts = self.texts()
        with Terminal(self.command(), self.environment()) as terminal:
            terminal.expect("(gdb) ")
            terminal.type("tproc attach left\r")
            terminal.expect("(gdb left) ")
            terminal.type("tproc attach right\r")
            terminal.expect("is inferior 2")
            terminal.expect("(gdb right) ")
            for _ in range(2):
                terminal.type("continue\r")
                terminal.expect("Continuing.")
                terminal.type(CTRL_C)
                terminal.expect("received signal SIGINT")
                terminal.expect(") ")
            terminal.type("tproc print all component\r")
            terminal.expect("right (3): $")
            terminal.type("set confirm off\rquit\r")
            self.assertEqual(terminal.end(), 0)
        self.check_unharmed(texts)

    def test_two_debuggers(self):
        """Each has a component; another one attaches while the first is at work."""
        other = self.command("-batch", "-ex", "tproc break right square if n % 7 == 3",
                             "-ex", "continue", "-ex", "print n % 7", "-ex", "continue",
                             "-ex", "finish", "-ex", "tproc detach", options=("right",))
        self.gdb_in_loop(f"""
import subprocess
ex("tproc attach left")
ex("tproc break left square if n % 5 == 3")
---
seen = []
for _ in range(3):
    other = subprocess.Popen({other!r}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    while other.poll() is None:
        ex("continue &")
        yield lambda: all_stopped(2)
        equals((current(), gdb.selected_frame().name(), value("n") % 5), ("left", "square", 3))
    said = other.stdout.read()
    equals(other.wait(), 0)
    matches(said, r"\\$1 = 3$.*hit Breakpoint 1.*Value returned is")
ex("tproc detach")
""")

    # ---- a front end ------------------------------------------------------------------------------

    def test_machine_interface(self):
        """What a front end says: attach by a set-up command, groups, a breakpoint, a stop, values."""
        texts = self.texts()
        with subprocess.Popen([str(BUILD / "gdb/tpgdb"), "--interpreter=mi", "--", "-nx"],
                              env=self.environment(), text=True, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as front:
            watchdog = threading.Timer(PATIENCE, front.kill)
            watchdog.start()
            # "^running" and "*stopped" for each one, then what the command says
            self.runs(front, '-interpreter-exec console "tproc attach"', '~"right (3) is inferior')
            groups = self.done(front, "-list-thread-groups")
            for name in ("left", "right"):
                self.assertIn(f'pid="{self.workers[name].pid}"', groups)
            self.done(front, '-interpreter-exec console "tproc break right square"')
            stop = self.runs(front, "-exec-continue --all", "*stopped")
            self.assertIn('reason="breakpoint-hit"', stop)
            self.assertIn('func="square"', stop)
            self.assertIn('func="work"', self.done(front, "-stack-list-frames"))
            self.assertIn('value="2"', self.done(front, "-data-evaluate-expression component"))
            self.assertIn('reason="end-stepping-range"', self.runs(front, "-exec-next", "*stopped"))
            self.done(front, "-break-delete 1")
            self.done(front, '-interpreter-exec console "tproc detach"')
            front.stdin.write("-gdb-exit\n")
            front.stdin.flush()
            front.communicate()
            watchdog.cancel()
        self.check_unharmed(texts)

    def runs(self, front, command, until):
        """The first line that begins so, after a command."""
        front.stdin.write(command + "\n")
        front.stdin.flush()
        said = ""
        for line in front.stdout:
            said += line
            self.assertNotRegex(line, r"^\d*\^error")
            if line.startswith(until):
                return line
        self.fail(said)
        return None

    def done(self, front, command):
        """The answer to this command, and not one that still comes to another."""
        self.token += 1
        return self.runs(front, f"{self.token}{command}", f"{self.token}^done")

    # ---- without tpgdb ----------------------------------------------------------------------------

    def test_plain_gdb(self):
        """gdb -p sees the agent's program; it is loaded then, and attaches properly."""
        texts = self.texts()
        pid = self.workers["right"].pid
        done = subprocess.run(
            [tool("gdb"), "-q", "-nx", "-batch", "-p", str(pid), "-ex", "detach",
             "-ex", f"source {BUILD}/gdb/tproc-gdb.py", "-ex", "tproc attach",
             "-ex", "tproc print all component", "-ex", "tproc detach"],
            env=self.environment(), check=False, text=True, timeout=PATIENCE,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"left \(2\): \$1 = 1\nright \(3\): \$2 = 2\n")
        self.check_unharmed(texts)

    def test_gdbserver(self):
        """On the same machine, GDB's own server does the work."""
        if subprocess.run(["which", "gdbserver"], check=False, capture_output=True).returncode:
            self.skipTest("no gdbserver")
        said = self.gdb("""
ex("target extended-remote | exec setpriv --pdeathsig KILL gdbserver --multi -")
ex("tproc attach")
equals(len(gdb.inferiors()), 2)
holds(all("remote" in i.connection.type for i in gdb.inferiors()))
matches(ex("tproc print all component"), r"left \\(\\d+\\): .*= 1\\nright \\(\\d+\\): .*= 2")
equals(ex("tproc bt all").count("in main ("), 2)
ex("tproc break right square if n % 5 == 3")
for _ in range(5):
    ex("continue")
    equals((current(), value("component"), value("n") % 5), ("right", 2, 3))
ex("finish")
ex("delete")
for name in ("left", "right"):
    ex(f"tproc select {name}")
    seen = []
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        seen.append(value("own_rounds"))
    holds(min(seen) == 0 < max(seen))
ex("tproc detach")
ex("monitor exit")
""".replace("\\\\\\\\", "\\\\"))
        self.assertNotIn("warning", said)


if __name__ == "__main__":
    main()
