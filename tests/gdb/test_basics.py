#!/usr/bin/env python3
"""What a user does first: attach, look, breakpoints, steps, detach; in all-stop mode."""

from gdbtest import GdbTest, main


class Basics(GdbTest):
    def two(self):
        self.launch("left", threads=2)
        self.launch("right", threads=2)

    def test_attach_and_detach(self):
        self.two()
        self.gdb("""
matches(ex("tproc list"), r"left .*running +/.*right .*running +/")
ex("tproc attach")
matches(ex("tproc list"), r"left .*running +1 .*right .*running +2 ")
equals(value("$tproc(\\"right\\")"), 2)
ex("tproc detach left")
equals(value("$tproc(\\"left\\")"), 0)
refuses("tproc detach left", "no attached component")
ex("tproc detach")
equals([i.pid for i in gdb.inferiors()], [0, 0])
""")

    def test_quit_while_attached(self):
        self.two()
        self.gdb("""
ex("tproc attach")
ex("break work")
""")

    def test_each_has_its_own(self):
        self.two()
        self.gdb("""
ex("tproc attach")
for number, name in ((1, "left"), (2, "right")):
    ex(f"tproc select {name}")
    equals(current(), name)
    equals(value("component"), number)
    holds(value("total") > 0)
    equals(value("$tproc_owner(&component)"), [c.id for _, c in
           sys.modules["tproc.debugger"].debugger.attached() if c.name == name][0])
    matches(ex("info sharedlibrary"), "Yes.*libc.so.6")
    matches(ex("print $tproc_name(&component)"), f'"{name}"')
matches(ex("tproc print all component"), r"left \\(\\d+\\): .*= 1\\nright \\(\\d+\\): .*= 2")
matches(ex("tproc owner &total"), r"right \\(\\d+\\): /.*worker \\+ 0x")
""")

    def test_thread_locals(self):
        self.two()
        self.gdb("""
ex("tproc attach")
for number, name in ((1, "left"), (2, "right")):
    ex(f"tproc select {name}")
    seen = []
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        seen.append(value("own_rounds"))
    equals(len(seen), 3)
    equals(sorted(seen)[0], 0)
    holds(sorted(seen)[1] > 0)
""")

    def test_backtraces(self):
        self.two()
        out = self.gdb("""
ex("tproc attach")
text = ex("tproc bt all")
equals(text.count("LWP"), 6)
for name in ("left", "right"):
    matches(text, rf"^{name} \\(\\d+\\), thread 1 .*in main \\(")
matches(text, "in loop")
text = ex("tproc bt right -full")
equals(text.count("LWP"), 3)
matches(text, "line = ")
matches(ex("tproc threads"), r"1\\.1 .*2\\.3 ")
""")
        self.assertNotIn("corrupt", out)

    def test_counts_of_frames(self):
        """A number is one for bt, not the id of a component."""
        self.two()
        self.gdb("""
ex("tproc attach")
ex("tproc select left")
for command in ("tproc bt 1", "tproc bt left 1", "tproc bt -1"):
    text = ex(command)
    equals(text.count("left ("), 3)
    equals(text.count("\\n#"), 3)
equals(ex("tproc bt all 1").count("\\n#0 "), 6)
refuses("tproc bt nobody", "no attached component is called nobody")
""")

    def test_marked_pointers(self):
        self.launch("left", threads=1)
        self.launch("right", program="worker-2")
        foreign = self.ask("right", "address").split()[1]
        self.gdb(f"""
ex("tproc attach")
ex("tproc select left")
holds("right" not in ex("print (char *) {foreign}"))
ex("set tproc mark-pointers on")
matches(ex("print (void *) {foreign}"), r"= 0x\\w+ \\[right \\(\\d+\\)\\]")
matches(ex("print (char *) {foreign}"), r"= 0x\\w+ .*\\[right \\(\\d+\\)\\]$")
ex("tproc tbreak left do_call")
tell("left", "call {foreign}")
ex("continue")
ex("next")
matches(ex("print function"), r"= .*0x\\w+ .*\\[right \\(\\d+\\)\\]$")
matches(ex("info locals"), r"function = .*\\[right")
holds("[" not in ex("print &component"))
holds("[" not in ex("print (char *) 8"))
holds("[" not in ex("print argument"))
ex("tproc select right")
holds("[right" not in ex("print (void *) {foreign}"))
ex("tproc detach")
equals(hear("left"), "called 44")
""")

    def test_break_in_one(self):
        self.two()
        self.gdb("""
ex("tproc attach")
ex("tproc break right work")
for _ in range(10):
    ex("continue")
    equals(current(), "right")
    equals(gdb.selected_frame().name(), "work")
    equals(value("component"), 2)
""")

    def test_break_in_all(self):
        self.two()
        self.gdb("""
ex("tproc attach")
ex("break work")
seen = set()
while len(seen) < 2:
    ex("continue")
    seen.add(current())
ex("delete")
""")

    def test_tbreak(self):
        self.two()
        self.gdb("""
ex("tproc attach")
ex("tproc tbreak left work")
ex("continue")
equals(current(), "left")
equals(len(gdb.breakpoints() or ()), 0)
""")

    def test_condition_on_locals(self):
        self.two()
        self.gdb("""
ex("tproc attach")
ex("tproc break all square if n % 5 == 3")
seen = set()
while len(seen) < 2:
    ex("continue")
    equals(value("n") % 5, 3)
    seen.add(current())
""")

    def test_condition_unknown_elsewhere(self):
        """Another program has a function of that name without the variable."""
        self.launch("other", program="shapes")
        self.launch("left")
        self.gdb("""
ex("tproc attach")
ex("tproc break left work if n % 5 == 3")
for _ in range(3):
    ex("continue")
    equals((current(), gdb.selected_frame().name(), value("n") % 5), ("left", "work", 3))
""")

    def test_commands(self):
        self.two()
        self.gdb("""
ex("tproc attach")
ex("tproc break left work")
ex("tproc commands silent; set var $hits = $hits + 1")
ex("set var $hits = 0")
ex("continue")
ex("continue")
ex("tproc list")
equals(len(gdb.breakpoints()[0].commands.splitlines()), 2)
""")

    def test_stepping(self):
        self.two()
        self.gdb("""
ex("tproc attach")
ex("tproc break right " + line("first line of work"))
ex("continue")
n = value("n")
ex("delete")
ex("next")
matches(here(), "work calls square")
ex("step")
equals(gdb.selected_frame().name(), "square")
equals(value("n"), n)
ex("finish")
ex("next")
matches(here(), "long other|work compares")
ex("until " + line("work compares"))
matches(here(), "work compares")
equals(value("got"), n * n)
ex("advance " + line("last line of work"))
equals(current(), "right")
ex("stepi")
ex("nexti")
""")

    def test_left_after_a_step(self):
        """GDB's own detach, of the component that nobody stepped in; the other one stays as it is."""
        self.two()
        self.gdb("""
ex("tproc attach")
for command in ("detach inferiors 1", "detach", "tproc detach left"):
    ex("tproc tbreak right square")
    ex("continue")
    ex("next")
    thread = gdb.selected_thread()
    if command == "detach":
        ex("inferior 1")
    ex(command)
    thread.switch()
    matches(ex("show schedule-multiple"), " on")
    equals((current(), gdb.selected_frame().name()), ("right", "square"))
    ex("next")
    ex("tproc attach left")
""")

    def test_call_and_return(self):
        self.two()
        self.gdb("""
ex("tproc attach")
ex("tproc select right")
for name, number in (("right", 2), ("left", 1)):
    ex(f"tproc select {name}")
    equals(value("offer(4)"), 8 + number)
    equals(value("square(100)"), 10000)
ex("tproc tbreak left square")
ex("continue")
n = value("n")
with_confirm = gdb.parameter("confirm")
ex("set confirm off")
ex(f"return {n}L * {n}")
equals(gdb.selected_frame().name(), "work")
""")

    def test_dlopen(self):
        self.two()
        self.gdb("""
ex("tproc attach")
ex("tproc break right plugged")
tell("right", "dlopen " + PLUGGED)
ex("continue")
equals((current(), gdb.selected_frame().name(), value("n")), ("right", "plugged", 7))
ex("finish")
ex("delete")
ex("tproc detach")
equals(hear("right"), "plugged 42")
""")

    def test_signals(self):
        self.two()
        self.gdb("""
ex("tproc attach")
ex("handle SIGUSR1 stop print pass")
tell("left", "raise 10")
ex("continue")
equals(signals, ["SIGUSR1"])
equals(current(), "left")
ex("tproc detach")
equals(hear("left"), "raised 0")
""")

    def test_children(self):
        """Children of a component go through its breakpoints' code, and nobody dies of it."""
        self.two()
        self.gdb("""
ex("tproc attach")
ex("break " + line("last line of work"))
ex("tproc break right do_thread")
for word in ("fork", "spawn", "system", "thread"):
    tell("right", word)
gdb.breakpoints()[0].condition = "n == -1"
ex("continue")
equals(gdb.selected_frame().name(), "do_thread")
ex("delete")
ex("tproc detach")
for answer in ("forked 0x2a00", "spawned 0x2a00", "system 0x2a00", "thread 1"):
    equals(hear("right"), answer)
""")

    def test_twenty(self):
        for i in range(20):
            self.launch(f"c{i}", threads=1, program=("worker", "worker-2")[i % 2])
        self.gdb("""
ex("tproc attach")
equals(len(gdb.inferiors()), 20)
equals(ex("tproc bt all").count("LWP"), 40)
ex("tproc break c7,c12 work")
seen = set()
while len(seen) < 2:
    ex("continue")
    seen.add(current())
equals(seen, {"c7", "c12"})
""")


if __name__ == "__main__":
    main()
