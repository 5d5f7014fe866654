#!/usr/bin/env python3
"""The address map, against what the kernel says of the same memory."""

import os
import re
import subprocess
import xml.etree.ElementTree

import space
from space import SpaceTest, TIMEOUT, command, program

# a line of smaps that says how large a part of a mapping is
SIZE = re.compile(r"(\w+): +(\d+) kB")


class Map(SpaceTest):
    """Sums and mappings of a component with heaps of all kinds."""

    def smaps(self, pid):
        """{lo: {"Rss": bytes, ...}} of the space."""
        found = {}
        with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as smaps:
            for line in smaps:
                if size := SIZE.match(line):
                    found[lo][size[1]] = int(size[2]) * 1024
                elif "-" in line.split()[0]:
                    lo = int(line.split("-")[0], 16)
                    found[lo] = {}
        return found

    def test_against_smaps(self):
        """Resident and dirty memory of each mapping of a program that stands still."""
        with self.space.running(program("heaps")) as process:
            process.stdout.readline()
            self.space.until_loaded("heaps")
            answer, = self.space.inspect("map heaps")["owners"]
            smaps = self.smaps(answer["threadproc"]["pid"])
            kinds = set()
            for area in answer["areas"]:
                with self.subTest(area=area):
                    kernel = smaps[int(area["lo"], 16)]
                    self.assertEqual(area["usage"]["mapped"] + area["usage"]["reserved"],
                                     kernel["Size"])
                    self.assertEqual(area["usage"]["resident"], kernel["Rss"])
                    self.assertEqual(area["usage"]["dirty"], kernel["Anonymous"])
                    kinds.add(area["kind"])
            self.assertEqual(kinds, {"program", "library", "heap", "stack", "anonymous",
                                     "reserved"})
            # malloc has more than the zone of brk
            self.assertEqual({area["kind"] for area in answer["areas"]
                              if area["usage"]["dirty"] > 1 << 19}, {"heap"})
            for key in ("mapped", "reserved", "resident", "dirty"):
                self.assertEqual(answer["usage"][key],
                                 sum(kind[key] for kind in answer["kinds"].values()))
                self.assertEqual(answer["usage"][key],
                                 sum(area["usage"][key] for area in answer["areas"]))

    def test_space(self):
        """Everybody has a line, the toolkit too; the picture is one."""
        with self.space.running(program("heaps"), options=["-n", "a<b"]) as process:
            process.stdout.readline()
            owners = self.space.inspect("map")["owners"]
            self.assertEqual([o["owner"] for o in owners], ["threadproc", "toolkit"])
            path = os.path.join(self.space.runtime, "map.svg")
            self.space.inspect(f"map --svg {path}")
            texts = [e.text or "" for e in xml.etree.ElementTree.parse(path).iter()]
            self.assertTrue(any(t.startswith("a<b (") for t in texts), texts)
            self.assertTrue(any(t.startswith("stack of thread") for t in texts), texts)
            text = subprocess.run([command("tpinspect"), "-s", self.space.name, "-c", "map"],
                                  env=self.space.env, check=True, text=True, timeout=TIMEOUT,
                                  stdout=subprocess.PIPE).stdout
            self.assertRegex(text, r"(?m)^OWNER +MAPPED +RESIDENT +DIRTY ")
            self.assertRegex(text, r"(?m)^a<b \(1\) ")

    def test_no_such_file(self):
        """A picture that cannot be written."""
        with self.space.running(program("heaps")) as process:
            process.stdout.readline()
            done = subprocess.run([command("tpinspect"), "-s", self.space.name, "-c",
                                   "map --svg /nowhere/map.svg"], env=self.space.env, check=False,
                                  text=True, timeout=TIMEOUT, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("cannot write /nowhere/map.svg: No such file", done.stderr)


if __name__ == "__main__":
    space.main()
