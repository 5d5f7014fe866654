#!/usr/bin/env python3
"""Locks: who holds them, who waits for them, who waits for each other."""

import json
import subprocess

from space import TIMEOUT, SpaceTest, command, main, program

KINDS = ("normal", "recursive", "errorcheck", "robust", "inherit", "shared", "writer", "readers",
         "gone", "died", "unwaited")
RWLOCKS = ("writer", "readers")
HELD = [kind for kind in KINDS if kind not in ("died", "gone", "readers")]


class LocksTest(SpaceTest):
    def locks(self, line="locks"):
        """{address: lock} of the answer."""
        answer = self.space.inspect(line)
        return {lock["lock"]["address"]: lock for lock in answer["locks"]}

    def play(self):
        """A lock of each kind: {kind: (address, tid of the holder, tid of the waiter)}."""
        process = self.enterContext(self.space.running(program("locking"), *KINDS,
                                                       options=["-n", "player"]))
        told = {}
        for line in iter(process.stdout.readline, "ready\n"):
            kind, address, holder, waiter = line.split()
            told[kind] = (address, int(holder), int(waiter))
        waiting = sum(waiter != 0 for _, _, waiter in told.values())
        self.space.until(lambda: sum(len(lock["waiters"]) for lock in self.locks().values())
                         == waiting, "each of them waits", lambda: self.locks().values())
        return told

    def test_kinds(self):
        """What kind each is, its owner and who waits."""
        told = self.play()
        locks = self.locks()
        self.assertEqual(set(locks), {address for kind, (address, _, _) in told.items()
                                      if kind != "died"})
        for kind, (address, holder, waiter) in told.items():
            if kind == "died":
                continue
            with self.subTest(kind):
                lock = locks[address]
                self.assertEqual(lock["type"], "rwlock" if kind in RWLOCKS else "mutex")
                self.assertEqual([w["tid"] for w in lock["waiters"]], [waiter] if waiter else [])
                self.assertEqual(lock["state"], "owner gone" if kind == "gone" else "held")
                if kind == "readers":
                    self.assertEqual((lock["owner"], lock["readers"]), (None, 1))
                else:
                    self.assertEqual(lock["owner"]["tid"], holder)
                if kind in HELD:
                    self.assertEqual(lock["owner"]["threadproc"]["name"], "player")
                if kind in ("recursive", "errorcheck"):
                    self.assertEqual(lock["kind"], kind)
                self.assertEqual(lock["robust"], kind in ("robust", "unwaited"))
                self.assertEqual(lock["priority_inheritance"], kind == "inherit")
                # glibc makes every robust one shared
                self.assertEqual(lock["shared"], kind in ("shared", "robust", "unwaited"))
        self.assertEqual(locks[told["recursive"][0]]["count"], 2)
        self.assertEqual(self.space.inspect("locks")["deadlocks"], [])

    def test_since_when(self):
        """How long somebody has waited, and ever longer."""
        told = self.play()
        address = told["normal"][0]
        first = self.locks()[address]["waiters"][0]["waiting_ns"]
        if first is None:
            self.skipTest("the kernel does not tell when a thread ran last")
        longer = lambda: self.locks()[address]["waiters"][0]["waiting_ns"] > first
        self.space.until(longer, "it waits longer")

    def test_search(self):
        """What died with its owner, and what nobody waits for, is found in memory."""
        told = self.play()
        locks = self.locks("locks --search")
        self.assertEqual(locks[told["died"][0]]["state"], "owner died")
        self.assertLessEqual({address for address, _, _ in told.values()}, set(locks))
        with self.space.running(program("locking"), "offer", options=["-n", "offer"]) as process:
            first, second = process.stdout.readline().split()
            locks = self.locks("locks --search offer")
            self.assertEqual(locks[first]["owner"]["threadproc"]["name"], "offer")
            self.assertNotIn(second, locks)

    def test_deadlock(self):
        """Two components that wait for each other, live and in a core of one of them."""
        one = self.enterContext(self.space.running(program("locking"), "offer",
                                                   options=["-n", "one"]))
        first, second = one.stdout.readline().split()
        two = self.enterContext(self.space.running(program("locking"), "cross", first, second,
                                                   options=["-n", "two"]))
        self.assert_line(two, "ready")
        self.space.until(lambda: self.locks()[first]["waiters"] if first in self.locks() else False,
                         "two waits")
        self.assertEqual(self.space.inspect("locks")["deadlocks"], [])
        one.stdin.write("\n")
        one.stdin.flush()
        self.space.until(lambda: self.space.inspect("locks")["deadlocks"], "one waits too")
        circle, = self.space.inspect("locks two")["deadlocks"]
        names = {step["thread"]["threadproc"]["name"]: step["waits_for"] for step in circle}
        self.assertEqual(names, {"one": second, "two": first})
        done = subprocess.run([command("tpinspect"), "-s", self.space.name, "-c", "locks"],
                              env=self.space.env, check=True, text=True, timeout=TIMEOUT,
                              stdout=subprocess.PIPE)
        self.assertIn("deadlock of 2 threads", done.stdout)
        self.assertIn(" two waits for ", done.stdout)
        live = self.space.inspect("locks two")["locks"]
        core = f"{self.space.runtime}/core"
        self.space.inspect(f"dump-core one {core}")
        done = subprocess.run([command("tpinspect"), core, "--json", "-c", "locks one"],
                              env=self.space.env, check=True, text=True, timeout=TIMEOUT,
                              stdout=subprocess.PIPE)
        waits = [lock for lock in live if lock["owner"]["threadproc"]["name"] == "two"]
        self.assertEqual([lock["lock"]["address"] for lock in waits],
                         [lock["lock"]["address"] for lock in json.loads(done.stdout)["locks"]])


if __name__ == "__main__":
    main()
