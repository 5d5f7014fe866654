"""Backtraces of threads that are in places which are hard to unwind from."""

import contextlib
import os
import pathlib
import signal
import subprocess

from space import BUILD, TIMEOUT, SpaceTest, main, program, tool

KINDS = ("mmap", "syscall", "signal", "altstack", "null", "deep", "spin", "owner", "mutex")


def calls(thread):
    """The names of a thread's frames, innermost first; "?" where there is none."""
    return [frame["symbol"]["name"] if frame["symbol"] else "?" for frame in thread["frames"]]


class StacksTest(SpaceTest):
    """tests/integration/programs/stacks.c tells the tid of each of its threads."""

    @contextlib.contextmanager
    def stacks(self, *kinds):
        """The program with a thread of each kind: (process, {kind: tid})."""
        with self.space.running(program("stacks"), *kinds) as process:
            tids = {}
            while len(tids) < len(kinds):
                name, tid = process.stdout.readline().split()
                tids[name] = int(tid)
            yield process, tids

    def bt(self, what="all", options=""):
        """{tid: thread} of bt's answer."""
        answer = self.space.inspect(f"bt {options} {what}")
        return {thread["tid"]: thread for thread in answer["threads"]}

    def assert_calls(self, thread, *expected):
        """These functions, innermost first, with any others between them."""
        self.assertIsNone(thread["error"])
        found = iter(calls(thread))
        missing = [name for name in expected if name not in found]
        self.assertEqual(missing, [], f"of {expected} in {calls(thread)}: {thread}")

    def check_ends(self, process):
        """It still does what it should: end with its input."""
        process.stdin.close()
        self.assert_ends(process, 0)

    def test_kinds(self):
        """Signals, alternate stacks, a call of nothing, deep recursion, locks, a busy thread."""
        with self.stacks(*KINDS) as (process, tids):
            self.check_kinds(self.bt("all", "--frames 65536"), tids)
            self.check_ends(process)

    def check_kinds(self, threads, tids):
        """One answer about all of them."""
        self.assertEqual(len(threads), len(KINDS) + 1)
        by_kind = {kind: threads[tid] for kind, tid in tids.items()}
        self.assert_calls(by_kind["mmap"], "map_and_unmap", "in_mmap", "thread")
        self.assert_calls(by_kind["syscall"], "syscall", "wait_in_syscall", "in_syscall", "thread")
        self.assert_calls(by_kind["spin"], "spin", "in_spin", "thread")
        self.assert_calls(by_kind["owner"], "wait_for_ever", "thread")
        self.assert_calls(by_kind["mutex"], "pthread_mutex_lock", "in_mutex", "thread")
        for kind in ("signal", "altstack"):
            self.assert_calls(by_kind[kind], "wait_for_ever", "on_signal", "interrupted",
                              f"in_{kind}", "thread")
            self.assertEqual(sum(frame["signal_trampoline"] for frame in by_kind[kind]["frames"]),
                             1)
        self.check_null(by_kind["null"])
        self.assert_calls(by_kind["deep"], "wait_for_ever", *["recurse"] * 2001, "in_deep",
                          "thread")
        main_thread = next(threads[tid] for tid in threads if tid not in tids.values())
        self.assert_calls(main_thread, "end_with_input", "main")
        for thread in threads.values():
            self.assertFalse(thread["cut"])
            self.assertEqual([frame for frame in thread["frames"] if frame["guessed"]], [])

    def check_null(self, thread):
        """The frame that called nothing is found behind the signal."""
        self.assert_calls(thread, "on_signal", "call_null", "in_null", "thread")
        nothing = [frame for frame in thread["frames"] if frame["pc"] == "0x0"]
        self.assertEqual(len(nothing), 1, thread["frames"])
        self.assertTrue(nothing[0]["exact"])

    def test_stub_frames(self):
        """A system call made in a stub shows as made where the program was patched."""
        with self.stacks("syscall") as (process, tids):
            thread = self.bt()[tids["syscall"]]
            self.assertTrue(thread["frames"][0]["stub"], thread["frames"][0])
            self.assertEqual(calls(thread)[0], "syscall")
            self.check_ends(process)

    def test_in_toolkit(self):
        """Wherever in-space code is interrupted, the program that called it is found."""
        in_toolkit = 0
        with self.stacks("mmap") as (process, tids):
            for _ in range(100):
                thread = self.bt(f"stacks.{tids['mmap']}")[tids["mmap"]]
                self.assert_calls(thread, "map_and_unmap", "in_mmap", "thread")
                in_toolkit += thread["frames"][0]["toolkit"]
                self.assertFalse(thread["moved"])
            self.check_ends(process)
        self.assertGreater(in_toolkit, 0)

    def test_foreign_code(self):
        """A thread in another component's function."""
        with self.space.running(program("stacks"), "--offer") as offer:
            address = offer.stdout.readline().strip()
            with self.space.running(program("stacks"), "--call", address) as caller:
                tid = int(caller.stdout.readline().split()[1])
                self.check_foreign(tid)

    def check_foreign(self, tid):
        """The caller's frames below, the other's above.  Waits for the call to be under way."""
        ids = {tp["pid"]: tp["id"] for tp in self.space.threadprocs()}
        other = next(number for pid, number in ids.items() if pid != tid)
        self.space.until(lambda: "offered" in calls(self.bt()[tid]), "the call")
        frames = self.bt()[tid]["frames"]
        names = calls(self.bt()[tid])
        self.assertEqual(frames[names.index("offered")]["threadproc"]["id"], other)
        self.assertEqual(frames[names.index("wait_for_ever")]["threadproc"]["id"], other)
        self.assertEqual(frames[names.index("call_foreign")]["threadproc"]["id"], ids[tid])
        self.assert_calls(self.bt()[tid], "wait_for_ever", "offered", "call_foreign", "main")

    def test_stopped(self):
        """A stopped program's threads are looked at and stay stopped."""
        with self.stacks("owner") as (process, tids):
            pid = self.space.threadprocs()[0]["pid"]
            os.kill(pid, signal.SIGSTOP)
            self.space.until(lambda: self.space.threadprocs()[0]["state"] == "stopped", "the stop")
            for _ in range(3):
                thread = self.bt()[tids["owner"]]
                self.assertTrue(thread["stopped"])
                self.assert_calls(thread, "wait_for_ever", "thread")
            self.assertEqual(self.space.threadprocs()[0]["state"], "stopped")
            process.send_signal(signal.SIGCONT)  # tprun stopped with it, and passes this on
            self.check_ends(process)

    def waiting(self, tid, kind):
        """What a thread waits for, once it waits for that kind of thing."""
        found = []

        def waits():
            thread, = self.space.inspect(f"threads stacks.{tid}")["threads"]
            found[:] = [thread]
            return thread["waits_for"] and thread["waits_for"]["kind"] == kind

        self.space.until(waits, f"thread {tid} waits", lambda: found)
        return found[0]

    def test_threads(self):
        """States, names, and what is waited for: a mutex and who holds it, a thread, a pipe."""
        with self.stacks("owner", "mutex", "join", "spin") as (process, tids):
            mutex = self.waiting(tids["mutex"], "futex")
            self.assertEqual(mutex["waits_for"]["word"]["identity"]["name"], "contended")
            self.assertEqual(mutex["waits_for"]["holder"]["how"], "mutex")
            self.assertEqual(mutex["waits_for"]["holder"]["tid"], tids["owner"])
            self.assertEqual(mutex["waits_for"]["holder"]["name"], "owner")
            self.assertEqual((mutex["name"], mutex["state"], mutex["main"]),
                             ("mutex", "sleeping", False))
            join = self.waiting(tids["join"], "futex")
            self.assertEqual(join["waits_for"]["holder"]["how"], "join")
            self.assertNotIn(join["waits_for"]["holder"]["tid"], tids.values())
            owner = self.waiting(tids["owner"], "descriptor")
            self.assertEqual(owner["system_call"]["name"], "read")
            self.assertRegex(owner["waits_for"]["target"], r"^pipe:")
            spin, = self.space.inspect(f"threads stacks.{tids['spin']}")["threads"]
            self.assertEqual((spin["state"], spin["waits_for"]), ("running", None))
            self.check_ends(process)

    def test_selection(self):
        """By id, by name, one thread; what is not there."""
        with self.stacks("owner", "spin") as (process, tids):
            number = self.space.threadprocs()[0]["id"]
            self.assertEqual(len(self.bt(number)), 3)
            self.assertEqual(len(self.bt("stacks")), 3)
            self.assertEqual(list(self.bt(f"{number}.{tids['spin']}")), [tids["spin"]])
            for wrong in (f"{number}.1", "nobody", f"nobody.{tids['spin']}"):
                with self.assertRaisesRegex(AssertionError, "no thread"):
                    self.bt(wrong)
            self.check_ends(process)

    def test_source(self):
        """Places in the source, where the program says them."""
        with self.stacks("owner") as (process, tids):
            frames = self.bt()[tids["owner"]]["frames"]
            source = dict(zip(calls({"frames": frames}), (frame["source"] for frame in frames)))
            self.assertRegex(source["wait_for_ever"]["file"], r"stacks\.c$")
            lines = pathlib.Path(__file__).with_name("programs").joinpath("stacks.c").read_text(
                encoding="utf-8").splitlines()
            self.assertIn("read(", lines[source["wait_for_ever"]["line"] - 1])
            without = self.bt("stacks", "--no-source")[tids["owner"]]["frames"]
            self.assertEqual({str(frame["source"]) for frame in without}, {"None"})
            self.check_ends(process)

    def test_stack(self):
        """Words from the stack pointer up; whose frame an address on a stack is in."""
        with self.stacks("owner", "spin") as (process, tids):
            owner = self.waiting(tids["owner"], "descriptor")
            stack = self.space.inspect(f"stack stacks.{tids['owner']} 8")
            self.assertEqual((stack["tid"], stack["sp"]), (tids["owner"], owner["sp"]))
            self.assertEqual([int(word["address"], 16) - int(stack["sp"], 16)
                              for word in stack["words"]], list(range(0, 64, 8)))
            self.assertIsNone(stack["frames"])
            with self.assertRaisesRegex(AssertionError, "--stop"):
                self.space.inspect(f"stack stacks.{tids['spin']}")
            stack = self.space.inspect(f"stack --stop stacks.{tids['spin']}")
            self.assert_calls({"error": None, "frames": stack["frames"]}, "spin", "in_spin")
            self.check_frames(self.bt()[tids["owner"]])
            self.check_ends(process)

    def check_frames(self, thread):
        """Each frame is found by an address in it, if that is asked for."""
        for number, frame in enumerate(thread["frames"][:-1]):
            for option, expected in (("", []), ("--frames", [number])):
                answer = self.space.inspect(f"owner {option} {frame['sp']}")["addresses"][0]
                found = [identity for identity in answer["identities"]
                         if identity["kind"] == "frame"]
                self.assertEqual([identity["number"] for identity in found], expected)
                self.assertEqual([(identity["function"] or "?").split("+")[0]
                                  for identity in found],
                                 calls({"frames": [frame]}) * len(expected))

    def test_same_as_eu_stack(self):
        """elfutils' own command finds the same program counters, where it can."""
        kinds = ("signal", "spin", "owner", "mutex", "altstack")
        with self.stacks(*kinds) as (process, tids):
            pid = self.space.threadprocs()[0]["pid"]
            output = subprocess.run([tool("eu-stack"), "-p", str(pid)], check=False, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    timeout=TIMEOUT).stdout
            theirs, tid = {}, 0
            for line in output.splitlines():
                words = line.split()
                if words[0] == "TID":
                    tid = int(words[1].rstrip(":"))
                elif words[0].startswith("#"):
                    theirs.setdefault(tid, []).append(int(words[1], 16))
            for kind, tid in tids.items():
                ours = [int(frame["pc"], 16) for frame in self.bt()[tid]["frames"]]
                if kind == "spin":  # it moves within its loop
                    ours[0] = theirs[tid][0]
                self.assertEqual(ours, theirs[tid], kind)
            self.check_ends(process)

    def test_same_as_gdb(self):
        """GDB, attached to the one component, finds the same."""
        tool("gdb")
        kinds = ("signal", "owner", "mutex", "altstack", "null", "join")
        with self.stacks(*kinds) as (process, tids):
            for tid in tids.values():
                self.space.until(lambda: self.is_asleep(tid), f"thread {tid} waits")
            script = pathlib.Path(self.space.runtime, "frames.py")
            script.write_text(GDB_SCRIPT, encoding="ascii")
            output = subprocess.run([BUILD / "gdb/tpgdb", "-s", self.space.name, "stacks", "--",
                                     "-nx", "-batch", "-x", script],
                                    check=False, text=True, env=self.space.env, timeout=TIMEOUT,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT).stdout
            theirs = {int(words[1]): [int(word, 16) for word in words[2:]]
                      for words in map(str.split, output.splitlines()) if words[:1] == ["frames"]}
            for kind, tid in tids.items():
                ours = [int(frame["pc"], 16) for frame in self.bt()[tid]["frames"]]
                self.assertEqual(ours, theirs.get(tid), (kind, output))
            self.check_ends(process)

    def is_asleep(self, tid):
        """Whether a thread waits in a system call."""
        thread, = self.space.inspect(f"threads stacks.{tid}")["threads"]
        return thread["state"] == "sleeping"


# A line for each thread: its tid, and the pc of each frame that has a place on the stack.
GDB_SCRIPT = """
gdb.execute("set backtrace past-main on")
gdb.execute("set backtrace past-entry on")
for thread in gdb.selected_inferior().threads():
    thread.switch()
    pcs, frame = [], gdb.newest_frame()
    while frame:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            pcs.append(hex(frame.pc()))
        frame = frame.older()
    print("frames", thread.ptid[1], *pcs)
"""


if __name__ == "__main__":
    main()
