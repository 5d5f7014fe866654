#!/usr/bin/env python3
"""Components that come and go while others run, and are followed: everybody's end is told, once."""

import re

from gdbtest import main
from modes import ModesTest, in_both_modes


class Following(ModesTest):
    def setUp(self):
        super().setUp()
        self.launch("left")

    def restarts(self, mode):
        """The same name again and again, with its breakpoints, and every way to end; left keeps its own."""
        said = self.run_in(mode, " --follow", 1, r"""
ex("tproc break again do_thread")
ex("tproc break left do_thread")
go()
for words in ("exit 3", "peek 8", "exec", "kill"):
    process = launch("again")
    equals((yield from said("again")), "ready")
    yield lambda: names() == ["again", "left"] and all(t.is_running() for t in threads())
    tell("again", "thread")
    yield from hit("again", "do_thread")
    go()
    equals((yield from said("again")), "thread 1")
    tell("left", "thread")
    yield from hit("left", "do_thread")
    go()
    equals((yield from said("left")), "thread 1")
    if words == "kill":
        process.kill()
    else:
        tell("again", words)
    if words == "peek 8":
        yield from hit("again", "do_as_told")
        gdb.execute("kill")
        yield from deselect()
    if words == "exec":
        equals((yield from said("again")), "executed")
        yield lambda: debugger.executing() and settled()
        process.kill()
        yield lambda: not debugger.executing()
    yield lambda: names() == ["left"]
    process.wait()
    if NON_STOP:
        yield lambda: len(gdb.inferiors()) == 1
    yield from deselect()
    tell("left", "thread")
    if not NON_STOP and words != "exec" or not [t for t in threads() if t.is_running()]:
        go()
    yield from hit("left", "do_thread")
    go()
    equals((yield from said("left")), "thread 1")
yield from stand_still()
ex("delete")
ex("tproc detach")
""")
        self.assertEqual(re.findall(r"\[((?:What )?again) \(\d+\) ([^\]]*)\]", said), [
            ("again", "ended with status 3"), ("again", "ended by a signal"),
            ("again", "executes /usr/bin/dash: it left the space"),
            ("What again", "executed ended by a signal"), ("again", "ended by a signal")], said)

    def others(self, mode):
        """Those that are not attached, since they were there before, are told as well."""
        for name in ("right", "other"):
            self.launch(name)
        self.expected_gone.update(("right", "other"))
        said = self.run_in(mode, " left --follow", 1, r"""
go()
tell("right", "exit 3")
tell("other", "exec")
equals((yield from said("other")), "executed")
yield lambda: tells(r"^\[right .* ended") and tells(r"^\[other .* executes")
tell("left", "check")
matches((yield from said("left")), "wrong 0")
late = launch("late", "/bin/true")
yield lambda: late.poll() is not None and tells(r"^\[late .* ended")
yield from deselect()
yield lambda: names() == ["left"]
if not [t for t in threads() if t.is_running()]:
    go()
yield from stand_still()
ex("tproc detach")
""")
        self.assertEqual(said.count("[right (3) ended, exit status 3]"), 1, said)
        self.assertEqual(said.count("[other (4) executes "), 1, said)
        self.assertEqual(len(re.findall(r"\[late \(5\) ended(, exit| with) status 0\]", said)), 1, said)


    def quits_before_it_knows(self, mode, how=""):
        """Somebody has ended, and GDB quits or detaches before it hears of that."""
        self.launch("right")
        self.expected_gone.add("left")
        self.run_in(mode, "", 2, r"""
pid = debugger.attached_by_name("left")[0][0].pid
go()
yield lambda: all(t.is_running() for t in threads())
tell("left", "exit 0")
tasks = [f"/proc/{pid}/task/{task}/stat" for task in os.listdir(f"/proc/{pid}/task")]
while not all(") Z " in open(task).read() for task in tasks):
    select.select([], [], [], 0.002)
""" + how + """
print("the script came to its end", flush=True)
gdb.execute("quit 0")
""")

    def detaches_before_it_knows(self, mode):
        self.quits_before_it_knows(mode, """
ex("tproc detach")
equals([i.pid for i in gdb.inferiors() if i.pid], [])
""")


in_both_modes(Following, ("restarts", "others", "quits_before_it_knows", "detaches_before_it_knows"))


if __name__ == "__main__":
    main()
