"""tprun --guard-foreign-free: nobody frees what another program allocated."""

import glob
import json
import os
import pathlib
import signal

from space import SpaceTest, TIMEOUT, main, program, tool

GUARD = ["--guard-foreign-free"]
CALL = "import ctypes, sys; f = getattr(ctypes.CDLL(sys.argv[1] or None), sys.argv[2]); " \
       "f(ctypes.c_void_p(int(sys.argv[3], 16)), ctypes.c_size_t(64), ctypes.c_size_t(2))"
CALLS = [("", "free", "free"), ("", "realloc", "reallocate"), ("", "reallocarray", "reallocate"),
         ("libstdc++.so.6", "_ZdlPv", "free")]
NATIVE = [["/bin/ls", "/"], [tool("bash"), "-c", "x=$(echo a | cat); echo $x; (echo b); exec echo c"],
          [tool("perl"), "-e", "my %h = map { $_ => [1..$_] } 1..500; print scalar keys %h"],
          [tool("python3"), "-c", "import os, subprocess; p = os.fork(); p or os._exit(7); "
                                  "print(os.waitpid(p, 0)[1], subprocess.check_output(['echo', 'd']))"]]


class Guard(SpaceTest):
    def keeper(self, *options):
        """A component with memory for others to free; its addresses by name."""
        context = self.space.running(program("party"), "keep", options=["-n", "keep", *options])
        process = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        lines = iter(process.stdout.readline, "ready\n")
        addresses = dict(line.split() for line in lines if line or self.fail("no keeper"))
        self.space.until_loaded("keep")
        return process, addresses

    def report(self):
        """The report that was kept last."""
        newest = self.space.inspect("crash --list")["kept"][0]
        return json.loads(pathlib.Path(newest["file"]).read_text(encoding="utf-8"))

    def refused(self, *argv, name="thief"):
        """It ends by SIGABRT; its report."""
        done = self.space.run(*argv, options=["-n", name, "--report", *GUARD])
        self.assertEqual(done.returncode, -signal.SIGABRT, done)
        report = self.report()
        self.assertEqual((report["threadproc"]["name"], report["kind"]), (name, "foreign-free"))
        self.assertIn(report["what"], done.stderr)
        return report

    def test_both_parties(self):
        keeper, addresses = self.keeper()
        for way, function, word in ("free", "free_chunk", "free"), ("resize", "resize", "reallocate"):
            with self.subTest(way):
                report = self.refused(program("party"), way, addresses["chunk"])
                self.assertRegex(report["what"], rf"^was about to {word} {addresses['chunk']}, a chunk of \d+ bytes "
                                                 rf"of keep \(1\)'s heap, in {function} \(party\.c:\d+\)$")
                self.assertEqual(report["address"]["threadproc"]["name"], "keep")
        self.assertEqual(keeper.communicate("\n", TIMEOUT)[0], "")
        self.assert_ends(keeper, 0)

    def test_of_one_that_is_gone(self):
        keeper, addresses = self.keeper()
        keeper.communicate("\n", TIMEOUT)
        self.space.until(lambda: not self.space.ping()[2], "the keeper is gone")
        report = self.refused(program("party"), "free", addresses["chunk"])
        self.assertRegex(report["what"], r"^was about to free 0x\w+, a stale pointer into keep \(1\), which exited ")

    def test_every_way(self):
        _, addresses = self.keeper()
        for library, name, word in CALLS:
            with self.subTest(name):
                report = self.refused(tool("python3"), "-c", CALL, library, name, addresses["chunk"])
                self.assertRegex(report["what"], f"^was about to {word} ")

    def test_other_allocators(self):
        found = glob.glob("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")
        if not found:
            self.skipTest("libjemalloc is not installed")
        _, addresses = self.keeper()
        env = {**self.space.env, "LD_PRELOAD": found[0]}
        done = self.space.run(program("party"), "free", addresses["chunk"], options=GUARD, env=env)
        self.assertEqual(done.returncode, -signal.SIGABRT)
        self.assertEqual(self.space.run("/bin/echo", "fine", options=GUARD, env=env).stdout, "fine\n")

    def test_musl(self):
        if not os.path.exists(program("basic-musl")):
            self.skipTest("musl-gcc is not installed")
        done = self.space.run(program("basic-musl"), options=GUARD, input="")
        native = self.space.run(program("basic-musl"), input="")
        self.assertEqual((done.returncode, done.stderr), (native.returncode, native.stderr))

    def test_what_is_right_stays(self):
        """Programs that free what is theirs, fork and exec run as ever."""
        for argv in NATIVE:
            with self.subTest(argv[0]):
                plain = self.space.run(*argv)
                guarded = self.space.run(*argv, options=GUARD)
                self.assertEqual((guarded.returncode, guarded.stdout, guarded.stderr),
                                 (plain.returncode, plain.stdout, plain.stderr))

    def test_preloaded_before(self):
        env = {**self.space.env, "LD_PRELOAD": "/lib/x86_64-linux-gnu/libm.so.6"}
        done = self.space.run("/bin/sh", "-c", "echo $LD_PRELOAD", options=GUARD, env=env)
        self.assertRegex(done.stdout, r"^/\S+/libtproc-guard\.so:/lib/x86_64-linux-gnu/libm\.so\.6$")
        self.assertNotIn("LD_PRELOAD", os.environ)

    def test_static_programs_are_refused(self):
        done = self.space.run(program("basic-static"), options=GUARD)
        self.assertEqual(done.returncode, 126)
        self.assertIn("linked statically", done.stderr)

    def test_without_it_nothing_is_preloaded(self):
        done = self.space.run("/bin/sh", "-c", "grep -c tproc-guard /proc/self/maps; echo -$LD_PRELOAD-")
        self.assertEqual(done.stdout, "0\n--\n")


if __name__ == "__main__":
    main()
