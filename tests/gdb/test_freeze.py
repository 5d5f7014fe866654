#!/usr/bin/env python3
"""Components that are held while others run, and the session as plain commands."""

import subprocess

from gdbtest import GdbTest, main
from space import tool

STILL = """
def state(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]

def tracer(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"TracerPid:\\t(\\d+)", file.read())[1])
"""


class Freeze(GdbTest):
    def setUp(self):
        super().setUp()
        for name in ("left", "right", "third"):
            self.launch(name)
        self.pids = {name: worker.pid for name, worker in self.workers.items()}
        self.prelude = STILL + f"pids = {self.pids!r}\n"

    def test_one_of_three(self):
        """right stands still while the others get to their breakpoints again and again."""
        self.gdb(self.prelude + """
ex("tproc attach left right")
matches(ex("tproc freeze right"), r"right \\(\\d+\\) is frozen")
matches(ex("tproc list"), "right .*frozen")
equals((state(pids["right"]), tracer(pids["right"])), ("T", 0))
equals(current(), "left")
ex("tproc break all work")
for _ in range(5):
    ex("continue")
    equals(current(), "left")
equals(state(pids["right"]), "T")
ex("tproc thaw")
equals(current(), "left")
matches(ex("tproc list"), "right .*running")
seen = set()
while len(seen) < 2:
    ex("continue")
    seen.add(current())
ex("delete")
""")

    def test_not_attached(self):
        self.gdb(self.prelude + """
ex("tproc attach left")
ex("tproc freeze others")
equals([state(pids[name]) for name in ("right", "third")], ["T", "T"])
ex("tproc thaw third")
while state(pids["third"]) == "T":
    pass
equals(state(pids["right"]), "T")
refuses("tproc thaw third", "nobody is frozen")
equals(len(gdb.inferiors()), 1)
""")

    def test_undone_at_the_end(self):
        """GDB is gone, however: what it froze goes on (gdbtest.check_worker)."""
        self.gdb(self.prelude + """
ex("tproc freeze all")
""")
        process = subprocess.Popen(
            self.command("-batch", "-x", self.script(self.prelude + """
ex("tproc attach left")
ex("tproc freeze all")
print("frozen", flush=True)
import signal
signal.pause()
""")), env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        texts = self.texts()
        self.assertIn("frozen\n", process.stdout)
        self.kill_gdb(process)
        process.stdout.close()
        self.check_unharmed(texts)

    def test_detach_lets_go(self):
        self.gdb(self.prelude + """
ex("tproc freeze all")
ex("tproc detach")
""")

    def test_two_debuggers(self):
        """What one holds is not another one's to hold."""
        texts = self.texts()
        process = subprocess.Popen(
            self.command("-batch", "-x", self.script(self.prelude + """
ex("tproc freeze right")
print("frozen", flush=True)
sys.stdin.read()
""")), env=self.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self.assertIn("frozen\n", process.stdout)
        right = self.workers.pop("right")
        self.gdb(self.prelude + """
refuses("tproc freeze right", "frozen by another debugger")
ex("tproc freeze left")
""")
        self.workers["right"] = right
        process.communicate()
        self.check_unharmed(texts)

    def test_non_stop(self):
        self.gdb_in_loop(self.prelude + """
ex("set non-stop on")
ex("tproc attach left right")
yield lambda: all_stopped(4)
ex("continue -a &")
ex("tproc freeze right")
equals(state(pids["right"]), "T")
equals(tracer(pids["right"]), 0)
holds(all(t.is_running() for i in gdb.inferiors() for t in i.threads()))
ex("tproc thaw")
yield lambda: value("$tproc(\\"right\\")") and sys.modules["tproc.attach"].queue.is_empty
holds(all(t.is_running() for i in gdb.inferiors() for t in i.threads()))
ex("interrupt -a")
yield lambda: all_stopped(4)
ex("tproc detach")
""")


class Script(GdbTest):
    def test_in_a_gdb_that_knows_nothing(self):
        self.launch("left", threads=1)
        self.launch("right", threads=1, program="worker-2")
        texts = self.texts()
        said = self.gdb("""
ex("tproc attach")
ex("tproc break right square if n % 5 == 3")
ex("tproc tbreak left work")
ex("break do_call")
ex("disable 3")
ex("tproc select right")
text = ex("tproc script")
print("<<<" + text + ">>>", flush=True)
""")
        path = f"{self.space.runtime}/plain.gdb"
        text = said.split("<<<")[1].split(">>>")[0]
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.assertNotIn("tproc", text.replace(str(self.space.runtime), ""))
        done = subprocess.run(
            [tool("gdb"), "-nx", "-batch", "-x", path, "-ex", "print component",
             "-ex", "continue", "-ex", "continue", "-ex", "continue", "-ex", "info breakpoints"],
            env=self.environment(), check=False, text=True, timeout=60,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertRegex(done.stdout, r"\$1 = 2\n")
        self.assertRegex(done.stdout, r"(?s)Temporary breakpoint 2.*work \(.*Breakpoint 1.*square")
        self.assertRegex(done.stdout, r"(?m)^3 +breakpoint +keep n .*do_call|^3 +breakpoint +keep n")
        self.check_unharmed(texts)


if __name__ == "__main__":
    main()
