#!/usr/bin/env python3
"""tproc catch foreign-call: a thread of one component enters the code of another."""

from gdbtest import GdbTest, main


class ForeignCalls(GdbTest):
    def setUp(self):
        super().setUp()
        self.launch("left")
        self.launch("right", program="worker-2")
        self.address = self.ask("right", "address").split()[1]

    def test_caught(self):
        self.gdb(f"""
ex("tproc attach")
matches(ex("tproc catch foreign-call left"), r"Calls of left to \\d+ functions of others")
for _ in range(2):
    tell("left", "call {self.address}")
    matches(ex("continue"), r"\\[left \\(\\d+\\) calls offer of right \\(\\d+\\)\\]")
    equals(current(), "left")
    equals(gdb.selected_frame().name(), "offer")
    matches(ex("bt"), r"#0 .*\\[right\\] offer.*#1 .*do_call")
matches(ex("info breakpoints"), "^No breakpoints")
ex("tproc catch foreign-call off")
ex("tproc tbreak left do_thread")
tell("left", "call {self.address}")
tell("left", "thread")
ex("continue")
equals(gdb.selected_frame().name(), "do_thread")
ex("tproc detach")
equals([hear("left") for _ in range(4)], ["called 44"] * 3 + ["thread 1"])
""")

    def test_own_calls_go_on(self):
        """right calls the very function itself, and so does left its own; that is no foreign call."""
        own = self.ask("left", "address").split()[1]
        self.gdb(f"""
ex("tproc attach")
ex("tproc catch foreign-call all ^(offer|square)$")
ex("tproc tbreak right do_thread")
tell("right", "call {self.address}")
tell("left", "call {own}")
tell("right", "thread")
ex("continue")
equals((current(), gdb.selected_frame().name()), ("right", "do_thread"))
tell("left", "call {self.address}")
ex("continue")
equals((current(), gdb.selected_frame().name()), ("left", "offer"))
ex("tproc detach")
equals([hear("right"), hear("right")], ["called 44", "thread 1"])
equals([hear("left"), hear("left")], ["called 43", "called 44"])
""")

    def test_owner_ends(self):
        """Breakpoints in its code go with it; a component that is attached later gets them."""
        self.launch("third")
        self.expected_gone = {"right"}
        address = self.ask("third", "address").split()[1]
        self.gdb(f"""
ex("tproc attach left right")
ex("tproc catch foreign-call left offer")
ex("tproc break left do_call")
tell("right", "exit 3")
ex("continue")
equals(value("$tproc(\\"right\\")"), 0)
ex("tproc attach third")
ex("tproc select left")
tell("left", "call {address}")
ex("continue")
equals((current(), gdb.selected_frame().name()), ("left", "do_call"))
ex("continue")
equals((current(), gdb.selected_frame().name()), ("left", "offer"))
ex("tproc detach third")
ex("tproc detach")
equals(hear("left"), "called 45")
""")

    def test_refusals(self):
        self.gdb("""
refuses("tproc catch foreign-call", "usage")
ex("tproc attach left")
refuses("tproc catch foreign-call left (", "tproc: \\\\(: ")
matches(ex("tproc catch foreign-call left"), "to 0 functions")
""")


if __name__ == "__main__":
    main()
