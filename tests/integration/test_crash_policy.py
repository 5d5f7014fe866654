"""What tprun does when its program crashes: tell, write a core, wait, stop the space, restart."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from space import SpaceTest, TIMEOUT, command, main, program, tool
from terminal import Terminal


def state_of(pid):
    """The letter of a process's state."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return stat.rpartition(")")[2].split()[0]


# in place of tpinspect: ends what is held, then looks
KILLER = """#!{python}
import json, os, select, signal, subprocess, sys
answer = subprocess.run(["{tpinspect}", "-s", "test", "--json", "-c", "list"],
                        stdout=subprocess.PIPE, check=True).stdout
held = max(json.loads(answer)["threadprocs"], key=lambda tp: tp["id"])
pidfd = os.pidfd_open(held["pid"])
signal.pidfd_send_signal(pidfd, signal.SIGKILL)
select.select([pidfd], [], [])
os.execv("{tpinspect}", sys.argv)
"""


class PolicyTest(SpaceTest):
    """Programs that crash in different hands."""

    def setUp(self):
        super().setUp()
        self.crasher = program("crasher")
        self.party = program("party")

    def start(self, *argv, name, options=()):
        """A program under way."""
        context = self.space.running(*argv, options=["-n", name, *options])
        process = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return process

    def assert_says(self, process, pattern):
        """Reads standard error up to the line that has the pattern."""
        seen = []
        for line in process.stderr:
            seen.append(line)
            if re.search(pattern, line):
                return line
        raise AssertionError(f"no '{pattern}' in {seen}")

    def held(self, name):
        """The report of a component."""
        report, = self.space.inspect(f"crash {name}")["crashes"]
        return report


class Told(PolicyTest):
    def test_nothing(self):
        done = self.space.run(self.crasher, "null")
        self.assertEqual((done.returncode, done.stderr), (-signal.SIGSEGV, ""))

    def test_terminal(self):
        argv = self.space.argv([self.crasher, "null"], ["-n", "null"])
        with Terminal(argv, self.space.env, columns=200) as terminal:
            terminal.expect("wrote 4 bytes to 0x0, a null pointer, in write_to_null")
            terminal.expect("suspect: null")
            terminal.expect("kept as")
        self.assertEqual(len(self.space.inspect("crash --list")["kept"]), 1)

    def test_quiet(self):
        argv = self.space.argv([self.crasher, "null"], ["--on-crash=quiet"])
        with Terminal(argv, self.space.env) as terminal:
            terminal.expect("stack")

    def test_usage(self):
        done = self.space.run("true", options=["--on-crash=panic"])
        self.assertEqual(done.returncode, 125)
        self.assertIn("--on-crash is one of", done.stderr)

    def test_what_does_not_crash(self):
        for policy in ("report", "core", "wait", "stop-space", "restart"):
            done = self.space.run("/bin/sh", "-c", "exit 3", options=[f"--on-crash={policy}"])
            self.assertEqual((done.returncode, done.stderr), (3, ""))

    def run_with(self, text, *argv):
        """Runs a program by a tprun whose tpinspect is this script."""
        with tempfile.TemporaryDirectory() as directory:
            place = pathlib.Path(directory)
            shutil.copy(command("tprun"), place / "tprun")
            (place / "tpserver").symlink_to(command("tpserver"))
            os.mkfifo(place / "never")
            script = place / "tpinspect"
            script.write_text(text.format(place=place, python=sys.executable,
                                          tpinspect=command("tpinspect")), encoding="ascii")
            script.chmod(0o700)
            self.space.start()
            return subprocess.run([place / "tprun", "-s", self.space.name, "--report", *argv],
                                  env=self.space.env, check=False, text=True, timeout=TIMEOUT,
                                  stdin=subprocess.DEVNULL, capture_output=True)

    def test_hanging(self):
        """A tpinspect that does not answer does not keep the program."""
        done = self.run_with("#!/bin/sh\nread line <{place}/never\n", self.crasher, "null")
        self.assertEqual(done.returncode, -signal.SIGSEGV)
        self.assertIn("took too long", done.stderr)

    def test_killed_while_it_is_looked_at(self):
        """What is on record is told nevertheless."""
        done = self.run_with(KILLER, self.crasher, "null")
        self.assertEqual(done.returncode, -signal.SIGKILL, done)
        self.assertRegex(done.stderr, "wrote .*to 0x0, a null pointer, in write_to_null")


class Waits(PolicyTest):
    def test_wait(self):
        process = self.start(self.crasher, "thread", name="held", options=["--on-crash=wait"])
        self.assert_says(process, r"tpgdb -s test 1\.")
        report = self.held("held")
        self.assertTrue(report["held"])
        self.assertEqual(report["threadproc"]["state"], "running")
        self.assertEqual(len(report["threads"]), 2)
        process.send_signal(signal.SIGTERM)
        self.assert_ends(process, -signal.SIGSEGV)
        self.assertFalse(self.held("held")["held"])

    def test_report_and_wait(self):
        process = self.start(self.crasher, "null", name="held",
                             options=["--report", "--on-crash=wait"])
        self.assert_says(process, "wrote 4 bytes to 0x0")
        self.assert_says(process, "it is held")
        process.send_signal(signal.SIGINT)
        self.assert_ends(process, -signal.SIGSEGV)

    def test_locks(self):
        """Who waits for what it held."""
        keeper = self.start(self.party, "keep", name="keep")
        lines = iter(keeper.stdout.readline, "ready\n")
        mutex = dict(line.split() for line in lines)["mutex"]
        process = self.start(self.party, "entangle", mutex, name="owner",
                             options=["--on-crash=wait"])
        self.assert_says(process, "it is held")
        report = self.held("owner")
        lock, = report["locks"]
        self.assertEqual((lock["address"], lock["threadproc"]["name"], lock["tid"]),
                         (mutex, "keep", report["tid"]))
        self.assertIn("mutex", lock["what"])
        self.assertEqual([s["threadproc"]["name"] for s in report["suspects"]], ["owner", "keep"])
        waiter = self.start(self.party, "lock", mutex, name="waiter")
        self.assert_line(waiter, "ready")
        self.space.until(lambda: self.held("owner")["waiters"], "somebody waits")
        waiting, = self.held("owner")["waiters"]
        self.assertEqual((waiting["threadproc"]["name"], waiting["held_by_it"]), ("waiter", True))
        # in its mailbox the one that is held waits for no lock
        lock, = self.space.inspect("locks")["locks"]
        self.assertEqual(lock["lock"]["address"], waiting["address"])
        self.assertIn("mutex", waiting["what"])
        self.assertIn("waiter", [s["threadproc"]["name"] for s in self.held("owner")["suspects"]])

    def test_killed(self):
        """What is held can be killed, and ends with its tprun."""
        process = self.start(self.crasher, "null", name="held", options=["--on-crash=wait"])
        self.assert_says(process, "it is held")
        os.kill(self.held("held")["threadproc"]["pid"], signal.SIGKILL)
        self.assert_ends(process, -signal.SIGKILL)
        process = self.start(self.crasher, "null", name="again", options=["--on-crash=wait"])
        self.assert_says(process, "it is held")
        process.kill()
        self.space.until(lambda: not self.space.threadprocs("running"), "it is gone")


class Core(PolicyTest):
    def dump(self, directory, *options):
        """Lets a program crash there; returns what tprun said."""
        done = self.space.run(self.crasher, "thread", cwd=directory,
                              options=["-n", "dumped", "--on-crash=core", *options])
        self.assertEqual(done.returncode, -signal.SIGSEGV)
        return done.stderr

    def test_core(self):
        stack = tool("eu-stack")
        with tempfile.TemporaryDirectory() as directory:
            self.assertIn("of dumped in core.", self.dump(directory))
            core, = pathlib.Path(directory).iterdir()
            self.assertEqual(core.name, f"core.{self.held('dumped')['threadproc']['pid']}")
            self.assertEqual(core.stat().st_mode & 0o777, 0o600)
            done = subprocess.run([stack, "--core", core], check=False, text=True, timeout=TIMEOUT,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            first = done.stdout.split("TID")[1]
            self.assertIn("write_to_null", first)
            self.assertIn("main", done.stdout)

    def test_with_report(self):
        with tempfile.TemporaryDirectory() as directory:
            said = self.dump(directory, "--report")
        self.assertIn("an offset from a null pointer", said)
        self.assertIn("of dumped in core.", said)

    def test_no_place(self):
        """A core that cannot be written is told of, and keeps nobody."""
        self.assertIn("core.", self.dump("/proc"))


class StopsSpace(PolicyTest):
    def setUp(self):
        super().setUp()
        self.cat = self.start("/bin/cat", name="cat")
        self.echo("before\n")
        self.cat_pid = self.space.threadprocs("running")[0]["pid"]
        self.process = self.start(self.crasher, "null", name="null",
                                  options=["--on-crash=stop-space"])
        self.assert_says(self.process, "it is held")
        self.space.until(lambda: state_of(self.cat_pid) == "T", "cat is stopped")

    def echo(self, text):
        """cat answers."""
        self.cat.stdin.write(text)
        self.cat.stdin.flush()
        self.assertEqual(self.cat.stdout.readline(), text)

    def test_thaw(self):
        self.assertIn(state_of(self.cat.pid), "SR")  # its tprun is not
        subprocess.run([command("tpserver"), "-s", self.space.name, "--thaw"], check=True,
                       env=self.space.env, timeout=TIMEOUT)
        self.assert_ends(self.process, -signal.SIGSEGV)
        self.echo("after\n")

    def test_end(self):
        self.process.send_signal(signal.SIGTERM)
        self.assert_ends(self.process, -signal.SIGSEGV)
        self.echo("after\n")

    def test_killed(self):
        self.process.kill()
        self.echo("after\n")

    def test_thaw_nothing(self):
        for _ in range(2):
            subprocess.run([command("tpserver"), "-s", self.space.name, "--thaw"], check=True,
                           env=self.space.env, timeout=TIMEOUT)
        self.echo("after\n")


class Restarts(PolicyTest):
    def test_restart(self):
        process = self.start(self.party, "write", "0", name="phoenix",
                             options=["--on-crash=restart"])
        for pause in ("0.1", "0.2", "0.4"):
            self.assert_says(process, rf"crashed \(signal 11\); it is launched again in {pause} s")
        process.send_signal(signal.SIGTERM)
        self.assertIn(process.wait(TIMEOUT), (-signal.SIGTERM, -signal.SIGSEGV))
        names = [tp["name"] for tp in self.space.threadprocs()]
        self.assertGreaterEqual(len(names), 3)
        self.assertEqual(set(names), {"phoenix"})

    def test_descriptors(self):
        """Each has what tprun was given."""
        with tempfile.TemporaryFile("w+") as file:
            with self.space.running(self.crasher, "null", options=["--on-crash=restart"],
                                    stdout=file) as process:
                self.assert_says(process, "0.1 s")
                self.assert_says(process, "0.2 s")
            file.seek(0)
            self.assertGreaterEqual(file.read().count("stack"), 2)

    def test_killed_from_outside(self):
        """That is no crash."""
        process = self.start(self.party, "wait", name="victim", options=["--on-crash=restart"])
        self.assert_line(process, "ready")
        os.kill(self.space.threadprocs("running")[0]["pid"], signal.SIGKILL)
        self.assert_ends(process, -signal.SIGKILL)


if __name__ == "__main__":
    main()
