"""Crash reports: what happened, in words, and what it means for others."""

import json
import pathlib
import signal
import subprocess

from space import SpaceTest, TIMEOUT, command, fd_count, main, program

# way, what the report says.  Where an address would be is (0x[0-9a-f]+).
ALONE = [
    ("null", r"^wrote 4 bytes to 0x0, a null pointer, in write_to_null \(crasher\.c:\d+\)$"),
    ("thread", r"^wrote 4 bytes to 0x10, an offset from a null pointer, in write_to_null "),
    ("overflow", r"^stack overflow, 8\.0 MiB, recursion of recurse \(crasher\.c:\d+\)$"),
    ("deep", r"^stack overflow, 8\.0 MiB, recursion of recurse \(crasher\.c:\d+\)$"),
    ("divide", r"^divided by zero, in divide \(crasher\.c:\d+\)$"),
    ("illegal", r"^reached what it takes for impossible .*, in illegal \("),
    ("breakpoint", r"^ran onto a breakpoint instruction, in breakpoint \("),
    ("bus", r"^wrote 1 byte at 0x[0-9a-f]+, past the end of the file .*, in past_the_file \("),
    ("handler", r"^wrote 4 bytes to 0x8, an offset from a null pointer, in on_signal \("),
    ("sent", r"^raised SIGBUS itself, in sent \("),
    ("abort", r"^aborted, in main \("),
]

# way, what of the keeper's, what the report says
WITH_KEEPER = [
    ("write", "constant", r"^wrote 4 bytes to 0x\w+, read-only data of keep \(\d+\): constant of "
                          r"keep \(\d+\), in write_4 \(party\.c:\d+\)$"),
    ("call", "variable", r"^jumped to 0x\w+, data of keep \(\d+\): variable of keep \(\d+\), in call "
                         r"\(party\.c:\d+\)$"),
    ("call", "lent", r"^wrote 4 bytes to 0x0, a null pointer, in lent \(party\.c:\d+\), code of "
                     r"keep \(\d+\)$"),
    ("read", "freed", r"^read 8 bytes at 0x\w+, \d+ bytes into a freed chunk of \d+ bytes of "
                      r"keep \(\d+\)'s heap, which nobody may touch, in read_8 \("),
    ("write", "used", r"^wrote 4 bytes to 0x\w+, \d+ bytes into a chunk of 65544 bytes of "
                      r"keep \(\d+\)'s heap, which nobody may touch, in write_4 \("),
    ("read", "edge", r"^read 8 bytes at 0x\w+, 16 bytes past the end of memory of keep \(\d+\), "
                     r"in read_8 \("),
    ("copy", "constant", r"^wrote \d+ bytes to 0x\w+, read-only data of keep \(\d+\): constant of "
                         r"keep \(\d+\), in (\S+ .*, called by )?copy \(party\.c:\d+\)$"),
]

# way, address, what the report says
WITHOUT_KEEPER = [
    ("call", "0", r"^called a null pointer, in call \(party\.c:\d+\)$"),
    ("read", "dead00000000beef", r"^read 8 bytes at 0xdead00000000beef, which is no address, in "),
    ("call", "dead00000000beef", r"^jumped to 0xdead00000000beef, which is no address, in call "),
    ("read", "700000000000", r"^read 8 bytes at 0x700000000000, where nothing is mapped, in read_8 "),
    ("free-twice", "0", r"^aborted: free\(\): double free detected in tcache 2, in free_twice \("),
    ("forbidden", "0", r"^made a system call that is forbidden to it: getpgrp, in syscall\S* .*, called by "
                       r"forbidden_call "),
]


class ReportTest(SpaceTest):
    """Programs that crash, and what is told of it."""

    def setUp(self):
        super().setUp()
        self.crasher = program("crasher")
        self.party = program("party")

    def keeper(self):
        """A component with memory for others to break; its addresses by name."""
        process = self.enterContext(self.space.running(self.party, "keep", options=["-n", "keep"]))
        lines = iter(process.stdout.readline, "ready\n")
        addresses = dict(line.split() for line in lines if line or self.fail("no keeper"))
        self.space.until_loaded("keep")
        return process, addresses

    def kept(self):
        """The reports that were kept, the newest first."""
        return self.space.inspect("crash --list")["kept"]

    def newest(self):
        """The report that was kept last."""
        return json.loads(pathlib.Path(self.kept()[0]["file"]).read_text(encoding="utf-8"))

    def crash(self, argv, name):
        """Lets a program crash with a report; returns what was kept of that."""
        done = self.space.run(*argv, options=["-n", name, "--report"])
        self.assertLess(done.returncode, 0, done)
        report = self.newest()
        self.assertEqual(report["threadproc"]["name"], name)
        self.assertEqual(done.returncode, -report["number"])
        self.assertIn(report["what"], done.stderr)
        return report

    def enterContext(self, context):  # pylint: disable=invalid-name
        """As unittest has it from Python 3.11 on."""
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    @staticmethod
    def suspects(report):
        """Names of those that are suspect."""
        return [s["threadproc"]["name"] for s in report["suspects"]]


class Words(ReportTest):
    """What happened."""

    def test_alone(self):
        for way, words in ALONE:
            with self.subTest(way=way):
                self.assertRegex(self.crash([self.crasher, way], way)["what"], words)

    def test_without_keeper(self):
        for way, address, words in WITHOUT_KEEPER:
            with self.subTest(way=way, address=address):
                report = self.crash([self.party, way, address], way)
                self.assertRegex(report["what"], words)

    def test_with_keeper(self):
        _, addresses = self.keeper()
        for way, what, words in WITH_KEEPER:
            with self.subTest(way=way, what=what):
                report = self.crash([self.party, way, addresses[what]], way)
                self.assertRegex(report["what"], words)
                self.assertEqual(self.suspects(report)[:2], [way, "keep"])

    def test_stale(self):
        keeper, addresses = self.keeper()
        keeper.communicate("\n", timeout=TIMEOUT)
        self.assertEqual(keeper.returncode, 0)
        place = int(addresses["variable"], 16)
        self.space.until(lambda: not any(m.lo <= place < m.hi for m in self.space.maps()),
                         "its memory is gone")
        report = self.crash([self.party, "read", addresses["variable"]], "read")
        self.assertRegex(report["what"],
                         r"^read 8 bytes at 0x\w+: a stale pointer into keep \(\d+\), which exited "
                         r"\d+\.\d s ago \(variable of party\), in read_8 \(party\.c:\d+\)$")
        report = self.crash([self.party, "call", addresses["lent"]], "call")
        self.assertRegex(report["what"], r"^called code that is gone, .* stale pointer into keep ")

    def test_afterwards(self):
        """Of one that is gone the record tells most of it."""
        for way, words in (ALONE[0], ALONE[4], ALONE[9], ALONE[10]):
            with self.subTest(way=way):
                self.space.run(self.crasher, way, options=["-n", way])
                report, = self.space.inspect(f"crash {way}")["crashes"]
                self.assertRegex(report["what"], words.replace(" 4 bytes", "( 4 bytes)?"))
                self.assertFalse(report["held"])

    def test_from_outside(self):
        with self.space.running(self.party, "wait", options=["-n", "victim"]) as victim:
            self.assert_line(victim, "ready")
            pid = self.space.threadprocs("running")[0]["pid"]
            subprocess.run(["kill", "-KILL", str(pid)], check=True)
            self.assert_ends(victim, -signal.SIGKILL)
        report, = self.space.inspect("crash")["crashes"]
        self.assertEqual((report["what"], report["kind"]), ("was killed by SIGKILL", "killed"))
        self.space.run("/bin/sh", "-c", "exit 3", options=["-n", "quits"])
        report, = self.space.inspect("crash quits")["crashes"]
        self.assertEqual((report["what"], report["kind"]), ("exited with status 3", "exit"))

    def test_sent_by_another(self):
        with self.space.running(self.party, "wait", options=["-n", "victim", "--report"]) as victim:
            self.assert_line(victim, "ready")
            pid = self.space.threadprocs("running")[0]["pid"]
            done = self.space.run("/bin/sh", "-c", f"kill -SEGV {pid}; read line",
                                  options=["-n", "killer"])
            self.assertNotEqual(done.returncode, 0)
            self.assert_ends(victim, -signal.SIGSEGV)
        self.assertRegex(self.newest()["what"], r"^was sent SIGSEGV by killer \(\d+\)")


    def test_aborted_by_another(self):
        with self.space.running(self.party, "wait", options=["-n", "victim", "--report"]) as victim:
            self.assert_line(victim, "ready")
            pid = self.space.threadprocs("running")[0]["pid"]
            subprocess.run(["kill", "-ABRT", str(pid)], check=True)
            self.assert_ends(victim, -signal.SIGABRT)
        self.assertRegex(self.newest()["what"], r"^was sent SIGABRT by process \d+, in ")

    def test_outside_the_space(self):
        """What calls execve is on its own; that there is no report is said."""
        done = self.space.run("/bin/bash", "-c", "ulimit -c 0; exec sh -c 'kill -SEGV $$'",
                              options=["--report"])
        self.assertEqual(done.returncode, -signal.SIGSEGV)
        self.assertRegex(done.stderr, r"\Atprun: no report of this crash: .*\(execve\)")


class Ties(ReportTest):
    """What a crash means for others."""

    def test_threads(self):
        report = self.crash([self.crasher, "thread"], "thread")
        first, second = report["threads"]
        self.assertTrue(first["crashed"])
        self.assertEqual(first["frames"][0]["symbol"]["name"], "write_to_null")
        self.assertEqual(second["tid"], report["threadproc"]["pid"])
        self.assertIn("main", [f["symbol"]["name"] for f in second["frames"] if f["symbol"]])

    def test_borrowed_code(self):
        _, addresses = self.keeper()
        report = self.crash([self.party, "call", addresses["lent"]], "caller")
        frames = report["threads"][0]["frames"]
        self.assertEqual([(f["symbol"]["name"], f["threadproc"]["name"]) for f in frames[:2]],
                         [("lent", "keep"), ("call", "caller")])
        self.assertEqual(self.suspects(report), ["caller", "keep"])

    def test_registers(self):
        _, addresses = self.keeper()
        report = self.crash([self.party, "write", addresses["constant"]], "writer")
        self.assertEqual(report["access"], {"kind": "write", "size": 4})
        self.assertEqual(report["address"]["address"], addresses["constant"])
        pointer, = [p for p in report["pointers"] if p["register"] == "rdi"]
        self.assertEqual(pointer["threadproc"]["name"], "keep")
        self.assertIn("constant", pointer["brief"])

    def test_who_points_there(self):
        _, addresses = self.keeper()
        report = self.crash([self.party, "plant", addresses["variable"]], "planter")
        pointing, = report["pointed_to_by"]
        self.assertEqual((pointing["threadproc"]["name"], pointing["words"]), ("keep", 1))
        self.assertEqual(pointing["holders"][0]["kind"], "symbol")
        self.assertIn("variable", pointing["holders"][0]["text"])
        self.assertIn("keep", self.suspects(report))

    def test_after_it_is_gone(self):
        """A pointer that was left behind is found still."""
        _, addresses = self.keeper()
        self.space.run(self.party, "plant", addresses["variable"], options=["-n", "planter"])
        report, = self.space.inspect("crash planter")["crashes"]
        self.assertEqual([p["threadproc"]["name"] for p in report["pointed_to_by"]], ["keep"])

    def test_descriptors(self):
        with self.space.running("/bin/cat", options=["-n", "cat"]) as cat:
            crasher = self.space.popen(self.crasher, "null", options=["-n", "null", "--report"],
                                       stdout=cat.stdin)
            crasher.communicate(timeout=TIMEOUT)
        shared = [d for d in self.newest()["descriptors"] if d["fd"] == 1]
        self.assertEqual(shared, [])  # the two ends of a pipe are no common open file
        with open("/dev/null", encoding="ascii") as null:
            with self.space.running("/bin/cat", options=["-n", "cat"], stdout=null) as cat:
                self.space.until_loaded("cat")
                crasher = self.space.popen(self.crasher, "null", stdout=null,
                                           options=["-n", "null", "--report"])
                crasher.communicate(timeout=TIMEOUT)
        shared, = [d for d in self.newest()["descriptors"] if d["fd"] == 1]
        self.assertEqual([(s["threadproc"]["name"], s["fd"]) for s in shared["shared_with"]],
                         [("cat", 1)])


class Kept(ReportTest):
    """Reports that are kept."""

    def test_for_the_user_alone(self):
        self.crash([self.crasher, "null"], "null")
        directory = pathlib.Path(self.space.env["XDG_STATE_HOME"]) / "tproc" / "crashes"
        self.assertEqual(directory.stat().st_mode & 0o777, 0o700)
        files = sorted(directory.iterdir())
        self.assertEqual([f.suffix for f in files], [".json", ".txt"])
        for file in files:
            self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertIn("a null pointer", files[1].read_text(encoding="utf-8"))

    def test_the_oldest_go(self):
        self.crash([self.crasher, "null"], "null")
        directory = pathlib.Path(self.space.env["XDG_STATE_HOME"]) / "tproc" / "crashes"
        known, = directory.glob("*.json")
        for i in range(60):
            (directory / f"2020-01-01T00:00:{i:02}-old-1.json").write_bytes(known.read_bytes())
        (directory / "broken.json").write_text("[", encoding="ascii")
        self.crash([self.crasher, "abort"], "abort")
        self.assertLessEqual(len(list(directory.glob("2*.json"))), 50)
        self.assertRegex(self.newest()["what"], "^aborted")
        self.assertEqual(self.space.inspect("crash --kept 1")["what"], self.newest()["what"])

    def until_kept(self, count):
        """Waits until there are so many reports; nobody is told when one is made."""
        self.space.until(lambda: len(self.kept()) == count, f"{count} reports are kept",
                         self.space.log().splitlines)

    def test_without_being_asked(self):
        """Also when nothing is said of a crash, on what is left of it."""
        server, _ = self.space.start()
        before = fd_count(server)
        for count, (way, words) in enumerate((ALONE[0], ALONE[1], ALONE[4]), 1):
            done = self.space.run(self.crasher, way, options=["-n", way])
            self.assertEqual(done.stderr, "")
            self.until_kept(count)
            report = self.newest()
            self.assertEqual(report["threadproc"]["name"], way)
            self.assertRegex(report["what"], words)
        # one that had no chance to write a record
        self.space.run("/bin/bash", "-c", "ulimit -c 0; kill -SEGV $$", options=["-n", "killed"])
        self.until_kept(4)
        self.space.until(lambda: fd_count(server) == before, "the server has no more open")

    def test_not_twice(self):
        """What was reported, or ended in another way, is not kept by the server as well."""
        self.crash([self.crasher, "null"], "null")
        self.space.run(self.crasher, "null", options=["--on-crash=quiet", "--on-crash=core"],
                       cwd=self.space.runtime)
        self.assertEqual(len(self.kept()), 2)
        self.space.run("/bin/sh", "-c", "kill -KILL $$")
        self.space.run("/bin/false")
        self.space.run(self.crasher, "abort")
        self.until_kept(3)
        self.assertEqual(self.newest()["kind"], "abort")

    def test_too_often(self):
        """A program that crashes as a habit is neither waited for nor kept each time."""
        crashes = 0
        while "threadprocs crash too often" not in self.space.log():
            done = self.space.run(self.crasher, "null")
            self.assertEqual((done.returncode, done.stderr), (-signal.SIGSEGV, ""))
            crashes += 1
            self.assertLess(crashes, 200)
        self.assertGreater(crashes, 10)
        self.space.until(lambda: len(self.kept()) >= 3, "some are kept")

    def test_space_ends(self):
        """What is being kept when the space is ended is finished first."""
        self.space.run(self.crasher, "null")
        subprocess.run([command("tpserver"), "-s", self.space.name, "--stop"], env=self.space.env,
                       check=True, timeout=TIMEOUT)
        self.assertFalse(self.space.is_up())

    def test_hostile(self):
        """A kept file is no more than a file."""
        self.crash([self.crasher, "null"], "null")
        directory = pathlib.Path(self.space.env["XDG_STATE_HOME"]) / "tproc" / "crashes"
        for text in ('{}', '[]', '{"signal": 3, "what": [], "threads": 7, "suspects": [1, {}]}',
                     '{"signal": "S", "threads": [{"frames": [{}, 1]}], "what": "a\\u001b[2Jb"}'):
            (directory / "9999.json").write_text(text, encoding="ascii")
            done = self.space_text("crash --kept 1")
            self.assertNotIn("\x1b", done.stdout)
            self.assertGreaterEqual(done.returncode, 0)

    def space_text(self, line):
        """The answer of tpinspect as text."""
        return subprocess.run([command("tpinspect"), "-s", self.space.name, "-c", line],
                              env=self.space.env, check=False, text=True, timeout=TIMEOUT,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)


if __name__ == "__main__":
    main()
