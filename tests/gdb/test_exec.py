#!/usr/bin/env python3
"""Attached components that execute another program: they leave the space, the others keep what they have."""

from gdbtest import GdbTest, main

ATTACH = {"all_stop": 'ex("tproc attach{}")\n---\n',
          "non_stop": 'pass\n---\nex("set non-stop on")\nex("tproc attach{}")\n'}
TOOLS = r"""
NON_STOP = gdb.parameter("non-stop")
debugger = sys.modules["tproc.debugger"].debugger
names = lambda: sorted(component.name for _, component in debugger.attached())
threads = lambda: [thread for inferior in gdb.inferiors() for thread in inferior.threads()]


def go():
    ex("continue -a &" if NON_STOP else "continue &")


def hit(name, function):
    # Somebody has stopped: it is that one, and there.
    yield lambda: [t for t in threads() if t.is_stopped()] if NON_STOP else all_stopped(len(names()))
    if NON_STOP:
        [t for t in threads() if t.is_stopped()][0].switch()
    equals((current(), gdb.selected_frame().name()), (name, function))


def says(name):
    # Its next line, while everybody runs.
    end = os.open(f"{FIFOS}/{name}.out", os.O_RDONLY | os.O_NONBLOCK)
    text = b""

    def complete():
        nonlocal text
        while not text.endswith(b"\n") and select.select([end], [], [], 0)[0]:
            text += os.read(end, 1)
        return text.endswith(b"\n")

    yield complete
    os.close(end)
    return text.decode().rstrip("\n")


def stand_still():
    # GDB forgets that it was to stop a process when that executes something meanwhile.
    yield lambda: all(i.progspace.filename == "/usr/bin/cat" for i, _ in debugger.executing())
    ex("interrupt -a" if NON_STOP else "interrupt")
    yield lambda: all_stopped(2 * len(names()))
"""


class Exec(GdbTest):
    """The first inferior is the one that leaves: what GDB shares among them is counted from there."""

    def setUp(self):
        super().setUp()
        for name in ("victim", "left", "right"):
            self.launch(name)
        self.expected_gone.add("victim")
        self.address = self.ask("left", "address").split()[1]

    def run_in(self, mode, follow, body):
        first, separator, rest = ATTACH[mode].format(follow).partition("---\n")
        said = self.gdb_in_loop(f"{first}{separator}{rest}{TOOLS}\nyield lambda: all_stopped(6)\n"
                                f"ADDRESS = {self.address!r}\n{body}")
        self.assertEqual(said.count("it left the space"), 1, said)
        self.assertNotIn("Cannot insert", said)
        self.assertNotIn("ptrace", said)
        return said

    def others_keep_their_breakpoints(self, mode, follow=""):
        said = self.run_in(mode, follow, r"""
ex("break do_thread")
ex("tproc break right do_call")
ex("tproc break left do_poke")
ex("tproc select left")
ex(f"break *{ADDRESS}")
go()
tell("victim", "exec")
equals((yield from says("victim")), "executed")
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
        equals((yield from says(name)), answer)
yield from stand_still()
matches(ex("tproc list"), r"victim +\d+ +execed +/")
equals([i.progspace.filename for i, _ in debugger.executing()], ["/usr/bin/cat"])
ex("delete")
ex("tproc detach")
equals([i.pid for i in gdb.inferiors() if i.pid], [])
""")
        self.assertRegex(said, r"\[victim \(2\) executes /usr/bin/dash: it left the space\]")

    def breakpoints_of_who_left(self, mode):
        """Where it had breakpoints in the code of others, these are as they were."""
        self.run_in(mode, "", r"""
ex("tproc select victim")
ex(f"break *{ADDRESS}")
go()
tell("victim", "exec")
equals((yield from says("victim")), "executed")
yield lambda: names() == ["left", "right"]
with open(f"/proc/{debugger.attached()[0][1].pid}/mem", "rb", 0) as memory:
    yield lambda: os.pread(memory.fileno(), 1, int(ADDRESS, 16)) != b"\xcc"
tell("left", f"call {ADDRESS}")
equals((yield from says("left")), "called 44")
yield from stand_still()
ex("delete")
ex("tproc detach")
""")

    def stops_at(self, mode):
        """A user who wants to see it has GDB's own command."""
        self.run_in(mode, "", r"""
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
equals((yield from says("victim")), "executed")
yield from stand_still()
ex("tproc detach")
""")


for _mode in ATTACH:
    for _what in ("others_keep_their_breakpoints", "breakpoints_of_who_left", "stops_at"):
        setattr(Exec, f"test_{_what}_{_mode}",
                lambda self, mode=_mode, what=_what: getattr(self, what)(mode))
    setattr(Exec, f"test_follow_{_mode}",
            lambda self, mode=_mode: self.others_keep_their_breakpoints(mode, " --follow"))


if __name__ == "__main__":
    main()
