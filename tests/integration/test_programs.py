#!/usr/bin/env python3
"""Programs of every kind: right output and status, and no mapping outside their slots."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest

import wire
from space import PROGRAMS, TIMEOUT, SpaceTest, main, program, tool


class SystemPrograms(SpaceTest):
    """Unmodified programs of the distribution."""

    def setUp(self):
        super().setUp()
        self.work = tempfile.mkdtemp(prefix="tproc-work-")
        self.addCleanup(shutil.rmtree, self.work)

    def test_true_and_false(self):
        self.assert_runs(tool("true"), stdout="")
        self.assert_runs(tool("false"), stdout="", status=1)

    def test_path_search(self):
        self.assert_runs("echo", "hello", stdout="hello\n")

    def test_ls(self):
        self.assert_same_as_native(tool("ls"), "-la", "/usr/bin")
        self.assert_same_as_native(tool("ls"), "/nonexistent")

    def test_dash(self):
        script = "i=0; while [ $i -lt 20 ]; do i=$((i+1)); /bin/echo $i | cat; done; exit 3"
        self.assert_same_as_native(tool("dash"), "-c", script)

    def test_bash(self):
        script = ("set -o pipefail; x=$(seq 50 | sort -rn | head -3); echo \"$x\";"
                  "(exit 4); echo $?; cat <(echo sub) <<< here; exit 9")
        self.assert_same_as_native(tool("bash"), "-c", script)

    def test_perl(self):
        script = ("my %h = map { $_ => $_ ** 2 } 1..1000; print join ',', sort { $a <=> $b }"
                  " values %h; print `echo child`; require POSIX; print POSIX::floor(3.7), \"\\n\"")
        self.assert_same_as_native(tool("perl"), "-e", script)

    def test_git(self):
        git = tool("git")
        env = {**self.space.env, "HOME": self.work, "GIT_CONFIG_NOSYSTEM": "1"}
        name = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        pathlib.Path(self.work, "file").write_text("content\n", encoding="utf-8")
        for words in (("init", "-q"), ("add", "file"), (*name, "commit", "-q", "-m", "first"),
                      ("fsck", "--strict"), ("gc", "-q")):
            done = self.assert_runs(git, "-C", self.work, *words, env=env)
            self.assertEqual(done.returncode, 0, done)
        self.assert_runs(git, "-C", self.work, "log", "--format=%s", env=env, stdout="first\n")

    def test_sqlite(self):
        statements = ("create table t(x integer primary key, y text);"
                      "with recursive n(i) as (select 1 union all select i+1 from n where i<5000)"
                      " insert into t select i, hex(randomblob(20)) from n;"
                      "create index k on t(y); select count(*), sum(x) from t;"
                      "pragma integrity_check;")
        self.assert_runs(tool("sqlite3"), os.path.join(self.work, "db"), statements,
                         stdout="5000|12502500\nok\n")

    def test_redis(self):
        server, client = tool("redis-server"), tool("redis-cli")
        path = os.path.join(self.work, "redis.sock")
        options = ("--port", "0", "--unixsocket", path, "--save", "", "--dir", self.work)
        with self.space.running(server, *options) as redis:
            for line in redis.stdout:
                if "ready to accept connections" in line.lower():
                    break
            for i in range(3):
                self.assert_runs(client, "-s", path, "set", f"key{i}", "v" * 1000, stdout="OK\n")
            self.assert_runs(client, "-s", path, "dbsize", stdout="3\n")
            self.assert_runs(client, "-s", path, "bgsave")
            self.space.run(client, "-s", path, "shutdown", "nosave")
            self.assert_ends(redis, 0)
        self.space.check_no_escapes()

    def test_busybox(self):
        busybox = tool("busybox")
        self.assert_runs(busybox, "echo", "static", stdout="static\n")
        self.assert_runs(busybox, "sh", "-c", "for i in 1 2 3; do echo $i; done | wc -l",
                         stdout="3\n")

    def test_scripts(self):
        path = os.path.join(self.work, "script")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh -e\necho \"$0 $*\"\nexit 6\n")
        os.chmod(path, 0o755)
        self.assert_runs(path, "a", "b c", stdout=f"{path} a b c\n", status=6)
        nested = os.path.join(self.work, "nested")
        with open(nested, "w", encoding="utf-8") as file:
            file.write(f"#!{path} more\n")
        os.chmod(nested, 0o755)
        self.assert_runs(nested, "x", stdout=f"{path} more {nested} x\n", status=6)

    def test_two_at_once(self):
        with self.space.running(tool("cat")) as first, self.space.running(tool("cat")) as second:
            for process in (first, second):
                process.stdin.write("12\n")
                process.stdin.flush()
                self.assert_line(process, "12")
            self.assertEqual(len(self.space.threadprocs("running")), 2)
            self.space.check_no_escapes()


class Python(SpaceTest):
    """CPython: a big program with threads and children."""

    def python(self, script, stdout):
        return self.assert_runs(tool("python3"), "-c", script, stdout=stdout)

    def test_import_much(self):
        self.python("import json, sqlite3, decimal, ctypes, ssl; print(json.dumps([1]))", "[1]\n")

    def test_threads(self):
        self.python("import threading\nn = []\n"
                    "t = [threading.Thread(target=lambda i=i: n.append(sum(range(i * 1000))))"
                    " for i in range(20)]\n[x.start() for x in t]\n[x.join() for x in t]\n"
                    "print(len(n))", "20\n")

    def test_subprocess(self):
        self.python("import subprocess\n"
                    "print(subprocess.run(['tr', 'a-z', 'A-Z'], input='abc', text=True,"
                    " capture_output=True).stdout, subprocess.call('exit 5', shell=True))",
                    "ABC 5\n")

    def test_multiprocessing(self):
        self.python("import multiprocessing as m\n"
                    "p = m.get_context('fork').Pool(3)\nprint(sum(p.map(abs, range(-100, 0))))\n"
                    "p.close(); p.join()", "5050\n")

    def test_fork_and_exec(self):
        self.python("import os\npid = os.fork()\nif not pid: os.execvp('echo', ['echo', 'child'])\n"
                    "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))", "child\n0\n")

    def test_output_of_a_running_one(self):
        with self.space.running(tool("python3"), "-uic", "print('up')") as process:
            self.assert_line(process, "up")
            self.space.check_no_escapes()
            process.stdin.write("import threading, mmap; m = mmap.mmap(-1, 1 << 26); print(6*7)\n")
            process.stdin.flush()
            self.assert_line(process, "42")
            self.space.check_no_escapes()
            process.stdin.close()
            self.assert_ends(process, 0)


class Forms(SpaceTest):
    """One program in every form that the linkers make."""

    def setUp(self):
        super().setUp()
        self.null = os.open("/dev/null", os.O_RDWR)
        self.addCleanup(os.close, self.null)

    def check(self, name):
        self.assert_runs(program(name), stdout="ok\n")
        with self.space.running(program(name), "wait") as process:
            self.assert_line(process, "ok")
            self.space.check_no_escapes()
            process.stdin.close()
            self.assert_ends(process, 0)

    def test_pie(self):
        self.check("basic-pie")

    def test_exec(self):
        self.check("basic-exec")

    def test_static(self):
        self.check("basic-static")

    def test_static_pie(self):
        self.check("basic-static-pie")

    def test_musl(self):
        self.check("basic-musl")

    def test_musl_static(self):
        self.check("basic-musl-static")

    def test_cxx(self):
        self.assert_runs(program("cxx"), stdout="ok 42\n")

    def test_dlopen_and_dlmopen(self):
        self.assert_runs(program("dl"), PROGRAMS / "plugin.so", stdout="1\n2\n1\n")

    def test_one_sanitized_program_after_the_other(self):
        """AddressSanitizer's fixed ranges are free again when the space is empty."""
        for _ in range(3):
            self.assert_runs(program("sanitized"), stdout="1\n")
        done = self.space.run(program("sanitized"), "x")
        self.assertIn("heap-buffer-overflow", done.stderr)
        self.space.until(lambda: not self.space.escapes(), "nothing is left")

    def test_all_at_once(self):
        names = ("basic-pie", "basic-exec", "basic-static-pie", "basic-pie")
        processes = [self.space.popen(program(name), "wait") for name in names]
        for process in processes:
            self.assert_line(process, "ok")
        self.space.check_no_escapes()
        for process in processes:
            out, err = process.communicate(timeout=TIMEOUT)
            self.assertEqual((process.returncode, out, err), (0, "", ""))

    def test_second_exec_says_who_has_its_addresses(self):
        with self.space.running(program("basic-exec"), "wait", options=["-n", "first"]) as first:
            self.assert_line(first, "ok")
            done = self.space.run(program("basic-exec-2"))
            self.assertEqual(done.returncode, 126, done)
            self.assertRegex(done.stderr, r"needs 0x400000-0x[0-9a-f]+, taken by first")
            self.assertEqual(done.stderr.count("\n"), 1)
            first.stdin.close()
            self.assert_ends(first, 0)
        self.assert_runs(program("basic-exec-2"), stdout="ok\n")

    def test_fixed_addresses_are_free_once_the_end_is_told(self):
        self.space.start()
        for _ in range(20):
            with self.space.connect() as sock:
                wire.send_launch(sock, [program("basic-exec")],
                                 fds=[(self.null, 0), (self.null, 1)])
                messages = []
                while (message := wire.receive(sock)) is not None:
                    messages.append(message)
                    for fd in message.fds:
                        os.close(fd)
            self.assertEqual([m.type for m in messages], [wire.STARTED, wire.EXITED], messages)

    def test_stack_overflow_meets_the_guard(self):
        with self.space.running(program("basic-pie"), "wait") as neighbour:
            self.assert_line(neighbour, "ok")
            self.assert_runs(program("overflow"), status=-11)
            neighbour.stdin.close()
            self.assert_ends(neighbour, 0)


class Kept(SpaceTest):
    """What execve keeps, and what it makes: the same in a space as outside."""

    def in_shell(self, setup, name="attributes"):
        """The same output of a program after `setup`, in the space and outside."""
        def output(argv):
            done = subprocess.run([tool("bash"), "-c", f'{setup} "$@"', "bash", *argv],
                                  env=self.space.env, check=False, text=True, timeout=TIMEOUT,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
            return f"{done.stdout}{done.stderr}status {done.returncode}"

        native = output([program(name)])
        self.assertIn("status 0", native)
        self.assertEqual(output(self.space.argv([program(name)])), native)

    def test_attributes(self):
        self.space.start()
        for setup in ("", "umask 027;", "nice -n 7", "ulimit -n 77; ulimit -c 0;",
                      "taskset -c 0", "trap '' USR1 PIPE;", "cd /usr/lib;",
                      "setpriv --no-new-privs", "chrt --batch 0", "ionice -c 2 -n 6", "setarch -R",
                      "ulimit -s 1024;"):
            with self.subTest(setup=setup):
                self.in_shell(setup)

    def test_blocked_signals(self):
        self.space.start()
        self.in_shell("env --block-signal=USR1,TERM")

    def test_first_caller_does_not_rule_the_server(self):
        """Its hard limits do, as for anything that it starts; the rest does not."""
        self.in_shell("ulimit -S -n 50; ulimit -S -f 1; umask 0; trap '' TERM; taskset -c 0")
        self.in_shell("ulimit -S -n 60;")

    def test_arguments(self):
        self.space.env = {"XDG_RUNTIME_DIR": self.space.runtime, "EMPTY": "", "SPACED": "a b"}
        self.assert_same_as_native(program("arguments"), "", "a b", "\N{SNOWMAN}", "x" * 100000)

    def test_argv0_and_execfn(self):
        self.space.env = {"XDG_RUNTIME_DIR": self.space.runtime}
        native = subprocess.run(["./arguments"], cwd=PROGRAMS, env=self.space.env, check=True,
                                text=True, stdout=subprocess.PIPE).stdout
        done = self.space.run("./arguments", cwd=PROGRAMS)
        self.assertEqual(done.stdout, native)

    def test_deleted_cwd(self):
        gone = tempfile.mkdtemp()
        script = f'cd {gone}; rmdir {gone}; exec "$@"'
        done = subprocess.run([tool("sh"), "-c", script, "sh",
                               *self.space.argv([tool("readlink"), "/proc/self/cwd"])],
                              env=self.space.env, check=False, text=True, timeout=TIMEOUT,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((done.stdout, done.stderr), (f"{gone} (deleted)\n", ""))

    def test_descriptors(self):
        left, right = socket.socketpair()
        with left, right:
            fds = [left.fileno()]
            script = f"echo through the socket >&{fds[0]}; ls /proc/self/fd | wc -l"
            done = self.space.run(tool("bash"), "-c", script, pass_fds=fds)
            self.assertEqual(right.recv(100), b"through the socket\n")
            self.assertEqual((done.stdout, done.stderr), ("5\n", ""))  # 0, 1, 2, it, ls' own

    def test_many_descriptors(self):
        fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(600)]
        try:
            done = self.space.run(tool("sh"), "-c", "ls /proc/self/fd | wc -l", pass_fds=fds)
            self.assertEqual((done.stdout, done.stderr), ("604\n", ""))
        finally:
            for fd in fds:
                os.close(fd)

    def test_closed_standard_descriptors(self):
        done = subprocess.run([tool("sh"), "-c", 'exec "$@" <&- 2>&-', "sh",
                               *self.space.argv([tool("ls"), "/proc/self/fd"])],
                              env=self.space.env, check=False, text=True, timeout=TIMEOUT,
                              stdout=subprocess.PIPE)
        self.assertEqual(done.stdout, "0\n1\n")  # 0 is ls' own look


if __name__ == "__main__":
    main()
