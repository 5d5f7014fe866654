#!/usr/bin/env python3
"""Watched memory: whoever writes there is stopped there, or told, with the true name."""

import json
import re
import select
import subprocess
import unittest

from gdbtest import main
from modes import ModesTest, in_both_modes

from space import command

HELP = """
def watch(words):
    try:
        return ex("tproc watch " + words)
    except gdb.error as error:
        if "does not permit" in str(error) or "no debug registers" in str(error):
            print("cannot watch:", error, flush=True)
            passed()
        raise
def at(frame, name="do_poke"):
    equals((current(), gdb.selected_frame().name()), (frame, name))
"""


class WatchTest(ModesTest):
    """left and right write to their own memory and to each other's."""

    def setUp(self):
        super().setUp()
        self.launch("left")
        self.launch("right", program="worker-2")
        self.shared = self.ask("left", "shared").split()[1]

    def judge(self, status, said, texts):
        """Where nothing can be watched, there is nothing to test."""
        if re.search(r"(?m)^cannot watch:", said):
            raise unittest.SkipTest(said)
        return super().judge(status, said, texts)


class Watch(WatchTest):
    """Whoever is attached, and whoever is not."""

    def test_own_writer(self):
        self.gdb(HELP + """
ex("tproc attach")
matches(watch("left shared"), "^Catchpoint 1: write access to shared, 8 bytes at 0x")
for old, number in ((0, 7), (7, 8)):
    tell("left", f"poke 0 {number}")
    matches(ex("continue"), r"^left \\(\\d+\\), thread 1 \\(LWP \\d+\\), wrote shared of left \\(\\d+\\)\\n"
            rf"Old value = {old}\\nNew value = {number}$")
    at("left")
    equals(value("shared"), number)
matches(ex("info breakpoints"), "catchpoint +keep y")
matches(ex("tproc watch"), r"^ +1  shared +0x\\w+ +8  write +2  left ")
ex("delete")
matches(ex("tproc watch"), "Nothing")
ex("tproc detach")
equals([hear("left"), hear("left")], ["poked 7", "poked 8"])
""")

    def test_writers_of_every_kind(self):
        """Another component, a new thread of it, a system call (which root alone sees)."""
        self.gdb(HELP + f"""
ex("tproc attach")
watch("left shared")
tell("right", "poke {self.shared} 5")
matches(ex("continue"), "^right .*, thread 1 .* wrote shared of left")
at("right")
matches(ex("bt"), "do_poke .*do_poking.*main")
tell("right", "poket {self.shared} 6")
matches(ex("continue"), "^right .*, thread 3 .* wrote shared of left")
at("right")
matches(ex("bt"), "do_poke .*poke_in_thread")
tell("right", "pokek {self.shared} 9")
if os.geteuid() == 0:
    ex("continue")
    equals(current(), "right")
    matches(ex("bt"), "read.*poke_by_kernel.*main")
ex("tproc detach")
for name in ("5", "6", "9"):
    equals(hear("right"), "poked " + name)
""")

    def test_several_and_conditions(self):
        """A number and a length; a condition in the writer's frame; stepping goes on as ever."""
        self.gdb(HELP + f"""
ex("tproc attach")
watch("{self.shared} if poke_value > 10")
watch("right shared")
tell("left", "poke 0 9")
tell("left", "poke 0 11")
tell("right", "poke 0 1")
ex("continue")
first = current()
ex("continue")
equals(sorted((first, current())), ["left", "right"])
matches(ex("tproc watch"), f"{self.shared}.* 1  left .*shared .* 1  right ")
ex("next")
ex("next")
ex("stepi")
ex("tbreak work")
ex("continue")
equals(gdb.selected_frame().name(), "work")
ex("next")
matches(here(), "work calls|long other|work compares")
ex("tproc detach")
equals([hear("left"), hear("left"), hear("right")], ["poked 9", "poked 11", "poked 1"])
""")

    def test_registers(self):
        """Each watch takes one, and as long as there are enough another one for children."""
        self.gdb(HELP + """
ex("tproc attach")
BLIND = "children of vfork are not seen"
told = [watch(words) for words in ("left shared", "right shared")]
holds(BLIND not in "".join(told), told)
for words in ("left signals_caught", "right signals_caught"):
    matches(watch(words), BLIND)
refuses("tproc watch left component", "registers are in use")
tell("left", "poke 0 5")
ex("continue")
at("left")
tell("right", "poke 0 6")
ex("continue")
at("right")
ex("tproc detach")
equals([hear("left"), hear("right")], ["poked 5", "poked 6"])
""")

    def test_reads(self):
        self.gdb(HELP + """
ex("tproc attach")
watch("-r left shared")
tell("left", "poke 0 3")
ex("continue")
at("left", "do_poking")
ex("delete")
watch("-a left shared")
tell("left", "poke 0 4")
ex("continue")
at("left")
ex("continue")
at("left", "do_poking")
ex("tproc detach")
equals([hear("left"), hear("left")], ["poked 3", "poked 4"])
""")

    def test_not_attached(self):
        """It is told, with its stack, and everybody else stops; so is one launched later."""
        late = self.fifos / "late"
        self.make_fifos("late")
        said = self.gdb_in_loop(HELP + f"""
ex("tproc attach left")
watch("left shared")
---
import subprocess
for name, number in (("right", 5), ("late", 6)):
    if name == "late":
        late = subprocess.Popen([os.environ["TPROC_TEST_TPRUN"], "-n", name,
                                 os.environ["TPROC_TEST_WORKER"], "3", "1"],
                                stdin=open("{late}.in"), stdout=open("{late}.out", "w"))
        equals(hear("late"), "ready")
    ex("continue &")
    tell(name, "poke {self.shared} %d" % number)
    yield lambda: all_stopped(2)
    equals(hear(name), "poked %d" % number)
matches(ex("tproc watch"), " 2  left ")
ex("tproc detach")
late.kill()
late.wait()
""")
        for name, old, new in (("right", 0, 5), ("late", 5, 6)):
            self.assertRegex(said, rf"{name} \(\d+\), which is not attached, LWP \d+, wrote shared "
                             rf"of left \(\d+\)\nOld value = {old}\nNew value = {new}\n"
                             r"#0 .* do_poke at .*worker.c:\d+\n#1 .* do_poking at ")

    def test_attached_later_and_left(self):
        """Whoever is attached stops by itself, whoever is left does not, and lives."""
        self.gdb(HELP + f"""
ex("tproc attach left")
watch("left shared")
ex("tproc attach right")
tell("right", "poke {self.shared} 5")
ex("continue")
at("right")
ex("tproc detach right")
equals(hear("right"), "poked 5")
ex("tproc select left")
tell("right", "poke {self.shared} 6")
matches(ex("continue"), r"^right \\(\\d+\\), which is not attached")
ex("tproc detach")
equals(hear("right"), "poked 6")
""")

    def test_non_stop(self):
        self.gdb_in_loop(HELP + f"""
ex("set non-stop on")
ex("tproc attach")
yield lambda: all_stopped(4)
watch("left shared")
ex("continue -a &")
tell("right", "poke {self.shared} 5")
stopped = lambda: [t for i in gdb.inferiors() for t in i.threads() if t.is_stopped()]
yield lambda: len(stopped()) == 1
stopped()[0].switch()
at("right")
ex("continue &")
ex("delete")
ex("interrupt -a")
yield lambda: all_stopped(4)
ex("tproc detach")
equals(hear("right"), "poked 5")
""")

    def test_refused(self):
        self.gdb(HELP + """
matches(ex("tproc watch"), "Nothing")
ex("tproc attach")
watch("left shared")
refuses("tproc watch left nobody", "nobody")
refuses("tproc watch left 1 + 2", "not in memory|not an lvalue")
refuses("tproc watch left workers", "1 to 32")
refuses("tproc watch 0x1001 32", "debug registers")
refuses("tproc watch -a", "usage")
""")

    def test_killed(self):
        """GDB is killed while everybody writes, and the watch is gone with it."""
        texts = self.texts()
        for body in ("", """
for bp in gdb.breakpoints(): bp.condition = "0"
"""):
            process = subprocess.Popen(self.command("-batch", "-x", self.script(HELP + """
ex("tproc attach")
watch("left total")
watch("right total")
""" + body + """
print("go", flush=True)
while True:
    ex("continue")
""")), env=self.environment(), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT)
            with process:
                for line in process.stdout:
                    if "cannot watch:" in line:
                        self.skipTest(line)
                    if line == "go\n":
                        break
                select.select([], [], [], 0.1)  # wherever it is then
                self.kill_gdb(process)
            self.check_unharmed(texts)

    def test_trapped_by_nobody(self):
        """The signal comes, and the debugger is gone: it harms nobody."""
        argv = [command("tpinspect"), "-s", self.space.name, "--json", "-c",
                f"watch --attend 1 {self.shared}"]
        with subprocess.Popen(argv, env=self.space.env, text=True, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watcher:
            first = watcher.stdout.readline()
            if "watching" not in first:
                self.skipTest(first + watcher.stderr.read())
            pid = self.workers["right"].pid
            for order, error in ((f"trap {pid}", None), ("trap 1", "no component has process id 1"),
                                 ("stop", "not an order"), (f"stop {pid}", "not an order")):
                self.assertEqual(self.order(watcher, order)["error"], error)
            for _ in range(3):
                self.assertEqual(self.ask("right", f"poke {self.shared} 5"), "poked 5")
            self.assertIsNone(self.order(watcher, f"untrap {pid}")["error"])
            self.assertEqual(self.ask("right", f"poke {self.shared} 6"), "poked 6")
            hit = json.loads(watcher.stdout.readline())
            self.assertEqual((hit["hit"], hit["before"], hit["after"]), (1, "0x0", "0x6"))
            watcher.stdin.close()
            self.assertEqual((watcher.wait(), watcher.stderr.read()), (0, ""))

    @staticmethod
    def order(watcher, order):
        watcher.stdin.write(order + "\n")
        watcher.stdin.flush()
        return json.loads(watcher.stdout.readline())


class Children(WatchTest):
    """Of those that are attached: GDB does not trace them, and a SIGTRAP would kill these."""

    def children(self, mode):
        """One shares the memory and is told, with its stack; the other writes to its copy."""
        told = self.run_in(mode, "", 2, HELP + f"""
watch("left shared")
for name, before, number in (("left", 0, 7), ("left", 7, 8), ("right", 0, 9)):
    go()
    tell(name, "pokef 0 6")
    for pattern in ("child [0-9]+ 0x0", f"poked {{before}}"):
        matches((yield from said(name)), pattern)
    tell(name, f"pokev {self.shared} {{number}}")
    yield lambda: all_stopped(4)
    go()
    for pattern in ("child [0-9]+ 0x0", f"poked {{number}}"):
        matches((yield from said(name)), pattern)
    yield from stand_still()
matches(ex("tproc watch"), " 3  left ")
ex("tproc detach")
""")
        for name, old, new in (("left", 0, 7), ("left", 7, 8), ("right", 8, 9)):
            self.assertRegex(told, rf"A child of {name} \(\d+\), process \d+, wrote shared of left \(\d+\)\n"
                             rf"Old value = {old}\nNew value = {new}\n"
                             r"#0 .* do_poke at .*worker.c:\d+\n#1 .* poke_in_vfork at ")


in_both_modes(Children, ("children",))

if __name__ == "__main__":
    main()
