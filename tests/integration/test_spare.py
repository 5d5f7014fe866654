#!/usr/bin/env python3
"""Programs that follow each other closely: each becomes of a process that waited for it."""

import contextlib
import os
import re
import select
import signal
import subprocess
import time

from space import PATIENCE, SpaceTest, fd_count, main, program, spares, tool

# A spare waits for 0.2 s: on a busy machine one can be gone before it is used.
TRIES = 200


class Spare(SpaceTest):
    """The process that waits, and what becomes of it."""

    def setUp(self):
        super().setUp()
        self.server, self.agent = self.space.start()

    def spares(self):
        """The pids of those that wait."""
        return spares(self.server)

    def with_spare(self):
        """Launches until a spare waits; its pid."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.assertEqual(self.space.run("/bin/true").returncode, 0)
            if spares := self.spares():
                self.assertEqual(len(spares), 1)
                return spares[0]
        raise AssertionError(f"no spare within {PATIENCE} s")

    def on_spare(self, *argv, before=lambda pid: None, **kwargs):
        """Runs `exec argv` in a shell that a spare became; what it did."""
        for _ in range(TRIES):
            spare = self.with_spare()
            before(spare)
            done = self.space.run(tool("sh"), "-c", "echo $$; " + " ".join(argv), **kwargs)
            first, _, done.stdout = done.stdout.partition("\n")
            if first == str(spare):
                return done
        raise AssertionError("no program ran as the process that waited")

    def test_is_what_a_program_becomes(self):
        done = self.on_spare("pwd; umask; ls -l /proc/self/fd | grep -c -e '->'; exit 7",
                             cwd="/usr", umask=0o27)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (7, "/usr\n0027\n4\n", ""))
        self.space.check_no_escapes()

    def test_looks_like_a_new_process(self):
        script = 'while read -r name rest; do echo "$name $rest"; done </proc/self/status; ulimit -a'
        wanted = re.compile("(Sig[^Q]|ShdPnd|Threads|NoNewPrivs|Cap|Uid|Gid|Groups|Seccomp|[^:]*$)")
        self.space.until(lambda: not self.spares(), "no spare")
        outputs = [self.space.run(tool("sh"), "-c", script).stdout, self.on_spare(script).stdout]
        self.assertEqual(*[list(filter(wanted.match, text.splitlines())) for text in outputs])
        self.assertIn("ShdPnd", outputs[0])

    def test_goes_when_nothing_comes(self):
        spare = self.with_spare()
        self.space.until(lambda: spare not in self.spares(), "the spare is reaped")
        self.assertEqual(self.space.run("/bin/echo", "on").stdout, "on\n")

    def test_leaves_no_descriptors(self):
        self.space.until(lambda: not self.spares(), "no spare")
        counts = [], []
        for _ in range(3):
            self.with_spare()
            self.space.until(lambda: not self.spares(), "no spare")
            self.space.until(lambda: not self.space.threadprocs("running"), "no threadproc")
            counts[0].append(fd_count(self.server))
            counts[1].append(fd_count(self.agent))
        self.assertEqual([len(set(c)) for c in counts], [1, 1], counts)

    def test_signals_are_not_the_programs(self):
        def send_some(pid):
            with contextlib.suppress(ProcessLookupError):
                for signo in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, 40, 40):
                    os.kill(pid, signo)

        done = self.on_spare("echo lives", before=send_some)
        self.assertEqual((done.returncode, done.stdout), (0, "lives\n"))

    def test_killed(self):
        """While it waits: nobody misses it."""
        for _ in range(20):
            spare = self.with_spare()
            with contextlib.suppress(ProcessLookupError):
                fd = os.pidfd_open(spare)
                os.kill(spare, signal.SIGKILL)
                select.select([fd], [], [])
                os.close(fd)
            done = self.space.run("/bin/echo", "on")
            self.assertEqual((done.returncode, done.stdout), (0, "on\n"), done)

    def test_killed_with_the_plan(self):
        """That launch fails, the next one goes well."""
        for _ in range(TRIES):
            spare = self.with_spare()
            with contextlib.suppress(ProcessLookupError):
                os.kill(spare, signal.SIGSTOP)
            with self.space.running("/bin/echo", "on") as process:
                self.space.until(lambda p=process: p.poll() is not None or
                                 self.space.threadprocs("starting"), "a launch")
                with contextlib.suppress(ProcessLookupError):
                    os.kill(spare, signal.SIGKILL)
                out, err = process.communicate(timeout=PATIENCE)
            if out != "on\n":
                break
        self.assertEqual((out, err), ("", "tprun: /bin/echo: the process that was to become it was "
                                          "killed\n"))
        self.assertEqual(process.returncode, 126)
        self.assertEqual(self.space.run("/bin/echo", "on").stdout, "on\n")
        self.space.check_no_escapes()

    def test_hundreds_of_descriptors(self):
        """More than go with one packet."""
        with open("/dev/null", encoding="ascii") as null:
            many = [os.dup(null.fileno()) for _ in range(600)]
        try:
            done = self.on_spare("ls /proc/self/fd | wc -l", pass_fds=many)
        finally:
            for fd in many:
                os.close(fd)
        self.assertEqual((done.returncode, done.stdout), (0, "604\n"))

    def test_a_plan_that_fails(self):
        """Something lies where a position-dependent program has to be; the next one is as if nothing was."""
        fixed = program("basic-exec")
        taken = "syscall(9, 0x401000, 4096, 3, 0x32, -1, 0) == 0x401000 or die; $|=1; print qq(x\\n); <>"
        with self.space.running(tool("perl"), "-e", taken.replace("\\\\", "\\")) as process:
            self.assert_line(process, "x")
            for _ in range(3):
                self.with_spare()
                done = self.space.run(fixed)
                self.assertEqual(done.returncode, 126)
                self.assertIn("where something lies already", done.stderr)
                self.assertEqual(self.space.run("/bin/echo", "on").stdout, "on\n")
            self.assertIsNone(process.poll())

    def test_many_at_once(self):
        for _ in range(5):
            several = [self.space.popen(tool("sh"), "-c", "echo $$; read x") for _ in range(8)]
            pids = [process.stdout.readline() for process in several]
            self.assertEqual(len(set(pids)), 8)
            for process in several:
                self.assertEqual(process.communicate("on\n", timeout=PATIENCE), ("", ""))
                self.assertEqual(process.returncode, 0)

    def test_ends_with_the_agent(self):
        spare = self.with_spare()
        os.kill(self.agent, signal.SIGKILL)
        self.space.until(lambda: spare not in self.spares(), "the spare is reaped")
        done = self.space.run("/bin/true")
        self.assertEqual(done.returncode, 125)
        self.assertIn("the agent of space", done.stderr)

    def test_ends_with_the_server(self):
        spare = self.with_spare()
        fd = os.pidfd_open(spare)
        self.addCleanup(os.close, fd)
        os.kill(self.server, signal.SIGKILL)
        done = subprocess.run([tool("timeout"), str(PATIENCE), tool("tail"), f"--pid={spare}", "-f",
                               "/dev/null"], check=False)
        self.assertEqual(done.returncode, 0, "the spare outlives its server")


if __name__ == "__main__":
    main()
