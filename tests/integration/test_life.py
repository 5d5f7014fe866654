#!/usr/bin/env python3
"""How programs, tprun, the agent and the server end, and what the others make of it."""

import os
import select
import signal
import subprocess
import threading

from space import BUILD, TIMEOUT, SpaceTest, command, fd_count, main, program, tool

# The granules that slots are made of (include/tproc/abi.h).
SLOTS_LO, SLOTS_HI = 1028 << 34, 8064 << 34
# Page tables and the like, which the kernel gives back when it likes.
RESIDENT_SLACK_KIB = 1024


def resident_kib(pid):
    """Resident memory of a process."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def wait_gone(test, pid):
    """Waits until a process that is not our child has ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([fd], [], [], TIMEOUT)
        test.assertTrue(ready, f"process {pid} did not end")
    finally:
        os.close(fd)


class Ends(SpaceTest):
    """Exit statuses and what is left."""

    def test_exit_status(self):
        for status in (0, 1, 42, 125, 126, 127, 128, 255):
            self.assertEqual(self.space.run(tool("sh"), "-c", f"exit {status}").returncode, status)

    def test_end_by_signal(self):
        for signo in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT,
                      signal.SIGPIPE, signal.SIGUSR1, signal.SIGHUP, 40):
            done = self.space.run(tool("bash"), "-c", f"ulimit -c 0; kill -{int(signo)} $$")
            self.assertEqual(done.returncode, -signo, done)

    def test_shell_sees_the_signal(self):
        line = " ".join(self.space.argv([tool("sh"), "-c", "'kill -TERM $$'"])) + "; echo $?"
        done = subprocess.run([tool("dash"), "-c", line], env=self.space.env, check=False,
                              text=True, timeout=TIMEOUT, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        self.assertEqual((done.stdout, done.stderr.strip()), ("143\n", "Terminated"))

    def test_a_pipe_ends_when_the_program_closes_it(self):
        with self.space.running(tool("sh"), "-c", "echo last; exec >&-; read x; exit 5") as process:
            self.assertEqual(process.stdout.read(), "last\n")
            self.assertIsNone(process.poll())
            process.stdin.write("go\n")
            process.stdin.flush()
            self.assert_ends(process, 5)

    def test_stdin_is_the_program_s_alone(self):
        done = self.space.run(tool("sh"), "-c", "read a; read b; echo $b$a", input="1\n2\n3\n")
        self.assertEqual(done.stdout, "21\n")
        done = self.space.run(tool("cat"), input="x" * 3000000)
        self.assertEqual(len(done.stdout), 3000000)

    def test_closed_reader(self):
        with self.space.running(tool("yes")) as process:
            self.assert_line(process, "y")
            process.stdout.close()
            self.assert_ends(process, -signal.SIGPIPE)

    def test_memory_goes_with_the_program(self):
        with self.space.running(program("basic-pie"), "wait") as process:
            self.assert_line(process, "ok")
            slots = self.space.threadprocs("running")[0]["slots"]
            process.stdin.close()
            self.assert_ends(process, 0)
        spans = [(int(s["lo"], 16), int(s["hi"], 16)) for s in slots]
        inside = lambda: [m for m in self.space.maps() if any(lo <= m.lo < hi for lo, hi in spans)]
        self.space.until(lambda: not inside(), "the slot is empty")

    def test_ten_thousand_launches_leave_nothing(self):
        server, agent = self.space.start()
        launch = [os.path.join(BUILD, "tests/bench/bench-spawn"), "server", self.space.name]
        slots_empty = lambda: not [m for m in self.space.maps() if SLOTS_LO <= m.lo < SLOTS_HI]
        subprocess.run(launch + ["1", "500", "/bin/true"], env=self.space.env, check=True,
                       stdout=subprocess.DEVNULL)
        self.space.until(slots_empty, "the first ones are gone")
        before = fd_count(server), fd_count(agent), len(self.space.maps())
        resident = resident_kib(server), resident_kib(agent)
        subprocess.run(launch + ["10", "1000", "/bin/true"], env=self.space.env, check=True,
                       stdout=subprocess.DEVNULL)
        self.space.until(slots_empty, "all are gone")
        self.space.until(
            lambda: (fd_count(server), fd_count(agent), len(self.space.maps())) == before,
            f"descriptors and maps as before: {before}")
        for was, pid in zip(resident, (server, agent)):
            self.assertLessEqual(resident_kib(pid), was + RESIDENT_SLACK_KIB)

    def test_registry_knows_how_it_ended(self):
        self.space.run(tool("sh"), "-c", "exit 3", options=["-n", "three"])
        self.space.run(tool("bash"), "-c", "ulimit -c 0; kill -SEGV $$", options=["-n", "segv"])
        records = {tp["name"]: tp for tp in self.space.threadprocs()}
        self.assertEqual((records["three"]["state"], records["three"]["exit"]["status"]),
                         ("exited", 3))
        self.assertEqual((records["segv"]["state"], records["segv"]["exit"]["signal"]),
                         ("crashed", signal.SIGSEGV))


class Deaths(SpaceTest):
    """Everybody can be killed."""

    def start_one(self):
        """A program that runs; its process id too."""
        process = self.space.popen(program("basic-pie"), "wait")
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assert_line(process, "ok")
        return process, self.space.threadprocs("running")[-1]["pid"]

    def test_memory_stays_for_an_orphan_that_shares_it(self):
        process = self.space.popen(program("orphan"))
        self.addCleanup(process.kill)
        pid = int(process.stdout.readline())
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(process.wait(TIMEOUT), -signal.SIGKILL)
        self.assertEqual(self.space.run(tool("echo"), "meanwhile").stdout, "meanwhile\n")
        out, _ = process.communicate("x", timeout=TIMEOUT)
        self.assertEqual(out, "256 pages\n")
        in_slots = lambda: [m for m in self.space.maps() if SLOTS_LO <= m.lo < SLOTS_HI]
        self.space.until(lambda: not in_slots(), "the memory goes with the orphan")

    def test_a_launch_waits_for_who_is_leaving(self):
        """A position-dependent program has ended, and a child of its still uses its addresses."""
        orphan = self.space.popen(program("orphan-exec"))
        self.addCleanup(orphan.kill)
        pid = int(orphan.stdout.readline())
        os.kill(pid, signal.SIGKILL)
        orphan.wait(TIMEOUT)
        server = self.space.ping()[0]
        before = fd_count(server)
        waiting = self.space.popen(program("basic-exec"))
        self.addCleanup(waiting.kill)
        # connection, working directory and three descriptors are there, and stay
        self.space.until(lambda: fd_count(server) >= before + 5, "the server was asked")
        self.assertIsNone(waiting.poll())
        orphan.communicate("x", timeout=TIMEOUT)
        self.assertEqual(waiting.communicate(timeout=TIMEOUT), ("ok\n", ""))

    def test_a_launch_does_not_wait_for_ever(self):
        orphan = self.space.popen(program("orphan-exec"))
        self.addCleanup(orphan.communicate, "x")
        pid = int(orphan.stdout.readline())
        os.kill(pid, signal.SIGKILL)
        orphan.wait(TIMEOUT)
        done = self.space.run(program("basic-exec"))
        self.assertEqual(done.returncode, 126)
        self.assertIn("taken by orphan-exec", done.stderr)

    def test_mailboxes_full_of_nonsense(self):
        """Whatever programs write where they can, the server and the others go on."""
        process, _ = self.start_one()
        server, agent, _ = self.space.ping()
        for seed in range(1, 6):
            done = self.space.run(program("scribble"), str(seed), "1000")
            self.assertEqual((done.returncode, done.stdout), (0, "scribbled\n"), done)
            self.assertEqual(self.space.run(tool("echo"), "alive").stdout, "alive\n")
        self.assertEqual(self.space.ping()[:2], (server, agent))
        self.assertIsNone(process.poll())

    def test_tprun_killed(self):
        process, pid = self.start_one()
        process.kill()
        wait_gone(self, pid)
        self.space.until(lambda: self.space.ping()[2] == 0, "no threadproc")
        self.assertEqual(self.space.run("/bin/true").returncode, 0)

    def test_server_killed(self):
        first, first_pid = self.start_one()
        second, second_pid = self.start_one()
        server, agent, _ = self.space.ping()
        os.kill(server, signal.SIGKILL)
        for process, pid in ((first, first_pid), (second, second_pid)):
            _, errors = process.communicate(timeout=TIMEOUT)
            self.assertEqual(process.returncode, 125)
            self.assertEqual(errors, f"tprun: {program('basic-pie')}: the server of space test"
                             " died; the program was ended\n")
            wait_gone(self, pid)
        wait_gone(self, agent)
        self.assertEqual(self.space.run("/bin/echo", "again").stdout, "again\n")
        self.assertNotEqual(self.space.ping()[0], server)

    def test_agent_stopped(self):
        """A launch then takes as long as that lasts; tpinspect answers, and does not wait for it."""
        _, agent = self.space.start()
        os.kill(agent, signal.SIGSTOP)
        with self.space.running("/bin/echo", "on") as process:
            self.space.until(lambda: self.space.threadprocs("starting"), "a launch")
            os.kill(agent, signal.SIGCONT)
            self.assertEqual(process.communicate(timeout=TIMEOUT), ("on\n", ""))

    def test_agent_killed(self):
        process, _ = self.start_one()
        server, agent, _ = self.space.ping()
        os.kill(agent, signal.SIGKILL)
        self.space.until(lambda: self.space.ping()[1] == 0, "the server knows")
        done = self.space.run("/bin/true")
        self.assertEqual(done.returncode, 125, done)
        self.assertRegex(done.stderr, r"^tprun: /bin/true: [^\n]*agent[^\n]*\n$")
        out, errors = process.communicate(timeout=TIMEOUT)  # lives on, until its input ends
        self.assertEqual((process.returncode, out, errors), (0, "", ""))
        wait_gone(self, server)  # which has nothing left to do
        self.assertEqual(self.space.run("/bin/echo", "again").stdout, "again\n")

    def test_stop(self):
        process, pid = self.start_one()
        server, agent, _ = self.space.ping()
        subprocess.run([command("tpserver"), "--space", "test", "--stop"], env=self.space.env,
                       check=True, timeout=TIMEOUT)
        for gone in (pid, agent, server):
            wait_gone(self, gone)
        process.communicate(timeout=TIMEOUT)
        self.assertNotEqual(process.returncode, 0)

    def test_idle_server_ends(self):
        os.makedirs(self.space.directory, 0o700)
        os.chmod(self.space.directory.parent, 0o700)
        server = subprocess.Popen([command("tpserver"), "--space", "test", "--idle", "0"],
                                  env=self.space.env, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
        with server:
            server.communicate(timeout=TIMEOUT)
        self.assertFalse(self.space.is_up())


class Starts(SpaceTest):
    """How the server comes up."""

    def test_server_of_a_caller_with_a_small_stack(self):
        env = {**self.space.env, "BIG": "x" * 100000}
        line = "ulimit -s 128; exec " + " ".join(self.space.argv(["/bin/echo", "fits"]))
        done = subprocess.run([tool("bash"), "-c", line], env=env, capture_output=True, text=True,
                              timeout=TIMEOUT, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "fits\n"), done)

    def test_many_at_once_start_one_server(self):
        results = []
        run = lambda i: results.append((i, self.space.run("/bin/echo", i)))
        threads = [threading.Thread(target=run, args=(i,)) for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i, done in results:
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, f"{i}\n", ""))
        servers = {tp["launcher_pid"] for tp in self.space.threadprocs()}
        self.assertEqual(len(servers), 12)
        self.assertEqual(len({tp["id"] for tp in self.space.threadprocs()}), 12)

    def test_stale_socket(self):
        server, _ = self.space.start()
        os.kill(server, signal.SIGKILL)
        wait_gone(self, server)
        self.assertTrue((self.space.directory / "socket").exists())
        self.assertEqual(self.space.run("/bin/true").returncode, 0)

    def test_long_runtime_directory(self):
        deep = os.path.join(self.space.runtime, "d" * 100, "e" * 100)
        os.makedirs(deep)
        env = {**self.space.env, "XDG_RUNTIME_DIR": deep}
        self.addCleanup(subprocess.run, [command("tpserver"), "--space", "test", "--stop"],
                        env=env, check=False, stderr=subprocess.DEVNULL)
        done = self.space.run("/bin/echo", "deep", env=env)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "deep\n", ""))

    def test_foreign_directory(self):
        base = self.space.directory.parent
        base.mkdir(0o755)
        os.chmod(base, 0o755)
        done = self.space.run("/bin/true")
        self.assertEqual(done.returncode, 125)
        self.assertIn("private", done.stderr)

    def test_usage(self):
        for words in ([], ["-s"], ["--nonsense"], ["-s", "../x", "true"], ["-n", "", "true"]):
            done = subprocess.run([command("tprun"), *words], env=self.space.env, check=False,
                                  text=True, timeout=TIMEOUT, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
            self.assertEqual((done.returncode, done.stdout), (125, ""), done)
            self.assertTrue(done.stderr)
        self.assertFalse(self.space.is_up())

    def test_options_end_at_the_program(self):
        done = self.space.run("/bin/echo", "-s", "--help", "-n")
        self.assertEqual(done.stdout, "-s --help -n\n")

    def test_not_found(self):
        done = self.space.run("no-such-program")
        self.assertEqual((done.returncode, done.stderr),
                         (127, "tprun: no-such-program: command not found\n"))

    def test_verbose(self):
        done = self.space.run("/bin/true", options=["-v"])
        self.assertRegex(done.stderr, r"^tprun: threadproc 1, pid \d+, space test\n$")

    def test_server_keeps_nothing_of_the_caller(self):
        read_end, write_end = os.pipe()
        self.space.run("/bin/true", pass_fds=[write_end])
        os.close(write_end)
        self.assertEqual(os.read(read_end, 1), b"")  # the end: nobody holds the other side
        os.close(read_end)
        server = self.space.ping()[0]
        self.assertEqual(os.getpgid(server), server)
        self.assertEqual(os.getsid(server), os.getsid(0))
        self.assertEqual(os.readlink(f"/proc/{server}/cwd"), "/")


if __name__ == "__main__":
    main()
