#!/usr/bin/env python3
"""Pointers found in memory, against a program that says where it has put them."""

import contextlib
import json
import os
import subprocess
import xml.etree.ElementTree

import space
from space import SpaceTest, TIMEOUT, command, program, tool


class Pointers(SpaceTest):
    """One component that is pointed to, and one that points."""

    @contextlib.contextmanager
    def start(self, name, *argv):
        """A component; yields what it says of its addresses."""
        with self.space.running(program("pointers"), *argv, options=["-n", name]) as process:
            lines = iter(process.stdout.readline, "ready\n")
            addresses = {k: int(v, 16) for k, v in (line.split() for line in lines)}
            self.space.until_loaded(name)
            yield addresses

    @contextlib.contextmanager
    def both(self):
        """The addresses of the two."""
        with self.start("one") as one, self.start("two", hex(one["target"])) as two:
            yield one, two

    def words(self, line):
        """{address: (component, kind of holder, text of holder, value)} of an answer."""
        answer = self.space.inspect(line)
        self.assertEqual(answer["words"], answer["shown"])
        found = {}
        for component in answer["components"]:
            owner = component["threadproc"]
            for holder in component["holders"]:
                for word in holder["words"]:
                    self.assertEqual(int(holder["address"], 16) + word["offset"],
                                     int(word["address"], 16))
                    found[int(word["address"], 16)] = (owner and owner["name"], holder["kind"],
                                                       holder["text"], int(word["value"], 16))
        return found

    def check_holders(self, found, who, where, to):
        """Every place that the program named is there, with what it is."""
        for place, kind, text in (("global_holder", "symbol", "global_holder in pointers"),
                                  ("tls_holder", "tls", "tls_holder of thread "),
                                  ("stack", "stack", "of thread "),
                                  ("mapping", "mapping", "anonymous, rw-p")):
            with self.subTest(place=place):
                owner, found_kind, found_text, value = found[where[place]]
                self.assertEqual((owner, found_kind, value), (who, kind, to))
                self.assertTrue(found_text.startswith(text), found_text)
        self.assertEqual(found[where["chunk"] + 24], (who, "chunk", "88 bytes, in use", to))

    def test_of_an_address(self):
        """Its own pointers and the other's."""
        with self.both() as (one, two):
            found = self.words(f"refs {one['target']:x}")
            self.check_holders(found, "one", one, one["target"])
            self.check_holders(found, "two", two, one["target"])
            for address, (_, _, _, value) in found.items():
                self.assertEqual(value, one["target"], hex(address))
            wider = self.words(f"refs {one['target'] - 8:x},16")
            self.assertLessEqual(set(found), set(wider))

    def frames(self, answer):
        """{address of the word: text} of what a frame holds, of an answer."""
        return {int(word["address"], 16): holder["text"]
                for component in answer["components"] for holder in component["holders"]
                if holder["kind"] == "frame" for word in holder["words"]}

    def test_frames(self):
        """A pointer on a stack is held by a frame: of the living when asked for, else of a core."""
        gcore = tool("gcore")
        with self.both() as (one, two):
            line = f"refs {one['target']:x}"
            self.assertEqual(self.frames(self.space.inspect(line)), {})
            frames = self.frames(self.space.inspect(f"{line} --frames"))
            for where in (one, two):
                self.assertRegex(frames[where["stack"]], r"^#\d+ hold\+0x\w+ of thread \d+$")
            pid = self.space.threadprocs()[1]["pid"]
            subprocess.run([gcore, "-o", f"{self.space.runtime}/core", str(pid)], check=True,
                           timeout=TIMEOUT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            done = subprocess.run([command("tpinspect"), "--json", "-c", line,
                                   f"{self.space.runtime}/core.{pid}"], env=self.space.env,
                                  check=True, text=True, timeout=TIMEOUT,
                                  stdout=subprocess.PIPE)
            # a core has the threads of the one that was dumped
            self.assertEqual(self.frames(json.loads(done.stdout)),
                             {two["stack"]: frames[two["stack"]]})

    def test_across(self):
        """From one component into the other: its own pointers do not count."""
        with self.both() as (one, two):
            for line in ("refs one", "refs --from two --to one", "refs --to one"):
                with self.subTest(line=line):
                    found = self.words(line)
                    self.assertEqual({owner for owner, _, _, _ in found.values()}, {"two"})
                    self.check_holders(found, "two", two, one["target"])
            self.assertFalse(set(one.values()) & set(self.words(f"refs {one['target']:x} "
                                                                "--from two")))

    def test_graph(self):
        """What crosses a border, and no more; as a picture and for graphviz, too."""
        with self.start("one") as one, self.start("<two&", hex(one["target"])):
            answer = self.space.inspect("graph")
            one, two = (c["id"] for c in answer["components"])
            self.assertEqual([(e["from"], e["to"]) for e in answer["edges"]], [(two, one)])
            self.assertGreaterEqual(answer["edges"][0]["words"], 5)
            path = os.path.join(self.space.runtime, "graph.svg")
            self.space.inspect(f"graph --svg {path}")
            texts = [e.text for e in xml.etree.ElementTree.parse(path).iter()]
            self.assertIn(f"<two& ({two})", texts)
            dot = self.run_text("graph --dot").stdout
            self.assertIn(f"t{two} -> t{one} [", dot)
            with contextlib.suppress(FileNotFoundError):
                subprocess.run(["dot", "-Tplain"], input=dot, check=True, text=True,
                               timeout=TIMEOUT, stdout=subprocess.DEVNULL)

    def test_ended(self):
        """Pointers into one that is gone."""
        with self.start("one"):
            with self.start("two") as two:
                pass
            self.space.until(lambda: len(self.space.threadprocs("running")) == 1, "two ends")
            with self.start("three", hex(two["target"])):
                found = {c["name"]: c["to_ended"]
                         for c in self.space.inspect("graph")["components"]}
        self.assertEqual(found["one"], 0)
        self.assertGreaterEqual(found["three"], 5)

    def run_text(self, line):
        """What tpinspect says in words."""
        return subprocess.run([command("tpinspect"), "-s", self.space.name, "-c", line],
                              env=self.space.env, check=False, text=True, timeout=TIMEOUT,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_nobody(self):
        """Status 1, and an answer all the same."""
        with self.both():
            done = self.run_text("refs two")
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (1, "nothing points there\n", ""))

    def test_limit(self):
        """All are counted."""
        with self.both() as (one, _):
            answer = self.space.inspect(f"refs {one['target']:x} --limit 1")
            self.assertEqual(answer["shown"], 1)
            self.assertGreater(answer["words"], 9)

    def test_reads_in_nothing(self):
        """Memory that was reserved and not touched stays that way."""
        with self.start("one") as one:
            before = self.resident("one")
            answer = self.space.inspect(f"refs {one['target']:x}")
            self.assertLess(answer["bytes_read"], 200 << 20)
            self.assertLess(self.resident("one") - before, 1 << 20)

    def resident(self, name):
        """Bytes in memory of a component, page tables of its memory included."""
        pid = next(tp["pid"] for tp in self.space.threadprocs() if tp["name"] == name)
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            sizes = dict(line.split(":") for line in status)
        return (int(sizes["VmRSS"].split()[0]) + int(sizes["VmPTE"].split()[0])) * 1024


if __name__ == "__main__":
    space.main()
