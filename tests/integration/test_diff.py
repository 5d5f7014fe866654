#!/usr/bin/env python3
"""What changed between two looks at a component, against a program that changes what it says."""

import json
import subprocess

import space
from space import SpaceTest, TIMEOUT, command, program


class Diff(SpaceTest):
    """One tpinspect that is asked before and after."""

    def setUp(self):
        super().setUp()
        # what is changed would be in the way of the answers
        self.inspect = subprocess.Popen([command("tpinspect"), "-s", self.space.name, "--json"],
                                        env=self.space.env, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.addCleanup(self.end)

    def end(self):
        """Ends it by its input."""
        self.inspect.stdin.close()
        self.inspect.stdout.close()
        self.inspect.wait(TIMEOUT)

    def ask(self, line):
        """The answer to a command, the next document of its output."""
        self.inspect.stdin.write(line + "\n")
        self.inspect.stdin.flush()
        text = ""
        for answer in self.inspect.stdout:
            text += answer
            if answer == "}\n":
                return json.loads(text)
        raise AssertionError(f"no answer to {line}: {text}")

    def start(self):
        """The program, and where its things are."""
        process = self.enterContext(self.space.running(program("pointers")))
        lines = iter(process.stdout.readline, "ready\n")
        addresses = {k: int(v, 16) for k, v in (line.split() for line in lines)}
        self.space.until_loaded("pointers")
        return process, addresses

    def poke(self, process):
        """Has it change something."""
        process.stdin.write("poke\n")
        process.stdin.flush()
        self.assert_line(process, "done")

    def test_changes(self):
        """A variable and a byte of a chunk, and nothing when nothing was done."""
        process, where = self.start()
        self.poke(process)  # what is touched for the first time
        first, = self.ask("diff pointers")["components"]
        self.assertTrue(first["first"])
        self.assertGreater(first["pages"], 20)
        self.assertEqual(first["changes"], [])
        nothing, = self.ask("diff")["components"]
        self.assertEqual((nothing["first"], nothing["changes"], nothing["loaded"],
                          nothing["bytes_changed"]), (False, [], [], 0))
        self.poke(process)
        second, = self.ask("diff 1")["components"]
        found = {c["holder"]["text"]: c for c in second["changes"]}
        variable = found["changing in pointers"]
        self.assertEqual(variable["difference"], "changed")
        self.assertEqual(variable["holder"]["address"], hex(where["changing"]))
        self.assert_covers(variable, where["changing"] + 2000 * 4)
        block = found["20008 bytes, in use"]
        self.assertEqual((block["holder"]["kind"], block["holder"]["address"]),
                         ("chunk", hex(where["block"])))
        self.assert_covers(block, where["block"] + 10000)
        self.assertEqual(self.ask("diff 1")["components"][0]["bytes_changed"], 0)

    def assert_covers(self, change, address):
        """The range has the address, and is a line of memory."""
        lo, hi = int(change["lo"], 16), int(change["hi"], 16)
        self.assertTrue(lo <= address < hi, change)
        self.assertEqual(hi - lo, 64)

    def test_text(self):
        """The same in words, by two commands of one run."""
        self.start()
        done = subprocess.run([command("tpinspect"), "-s", self.space.name, "-c", "diff pointers",
                               "-c", "diff pointers"], env=self.space.env, check=False, text=True,
                              timeout=TIMEOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^pointers \(id 1, pid \d+, running\): \d+ pages and "
                         r"\d+ modules noted\npointers \(id 1, pid \d+, running\): 0 B changed, 0 B "
                         r"new, 0 B gone\n$")


if __name__ == "__main__":
    space.main()
