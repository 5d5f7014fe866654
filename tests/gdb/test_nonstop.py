#!/usr/bin/env python3
"""Non-stop mode: threads that are not looked at go on."""

from gdbtest import GdbTest, main


class NonStop(GdbTest):
    def two(self):
        self.launch("left", threads=2)
        self.launch("right", threads=2)

    def test_attach_and_detach(self):
        self.two()
        self.gdb_in_loop("""
ex("set non-stop on")
ex("tproc attach")
yield lambda: all_stopped(6)
matches(ex("tproc list"), r"left .*running +1 .*right .*running +2 ")
equals(ex("tproc bt all").count("in main ("), 2)
for number, name in ((1, "left"), (2, "right")):
    ex(f"tproc select {name}")
    equals(value("component"), number)
    matches(ex("info sharedlibrary"), "Yes.*libc.so.6")
ex("tproc detach")
equals([i.pid for i in gdb.inferiors()], [0, 0])
""")

    def test_interrupt_after_detach(self):
        """Where GDB 13 crashes while an inferior without a process is there."""
        self.two()
        self.gdb_in_loop("""
ex("set non-stop on")
ex("tproc attach")
yield lambda: all_stopped(6)
ex("tproc detach left")
yield lambda: len(gdb.inferiors()) == 1
ex("continue -a &")
ex("interrupt -a")
yield lambda: all_stopped(3)
ex("tproc detach")
""")

    def test_break_in_one(self):
        self.two()
        self.gdb_in_loop("""
ex("set non-stop on")
ex("tproc attach")
yield lambda: all_stopped(6)
ex("tproc break right work")
ex("tproc select right")
ex("continue -a &")
right = gdb.inferiors()[1] if gdb.inferiors()[1].num == 2 else gdb.inferiors()[0]
stopped = lambda: [t for t in right.threads() if t.is_stopped()]
for _ in range(10):
    yield lambda: len(stopped()) == 2
    stopped()[0].switch()
    equals((current(), gdb.selected_frame().name(), value("component")), ("right", "work", 2))
    holds(all(t.is_running() for i in gdb.inferiors() if i.num == 1 for t in i.threads()))
    for thread in stopped():
        thread.switch()
        ex("continue &")
ex("delete")
ex("interrupt -a")
yield lambda: all_stopped(6)
ex("tproc detach")
""")

    def test_twenty(self):
        for i in range(20):
            self.launch(f"c{i}", threads=1, program=("worker", "worker-2")[i % 2])
        self.gdb_in_loop("""
ex("set non-stop on")
ex("tproc attach")
yield lambda: all_stopped(40)
equals(ex("tproc bt all").count("in main ("), 20)
ex("tproc detach")
""")


if __name__ == "__main__":
    main()
