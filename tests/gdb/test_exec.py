#!/usr/bin/env python3
"""Attached components that execute another program: they leave the space, the others keep what they have."""

from gdbtest import main
from modes import ModesTest, in_both_modes


class Exec(ModesTest):
    """The first inferior is the one that leaves: what GDB shares among them is counted from there."""

    def setUp(self):
        super().setUp()
        self.need_locations()
        for name in ("victim", "left", "right"):
            self.launch(name)
        self.expected_gone.add("victim")
        self.address = self.ask("left", "address").split()[1]

    def play(self, mode, options, body):
        said = self.run_in(mode, options, 3, f"ADDRESS = {self.address!r}\n{body}")
        self.assertEqual(said.count("it left the space"), 1, said)
        self.assertNotIn("Cannot insert", said)
        return said

    def others_keep_their_breakpoints(self, mode, follow=""):
        said = self.play(mode, follow, r"""
ex("break do_thread")
ex("tproc break right do_call")
ex("tproc break left do_poke")
ex("tproc select left")
ex(f"break *{ADDRESS}")
go()
tell("victim", "exec")
equals((yield from said("victim")), "executed")
yield lambda: names() == ["left", "right"]
for name, words, function, answer in (("left", "thread", "do_thread", "thread 1"),
                                      ("right", "thread", "do_thread", "thread 1"),
                                      ("left", f"call {ADDRESS}", "offer", "called 44"),
                                      ("right", f"call {ADDRESS}", "do_call", None),
                                      ("right", None, "offer", "called 44")):
    if words:
        tell(name, words)
    yield from hit(name, function)
    go()
    if answer:
        equals((yield from said(name)), answer)
yield from stand_still()
matches(ex("tproc list"), r"victim +\d+ +execed +/")
equals([i.progspace.filename for i, _ in debugger.executing()], ["/usr/bin/cat"])
ex("delete")
ex("tproc detach")
equals([i.pid for i in gdb.inferiors() if i.pid], [])
""")
        self.assertRegex(said, r"\[victim \(2\) executes /usr/bin/dash: it left the space\]")

    def followed(self, mode):
        self.others_keep_their_breakpoints(mode, " --follow")

    def breakpoints_of_who_left(self, mode):
        """Where it had breakpoints in the code of others, these are as they were."""
        self.play(mode, "", r"""
ex("tproc select victim")
ex(f"break *{ADDRESS}")
go()
tell("victim", "exec")
equals((yield from said("victim")), "executed")
yield lambda: names() == ["left", "right"]
with open(f"/proc/{debugger.attached()[0][1].pid}/mem", "rb", 0) as memory:
    yield lambda: os.pread(memory.fileno(), 1, int(ADDRESS, 16)) != b"\xcc"
tell("left", f"call {ADDRESS}")
equals((yield from said("left")), "called 44")
yield from stand_still()
ex("delete")
ex("tproc detach")
""")

    def stops_at(self, mode):
        """A user who wants to see it has GDB's own command."""
        self.play(mode, "", r"""
ex("catch exec")
ex(f"break *{ADDRESS}")
ex("tproc select left")
ex(f"break *{ADDRESS}")
go()
tell("victim", "exec")
yield lambda: names() == ["left", "right"]
yield lambda: [t for t in threads() if t.inferior.num == 1 and t.is_stopped()]
next(t for t in threads() if t.inferior.num == 1).switch()
equals(gdb.current_progspace().filename, "/usr/bin/dash")
ex("delete")
ex("detach")
yield lambda: not NON_STOP or len(gdb.inferiors()) == 2  # GDB 13 crashes at interrupt before
ex("tproc select left")
go()
equals((yield from said("victim")), "executed")
yield from stand_still()
ex("tproc detach")
""")


in_both_modes(Exec, ("others_keep_their_breakpoints", "followed", "breakpoints_of_who_left", "stops_at"))


if __name__ == "__main__":
    main()
