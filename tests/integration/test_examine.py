#!/usr/bin/env python3
"""x, as GDB has it: both look at the same process, and show the same."""

import re
import subprocess

import space

NAMES = ("noise", "strings", "wide", "wider", "doubles", "floats", "pointers", "code")
MARK = "--- next"

# Each begins anew; in a list, each goes on from the one before.
SEQUENCES = (
    *[[f"x/{count}{letter}{size} {{noise}}"]
      for letter in "xduotcz" for size in "bhwg" for count in (1, 7, 20)],
    *[[f"x/16fg {{doubles}}"], ["x/16fw {floats}"], ["x/5fb {noise}"], ["x/5fh {noise}"]],
    ["x/8ag {pointers}"], ["x/4aw {noise}"],
    ["x/9s {strings}"], ["x/s {strings}+0n1", "x", "x/2"], ["x/12s {strings}+0n600"],
    ["x/3hs {wide}"], ["x/3ws {wider}"], ["x/gs {strings}"],
    ["x/20i {code}"], ["x/2i {code}", "x", "x/3", "x/w", "x/b"],
    # what is left out is as it was last
    ["x/xw {noise}", "x", "x/g", "x/3", "x", "x/o", "x/c", "x/x", "x/f", "x/d", "x/s", "x/h", "x/a", "x/t"],
    ["x/4xb {noise}", "x", "x", "x/2uh", "x"],
    # backwards
    ["x/-3xg {noise}+0n64", "x", "x", "x/-1"],
    ["x/-2s {strings}+0n40", "x", "x/-1s"], ["x/-4s {strings}+0n100"],
    ["x/-3s {strings}+0n1300"], ["x/-5i {code}+0n{code_off}", "x"],
    ["x/0xb {noise}", "x"],
)


class Examined(space.SpaceTest):
    """A program with known memory, which waits."""

    def setUp(self):
        super().setUp()
        self.process = self.enterContext(self.space.running(space.program("examined")))
        words = self.process.stdout.readline().split()
        self.places = dict(zip(NAMES, (int(word, 16) for word in words)))
        self.component, = self.space.threadprocs("running")

    def command(self, line, decimal):
        """The line with its addresses; GDB and tpinspect write sums in their own way."""
        line = re.sub(r"0n\{code_off\}", f"0n{self.code_offset}", line)
        line = line.format(**{k: hex(v) for k, v in self.places.items()})
        return re.sub(r"0n(\d+)", lambda m: m[1] if decimal else hex(int(m[1])), line)

    def ours(self, *lines, json=False):
        """What tpinspect answers to lines; the same as GDB's, its diagnostics last."""
        argv = [space.command("tpinspect"), "-s", self.space.name, "--keep-going"]
        for line in lines:
            argv += ["-c", line]
        done = subprocess.run(argv, env=self.space.env, check=False, text=True,
                              timeout=space.TIMEOUT, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding="utf-8")
        return done.stdout

    def gdb(self, sequences):
        """What GDB answers to each sequence, with the program's symbols."""
        bias, = [m["bias"] for m in self.space.inspect("modules")["modules"]
                 if m["kind"] == "program"]
        argv = [space.tool("gdb"), "-nx", "-q", "-batch", "-ex", "set auto-load off",
                "-ex", "set auto-solib-add off", "-ex", "set width 0", "-ex", "set style enabled off",
                "-ex", f"attach {self.component['pid']}", "-ex", "symbol-file",
                "-ex", f"add-symbol-file {space.program('examined')} -o {bias}"]
        for lines in sequences:
            argv += ["-ex", f"echo {MARK}\\n"]
            for line in lines:
                argv += ["-ex", line]
        done = subprocess.run(argv, env=self.space.env, check=False, text=True, encoding="utf-8",
                              timeout=space.TIMEOUT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        parts = done.stdout.split(f"{MARK}\n")
        self.assertEqual(len(parts), len(sequences) + 1, done.stdout)
        parts[-1] = re.sub(r"\[Inferior .*\n", "", parts[-1])
        return parts[1:]


class SameAsGdb(Examined):
    """Line by line."""

    def setUp(self):
        super().setUp()
        listing = self.ours(f"x/30i {self.places['code']:x}").splitlines()[1:]
        self.code_offset = int(listing[12].split()[0], 16) - self.places["code"]

    def test_all(self):
        """Every format in every size, defaults, going on, going back."""
        theirs = self.gdb([[self.command(line, True) for line in lines] for lines in SEQUENCES])
        for lines, expected in zip(SEQUENCES, theirs):
            with self.subTest(lines=lines):
                bare = [re.sub(r"^x(\S*)", r"x\1 --bare", self.command(line, False))
                        for line in lines]
                expected = re.sub(r"^warning: .*\n", "", expected).replace("=> ", "   ")
                self.assertEqual(self.ours(*bare), expected)


class Owners(Examined):
    """What GDB does not know."""

    def test_area(self):
        """A line tells whose memory it is."""
        first = self.ours(f"x/2xg {self.places['noise']:x}").splitlines()[0]
        self.assertRegex(first, r"^# examined\(1\) program, /.*/examined, rw-p, 0x\w+-0x\w+$")

    def test_pointers(self):
        """Behind addresses it says what they lead to."""
        lines = self.ours(f"x/8a {self.places['pointers']:x}").splitlines()[1:]
        self.assertTrue(lines[0].endswith("# examined(1) examined noise; examined(1) examined "
                                          "noise+0x5"), lines[0])
        self.assertIn("# examined(1) examined code; examined(1) heap chunk of 24", lines[1])
        self.assertTrue(lines[2].endswith("examined(1) examined pointers; not mapped"), lines[2])
        self.assertTrue(lines[3].endswith("; null"), lines[3])

    def test_json(self):
        """Each element by itself."""
        answer = self.space.inspect(f"x/2a {self.places['pointers']:x}")
        self.assertEqual(answer["items"][1]["address"], hex(self.places["pointers"] + 8))
        self.assertEqual(answer["items"][1]["text"],
                         f"{self.places['noise'] + 5:#x} <noise+5>")
        self.assertEqual(answer["items"][1]["pointer"]["identity"]["name"], "noise")

    def test_expressions(self):
        """Variables and functions by their names, as print has them."""
        for expression, place in (("examined::strings", "strings"), ("code", "code"),
                                  ("'&noise[2]'", "noise"), ("pointers[0]", "noise"),
                                  ("'*&doubles'", "doubles")):
            offset = 16 if "[2]" in expression else 0
            line = self.ours(f"x/xb --bare {expression}")
            self.assertTrue(line.startswith(f"{self.places[place] + offset:#x} "), line)
        done = subprocess.run([space.command("tpinspect"), "-s", self.space.name, "-c",
                               "x/i no_such_name"], env=self.space.env, check=False, text=True,
                              capture_output=True, timeout=space.TIMEOUT)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("no_such_name", done.stderr)

    def test_gdb(self):
        """The command for GDB."""
        self.assertEqual(self.ours(f"x/3xg --gdb {self.places['noise']:x}"),
                         f"x/3xg {self.places['noise']:#x}\n")


if __name__ == "__main__":
    space.main()
