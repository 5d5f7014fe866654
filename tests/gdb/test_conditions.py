#!/usr/bin/env python3
"""Conditions of tproc break: whoever evaluates them, GDB or we, they are right in every component."""

from gdbtest import PROGRAMS, GdbTest, main


class Conditions(GdbTest):
    PROGRAM = "worker-2"

    def two(self):
        self.launch("left")
        self.launch("right", program=self.PROGRAM)

    def test_evaluated_by_gdb(self):
        """As long as one component is concerned; no other one's variables are taken for its own."""
        self.two()
        self.gdb("""
ex("tproc attach")
for name, number in (("right", 2), ("left", 1)):
    ex(f"tproc select {'left' if name == 'right' else 'right'}")
    ex(f"tproc break {name} square if component == {number} && n % 4 == 1")
    matches(gdb.breakpoints()[0].condition, rf"^\\$_inferior == {number} && .component")
    for hits in range(1, 4):
        ex("continue")
        equals((current(), gdb.selected_frame().name(), value("n") % 4), (name, "square", 1))
        equals(gdb.breakpoints()[0].hit_count, hits)
    ex("delete")
""")

    def test_evaluated_for_several(self):
        self.two()
        self.gdb("""
ex("tproc attach")
ex("tproc break all square if component == 2 && n % 4 == 1")
for hits in range(1, 4):
    ex("continue")
    equals((current(), value("n") % 4, gdb.breakpoints()[0].hit_count), ("right", 1, hits))
ex("delete")
ex("tproc break left,right square if n % 4 == 1")
seen = set()
while len(seen) < 2:
    ex("continue")
    equals(value("n") % 4, 1)
    seen.add(current())
""")

    def test_listed(self):
        """As they were set, whoever evaluates the condition."""
        self.two()
        self.gdb("""
equals(ex("tproc break"), "No breakpoints.\\n")
ex("tproc attach")
ex("tproc break right square if n % 4 == 1")
ex("tproc break right,left,late work")
ex("tproc tbreak all do_check")
ex("continue")
ex("disable 2")
ex("tproc detach left")
matches(ex("tproc break"), r"^NUM +NAMES +LOCATION +CONDITION +ENABLED +HITS +ATTACHED$"
        r".^ +1 +right +square +n % 4 == 1 +yes +\\d+ +right .\\d+.$"
        r".^ +2 +late,left,right +work +no +\\d+ +right .\\d+.$"
        r".^ +3 +all +do_check +yes +0 +right .\\d+.$")
refuses("tproc break right", "usage: tproc break")
""")

    def test_ignored_are_those_that_hold(self):
        self.two()
        self.gdb("""
ex("tproc attach")
for names in ("left", "all"):
    ex(f"tproc break {names} square if n % 4 == 1")
    breakpoint_ = gdb.breakpoints()[0]
    ex(f"ignore {breakpoint_.number} 5")
    ex("continue")
    equals((breakpoint_.hit_count, breakpoint_.ignore_count, value("n") % 4), (6, 0, 1))
    ex("delete")
""")

    def test_changed_by_the_user(self):
        """GDB's own command changes it, for the components that it is for."""
        self.two()
        self.gdb("""
ex("tproc attach")
for names in ("right", "left,right"):
    ex(f"tproc break {names} square if n == -1")
    number = gdb.breakpoints()[0].number
    for selected in ("left", "right"):
        ex(f"tproc select {selected}")
        ex(f"condition {number} component == 2 && n % 4 == 1")
        ex("continue")
        equals((current(), gdb.selected_frame().name(), value("n") % 4), ("right", "square", 1))
    ex(f"condition {number}")
    ex("tproc break left do_check")
    for _ in range(5):
        ex("continue")
        equals(gdb.selected_frame().name(), "square")
        holds(names != "right" or current() == "right")
    ex("delete")
""")

    def test_attached_later(self):
        self.two()
        self.gdb("""
ex("tproc attach left")
ex("tproc break all square if component == 2 && n % 4 == 1")
ex("tproc break right work if component == 2 && n % 4 == 1")
ex("tproc attach right")
seen = set()
while len(seen) < 2:
    ex("continue")
    equals((current(), value("n") % 4), ("right", 1))
    seen.add(gdb.selected_frame().name())
""")

    def test_of_the_same_name_again(self):
        """A restart has its own variables, elsewhere."""
        self.launch("left")
        self.make_fifos("again")
        self.gdb(f"""
ex("tproc attach left")
ex("tproc break again work if component == 7 && n == 0")
for _ in range(2):
    ex("tproc run again {PROGRAMS / 'worker'} 7 1 < {self.fifos}/again.in > {self.fifos}/again.out")
    ex("continue")
    equals((current(), gdb.selected_frame().name(), value("component")), ("again", "work", 7))
    holds(gdb.breakpoints()[0].condition.startswith("$_inferior == 2 &&"))
    ex("kill inferiors 2")
    ex("tproc select left")
""")

    def test_of_what_is_not_there_yet(self):
        """A library that is loaded later, in both components."""
        self.two()
        self.gdb("""
ex("tproc attach")
ex("tproc break right plugged if n == 7 && component == 2")
ex("tproc break all plugged if n == 8")
for name in ("left", "right"):
    tell(name, "dlopen " + PLUGGED)
ex("continue")
equals((current(), gdb.selected_frame().name(), value("n")), ("right", "plugged", 7))
ex("delete")
ex("tproc detach")
for name in ("left", "right"):
    equals(hear(name), "plugged 42")
""")

    def test_of_variables_that_are_nowhere(self):
        self.two()
        said = self.gdb("""
ex("tproc attach")
for names in ("left", "all"):
    ex(f"tproc break {names} square if nowhere == 1")
    matches(ex("continue"), 'No symbol "nowhere" in current context')
    equals(gdb.selected_frame().name(), "square")
    ex("delete")
""")
        self.assertNotIn("Traceback", said)


class OneProgram(Conditions):
    """The same names are at the same places in the program."""

    PROGRAM = "worker"


if __name__ == "__main__":
    main()
