#!/usr/bin/env python3
"""Watching memory: who wrote there, by the processor's debug registers."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import unittest

from space import TIMEOUT, SpaceTest, command, main, program


class WatchTest(SpaceTest):
    def start(self, *argv, name="one"):
        """A program that writes when it is told to, and the address it writes to."""
        process = self.enterContext(self.space.running(program("watched"), *argv,
                                                       options=["-n", name]))
        return process, process.stdout.readline().strip()

    @contextlib.contextmanager
    def watching(self, words):
        """A running watch that has armed every thread; skips where the machine cannot."""
        argv = [command("tpinspect"), "-s", self.space.name, "--json", "-c", f"watch {words}"]
        with subprocess.Popen(argv, text=True, env=self.space.env, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                self.space.until(lambda: process.poll() is not None or self.waits(process.pid),
                                 "watch waits")
                if process.poll() is not None:
                    said = process.stderr.read()
                    if "does not permit" in said or "no debug registers" in said:
                        raise unittest.SkipTest(said)
                    raise AssertionError(said)
                yield process
            finally:
                process.kill()
                process.wait(TIMEOUT)

    @staticmethod
    def waits(pid):
        """Whether a process waits in poll(2)."""
        with contextlib.suppress(FileNotFoundError):
            return pathlib.Path(f"/proc/{pid}/syscall").read_text().split()[0] == "7"
        return False

    def tell(self, process, letters):
        """Lets a program do these things."""
        for letter in letters:
            process.stdin.write(letter + "\n")
            process.stdin.flush()
            self.assert_line(process, letter)

    def hits(self, watch):
        """What a watch that ends by itself has told."""
        output, errors = watch.communicate(timeout=TIMEOUT)
        self.assertEqual((watch.returncode, errors), (0, ""))
        return [json.loads(line) for line in output.splitlines()]

    def next_hit(self, watch):
        """The next one of a watch that goes on."""
        return json.loads(watch.stdout.readline())

    @staticmethod
    def functions(hit):
        """Names of the frames, innermost first."""
        return [frame["symbol"]["name"] for frame in hit["frames"] if frame["symbol"]]

    def test_writes(self):
        """Component, thread, function, line, value before and after."""
        process, address = self.start()
        with self.watching(f"--count 2 {address},8") as watch:
            self.tell(process, "w")
            first = self.next_hit(watch)
            self.tell(process, "rw")
            second, = self.hits(watch)
        record, = self.space.threadprocs("running")
        for number, hit in ((1, first), (2, second)):
            self.assertEqual((hit["hit"], hit["threadproc"]["name"], hit["tid"]),
                             (number, "one", record["pid"]))
            self.assertEqual((hit["before"], hit["after"]), (hex(number - 1), hex(number)))
            self.assertEqual(self.functions(hit), ["bump"])
            self.assertFalse(hit["kernel"])
            self.assertIn("watched.c", str(hit["frames"][0]))

    def test_orders(self):
        """A debugger's orders are carried out after hits as before, and its end is ours."""
        process, address = self.start()
        pid = self.space.threadprocs("running")[0]["pid"]
        with self.watching(f"--attend 7 {address},8") as watch:
            self.assertEqual(self.next_hit(watch), {"watching": None})
            for number in range(3):
                self.tell(process, "w")
                self.assertEqual(self.next_hit(watch)["after"], hex(number + 1))
                watch.stdin.write(f"untrap {pid}\ntrap 1\n")
                watch.stdin.flush()
                self.assertEqual(self.next_hit(watch), {"order": "untrap", "pid": pid, "children": False, "error": None})
                self.assertIn("no component", self.next_hit(watch)["error"])
            watch.stdin.close()
            self.assertEqual((watch.wait(TIMEOUT), watch.stderr.read()), (0, ""))

    def test_text(self):
        """A line a hit; what is watched is named by an expression."""
        process, _ = self.start()
        argv = [command("tpinspect"), "-s", self.space.name, "-c", "watch --count 1 &one::own"]
        with self.watching("--count 1 &one::own") as watch, \
                subprocess.Popen(argv, text=True, env=self.space.env, stdout=subprocess.PIPE) as text:
            self.space.until(lambda: self.waits(text.pid), "the other waits too")
            self.tell(process, "w")
            self.hits(watch)
            said = text.communicate(timeout=TIMEOUT)[0]
        self.assertRegex(said, r"^#1  1\.\d+ one  0x0 -> 0x1 .* bump\+0x.* at watched\.c:\d+\n$")

    def test_reads(self):
        """Reads count when they are asked for."""
        process, address = self.start()
        with self.watching(f"--access --count 1 {address},8") as watch:
            self.tell(process, "r")
            hit, = self.hits(watch)
        self.assertEqual(self.functions(hit), ["look"])

    def test_new_threads(self):
        """Threads and components that start later, with backtraces."""
        process, address = self.start()
        with self.watching(f"--bt --count 3 {address},8") as watch:
            self.tell(process, "t")
            thread = self.next_hit(watch)
            other, same = self.start(address, name="two")
            self.assertEqual(same, address)
            self.tell(other, "wt")
            first, second = self.hits(watch)
        self.assertEqual(self.functions(thread)[:2], ["bump", "bump_in_thread"])
        self.assertNotEqual(thread["tid"], thread["threadproc"]["pid"])
        self.assertEqual({hit["threadproc"]["name"] for hit in (first, second)}, {"two"})
        self.assertEqual(self.functions(first)[0], "bump")
        self.assertIn("main", self.functions(first))
        self.assertEqual(self.functions(second)[:2], ["bump", "bump_in_thread"])

    def test_children(self):
        """One that shares the memory writes for its parent, one that has a copy does not."""
        process, address = self.start()
        parent, = self.space.threadprocs("running")
        with self.watching(f"--bt --count 2 {address},8") as watch:
            self.tell(process, "fffv")
            child = self.next_hit(watch)
            self.tell(process, "ffw")
            own, = self.hits(watch)
        for hit in child, own:
            self.assertEqual(hit["threadproc"]["pid"], parent["pid"])
            self.assertEqual(self.functions(hit)[0], "bump")
        self.assertEqual(self.functions(child)[1], "in_child")
        self.assertEqual(child["child"], child["tid"])
        self.assertNotEqual(child["child"], parent["pid"])
        self.assertIsNone(own["child"])
        self.assertEqual((own["before"], own["after"]), ("0x1", "0x2"))

    def test_kernel(self):
        """A system call that writes there, for who may see it."""
        if os.geteuid():
            self.skipTest("only root sees what the kernel does")
        process, address = self.start()
        with self.watching(f"--bt --count 1 {address},8") as watch:
            self.tell(process, "k")
            hit, = self.hits(watch)
        self.assertTrue(hit["kernel"])
        self.assertEqual(hit["after"], "0x7")
        self.assertIn("by_kernel", self.functions(hit))

    def test_ends(self):
        """Ctrl-C ends it well; what cannot be watched is said."""
        _, address = self.start()
        with self.watching(address) as watch:
            watch.send_signal(signal.SIGINT)
            watch.communicate(timeout=TIMEOUT)
            self.assertEqual(watch.returncode, -signal.SIGINT)
        for words, text in ((f"{address},33", "32"), (f"{int(address, 16) + 1:x},32", "registers")):
            done = subprocess.run([command("tpinspect"), "-s", self.space.name, "-c",
                                   f"watch {words}"], env=self.space.env, check=False, text=True,
                                  timeout=TIMEOUT, capture_output=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn(text, done.stderr)


if __name__ == "__main__":
    main()
