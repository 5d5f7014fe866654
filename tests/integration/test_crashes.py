"""Crashes: how they end, and what is on record of them."""

import signal
import subprocess
import unittest

from space import SpaceTest, program

# way, signal
WAYS = [("null", signal.SIGSEGV), ("overflow", signal.SIGSEGV), ("divide", signal.SIGFPE),
        ("illegal", signal.SIGILL), ("breakpoint", signal.SIGTRAP), ("thread", signal.SIGSEGV), ("deep", signal.SIGSEGV),
        ("bus", signal.SIGBUS), ("handler", signal.SIGSEGV), ("back", signal.SIGSEGV),
        ("sent", signal.SIGBUS), ("abort", signal.SIGABRT)]


class Crashes(SpaceTest):
    def setUp(self):
        super().setUp()
        self.crasher = program("crasher")

    def record(self, name):
        """The crash that is on record for a threadproc."""
        crash, = self.space.inspect(f"crash {name}")["crashes"]
        return crash

    def crash(self, way):
        """Lets a program crash; returns its record, after comparing with a run outside."""
        done = self.space.run(self.crasher, way, options=["-n", way])
        native = subprocess.run([self.crasher, way], check=False, text=True,
                                stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, native.returncode)
        self.assertEqual(done.stdout, native.stdout)
        return self.record(way)

    def function(self, place):
        """The name of the symbol that an address belongs to."""
        return [i["name"] for i in place["identities"] if i["kind"] == "symbol"]

    def test_every_signal(self):
        for way, number in WAYS:
            with self.subTest(way=way):
                crash = self.crash(way)
                self.assertEqual(crash["number"], number)
                self.assertTrue(crash["complete"])
                self.assertEqual(crash["threadproc"]["state"], "crashed")

    def test_where(self):
        crash = self.crash("null")
        self.assertEqual(self.function(crash["pc"]), ["write_to_null"])
        self.assertEqual(crash["address"]["address"], "0x0")
        self.assertEqual(crash["tid"], crash["threadproc"]["pid"])
        crash = self.crash("thread")
        self.assertEqual(crash["address"]["address"], "0x10")
        self.assertNotEqual(crash["tid"], crash["threadproc"]["pid"])
        crash = self.crash("overflow")
        self.assertEqual(self.function(crash["pc"]), ["recurse"])
        crash = self.crash("deep")
        self.assertEqual(self.function(crash["pc"]), ["recurse"])
        self.assertNotEqual(crash["tid"], crash["threadproc"]["pid"])
        crash = self.crash("handler")
        self.assertEqual(self.function(crash["pc"]), ["on_signal"])

    def test_no_crash(self):
        for way, status in (("handled", 7), ("fork", 0)):
            done = self.space.run(self.crasher, way, options=["-n", way])
            native = subprocess.run([self.crasher, way], check=False, text=True,
                                    stdout=subprocess.PIPE)
            self.assertEqual((done.returncode, done.stdout), (status, native.stdout))
            self.assertEqual(self.space.inspect("crash")["crashes"], [])

    def test_neighbours_live(self):
        with self.space.running("/bin/cat", stdout=subprocess.PIPE) as cat:
            cat.stdin.write("a\n")
            cat.stdin.flush()
            self.assertEqual(cat.stdout.readline(), "a\n")
            self.crash("null")
            cat.stdin.write("b\n")
            cat.stdin.flush()
            self.assertEqual(cat.stdout.readline(), "b\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
