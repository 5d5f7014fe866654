#!/usr/bin/env python3
"""tprun stands for its program: signals go through, and stops and the terminal work."""

import os
import pty
import select
import signal
import subprocess
import termios
import time

from space import TIMEOUT, SpaceTest, main, program, tool


class Forwarded(SpaceTest):
    """Signals sent to tprun reach the program."""

    def start(self, **kwargs):
        """The program that says which signals it gets."""
        process = self.space.popen(program("signals"), **kwargs)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assert_line(process, "ready")
        return process

    def test_each_in_order(self):
        process = self.start()
        for signo in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1,
                      signal.SIGUSR2, signal.SIGALRM, signal.SIGCHLD, signal.SIGWINCH,
                      signal.SIGPIPE, signal.SIGSEGV, signal.SIGTSTP, signal.SIGCONT, 34, 64):
            process.send_signal(signo)
            self.assert_line(process, str(int(signo)))
        process.terminate()
        self.assert_line(process, "15")
        self.assert_ends(process, 0)

    def test_queued_realtime_signals_keep_their_order(self):
        process = self.start()
        for _ in range(100):
            process.send_signal(40)
            process.send_signal(41)
        seen = [process.stdout.readline() for _ in range(200)]
        self.assertEqual(sorted(seen), ["40\n"] * 100 + ["41\n"] * 100)
        process.terminate()
        self.assert_line(process, "15")

    def test_values_go_along(self):
        process = self.start()
        subprocess.run([tool("kill"), "-USR1", "--queue", "77", str(process.pid)], check=True)
        self.assert_line(process, "10 value 77")
        process.terminate()
        self.assert_line(process, "15")

    def test_death_by_a_forwarded_signal(self):
        with self.space.running(tool("cat")) as process:
            process.stdin.write("up\n")
            process.stdin.flush()
            self.assert_line(process, "up")
            process.send_signal(signal.SIGINT)
            self.assert_ends(process, -signal.SIGINT)

    def test_own_children_are_not_reported(self):
        """The first run starts a server through children of tprun's own."""
        process = self.start()
        process.terminate()
        self.assert_line(process, "15")
        self.assert_ends(process, 0)

    def test_an_alarm_that_lived_through_exec(self):
        script = 'use POSIX; POSIX::alarm(1); exec @ARGV'
        with subprocess.Popen([tool("perl"), "-e", script, *self.space.argv([program("signals")])],
                              env=self.space.env, text=True, stdout=subprocess.PIPE) as process:
            self.assert_line(process, "ready")
            self.assertEqual(process.stdout.readline(), "14\n")
            process.terminate()


class Stops(SpaceTest):
    """A stopped program is a stopped tprun."""

    def wait_state(self, pid):
        """Waits for the next change of a child; its status as waitid has it."""
        info = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WCONTINUED | os.WEXITED)
        return info.si_code, info.si_status

    def test_stop_and_continue(self):
        process = self.space.popen(tool("cat"))
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        process.stdin.write("up\n")
        process.stdin.flush()
        self.assert_line(process, "up")
        pid = self.space.threadprocs()[0]["pid"]
        for _ in range(5):
            os.kill(pid, signal.SIGSTOP)
            self.assertEqual(self.wait_state(process.pid), (os.CLD_STOPPED, signal.SIGSTOP))
            process.send_signal(signal.SIGCONT)
            self.assertEqual(self.wait_state(process.pid), (os.CLD_CONTINUED, signal.SIGCONT))
            process.stdin.write("more\n")
            process.stdin.flush()
            self.assert_line(process, "more")


class Terminal(SpaceTest):
    """With a terminal and a shell that does job control."""

    def setUp(self):
        super().setUp()
        pid, self.master = pty.fork()
        if pid == 0:
            os.execve(tool("bash"), ["bash", "--norc", "--noprofile", "-i"],
                      {**self.space.env, "PS1": "$ ", "TERM": "dumb", "HISTFILE": ""})
        self.pid = pid
        self.seen = ""
        self.addCleanup(self.hang_up)
        attributes = termios.tcgetattr(self.master)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(self.master, termios.TCSANOW, attributes)

    def hang_up(self):
        """Ends the shell."""
        os.close(self.master)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def type(self, text):
        """Types at the terminal."""
        os.write(self.master, text.encode())

    def expect(self, text):
        """Reads until the text has come; returns what came before it."""
        deadline = time.monotonic() + TIMEOUT
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
            self.assertTrue(ready, f"no {text!r} in {self.seen!r}")
            self.seen += os.read(self.master, 4096).decode()
        before, _, self.seen = self.seen.partition(text)
        return before

    def start(self, *argv):
        """Runs a program in the foreground of the shell."""
        self.type(" ".join(self.space.argv(argv)) + "; echo status=$?\n")

    def test_interrupt(self):
        self.start(program("signals"))
        self.expect("ready")
        self.type("\x03")
        self.expect("2\r\n")
        self.type("\x1c")
        # the interrupt came once: what the terminal sends to all is not passed on again
        # (of its own echo the terminal may show what it did not discard)
        self.assertEqual(self.expect("3\r\n").replace("^\\", ""), "")
        self.assertEqual(len(self.space.threadprocs("running")), 1)
        os.kill(self.space.threadprocs("running")[0]["pid"], signal.SIGTERM)
        self.expect("status=0")

    def test_an_idle_server_of_another_session_makes_room(self):
        server, _ = self.space.start()
        self.start(tool("bash"), "--norc", "--noprofile", "-i")
        self.type("echo inner-$((40+2))\n")
        before = self.expect("inner-42")
        self.assertNotIn("no job control", before)
        self.assertNotEqual(self.space.ping()[0], server)
        self.type("exit 3\n")
        self.expect("status=3")

    def test_a_busy_server_of_another_session_stays(self):
        server, _ = self.space.start()
        with self.space.running(tool("cat")) as process:
            process.stdin.write("up\n")
            process.stdin.flush()
            self.assert_line(process, "up")
            self.start(tool("sh"), "-c", "'echo through >/dev/tty'", ">/dev/null")
            self.expect("through\r\n")
            self.expect("status=0")
            self.assertEqual(self.space.ping()[0], server)

    def test_interrupt_ends(self):
        self.start(tool("sh"), "-c", "'echo up; exec cat'")
        self.expect("up\r\n")
        self.type("\x03")
        self.expect("$ ")
        self.type("echo after=$?\n")
        self.expect("after=130")

    def test_suspend_and_foreground(self):
        self.start(tool("sh"), "-c", "'echo up; exec cat'")
        self.expect("up\r\n")
        self.type("\x1a")
        self.expect("Stopped")
        self.type("jobs; fg\n")
        self.expect("cat")
        self.type("echoed\n")
        self.expect("echoed\r\n")
        self.type("\x04")
        self.expect("$ ")

    def test_background_read_stops(self):
        self.type(" ".join(self.space.argv([tool("cat")])) + " &\n")
        self.expect("$ ")
        self.type("wait %1; echo waited=$?\n")
        self.expect("waited=149")  # 128 + SIGTTIN
        self.type("kill -9 %1; wait\n")
        self.expect("$ ")

    def test_terminal_is_the_programs(self):
        self.start(tool("tty"))
        self.expect("/dev/pts/")
        self.expect("status=0")

    def test_interactive_shell_within(self):
        self.start(tool("bash"), "--norc", "--noprofile", "-i")
        # says so once it has the terminal: before, an interrupt would be the shell's
        self.type("sh -c 'echo $((6*7)) inside; exec sleep 1000'\n")
        self.expect("42 inside")
        self.type("\x03")
        self.expect("$ ")
        self.type("exit 7\n")
        self.expect("status=7")


if __name__ == "__main__":
    main()
