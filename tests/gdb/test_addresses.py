#!/usr/bin/env python3
"""tproc break NAME *ADDR in the code of another component: it is NAME's, whoever comes and goes."""

from gdbtest import main
from modes import ModesTest, in_both_modes

HELP = r"""
def call(name, stops):
    tell(name, f"call {ADDRESS}")
    if stops:
        yield from hit(name, "offer")
        equals(value("$rdi"), 21)
        go()
    equals((yield from said(name)), "called 45")


def leaves(name, word="exit 0"):
    # Everybody stops then in all-stop mode.
    tell(name, word)
    before = names()
    yield lambda: names() == [other for other in before if other != name] and (
        NON_STOP or all_stopped(len(names()))) and not sys.modules["tproc.later"]._waiting
    yield from deselect()
    if not NON_STOP:
        go()


def start(name):
    before = names()
    process = launch(name)
    equals((yield from said(name)), "ready")
    yield lambda: names() == sorted(before + [name]) and all(t.is_running() for t in threads())
    return process


def hits():
    return gdb.breakpoints()[0].hit_count


"""


class Addresses(ModesTest):
    """own has the function that the others call."""

    def setUp(self):
        super().setUp()
        self.need_locations()
        self.launch("left")
        self.launch("right", program="worker-2")
        self.launch("own")
        self.address = self.ask("own", "address").split()[1]

    def play(self, mode, gone, body):
        self.expected_gone.update(gone)
        told = self.run_in(mode, " --follow", 3, f"ADDRESS = {self.address!r}\n{HELP}\n{body}")
        self.assertNotIn("Error in", told)
        return told

    def one(self, mode):
        """Set from anywhere, for one, which ends and is there again."""
        self.play(mode, ["left"], r"""
for selected in ("own", "left", "right"):
    ex(f"tproc select {selected}")
    ex(f"tproc break left *{ADDRESS} if $rdi == 21 && n != 77")
    go()
    yield from call("left", True)
    yield from call("right", False)
    yield from call("own", False)
    equals(hits(), 1)
    if selected != "right":
        yield from stand_still()
        ex("delete")
yield from leaves("left")
yield from call("right", False)
again = yield from start("left")
yield from call("left", True)
yield from call("right", False)
equals(hits(), 2)
yield from stand_still()
ex("delete")
ex("tproc detach")
again.kill()
""")

    def several(self, mode):
        """Each is stopped and counted once; whoever ends takes nothing away from the others."""
        self.play(mode, ["left", "right"], r"""
ex("tproc select own")
ex(f"tproc break left,right *{ADDRESS} if $rdi == 21 && n != 77")
go()
yield from call("left", True)
yield from call("right", True)
yield from call("own", False)
equals(hits(), 2)
yield from leaves("left")
yield from call("right", True)
yield from call("own", False)
left = yield from start("left")
yield from leaves("right")
yield from call("left", True)
equals(hits(), 4)
right = yield from start("right")
yield from call("left", True)
yield from call("right", True)
yield from call("own", False)
equals(hits(), 6)
yield from stand_still()
ex("delete")
ex("tproc detach")
left.kill()
right.kill()
""")

    def test_everybody(self):
        """"all", of whom each is left and attached again."""
        self.gdb(f"""
ADDRESS = {self.address!r}
def call(name):
    tell(name, f"call {{ADDRESS}}")
    ex("continue")
    equals((current(), gdb.selected_frame().name(), value("$rdi")), (name, "offer", 21))
ex("tproc attach")
ex(f"tproc break all *{{ADDRESS}}")
for name in ("left", "right", "own"):
    for other in ("left", "right", "own"):
        call(other)
    ex(f"tproc detach {{name}}")
    for other in ("left", "right", "own"):
        if other != name:
            ex(f"tproc select {{other}}")
            call(other)
    ex(f"tproc attach {{name}}")
equals(gdb.breakpoints()[0].hit_count, 15)
ex("delete")
ex("tproc detach")
equals([hear(name) for name in ("left", "right", "own") for _ in range(5)], ["called 45"] * 15)
""")

    def gone(self, mode):
        """The code ends with its component: nobody is held up."""
        told = self.play(mode, ["own"], r"""
ex("tproc select own")
ex(f"tproc break left *{ADDRESS}")
go()
yield from call("left", True)
yield from leaves("own")
tell("right", "thread")
equals((yield from said("right")), "thread 1")
yield from stand_still()
go()
tell("left", "thread")
equals((yield from said("left")), "thread 1")
yield from stand_still()
equals(len(gdb.breakpoints()), 1)
ex("delete")
ex("tproc detach")
""")
        self.assertRegex(told, r"\[Breakpoint 1 is off: the code at 0x\w+ was that of own \(4\)\]")


class Refused(ModesTest):
    def test_by_an_old_gdb(self):
        """One that does not say where breakpoints are: own code can have one, that of others cannot."""
        self.launch("left")
        self.launch("own")
        address = self.ask("own", "address").split()[1]
        self.gdb(f"""
if hasattr(gdb, "BreakpointLocation"):
    del gdb.BreakpointLocation
ex("tproc attach")
refuses("tproc break left *{address}", r"is in own \\(\\d+\\); a breakpoint there for others needs GDB 13")
equals(gdb.breakpoints(), ())
ex("tproc tbreak own *{address}")
ex("tproc tbreak left *square")
ex("delete")
ex("tproc detach")
""")


in_both_modes(Addresses, ("one", "several", "gone"))


if __name__ == "__main__":
    main()
