#!/usr/bin/env python3
"""Components among each other: frames in foreign code, launches and ends while attached."""

from gdbtest import GdbTest, main


class Frames(GdbTest):
    """left calls a function of right's by its address."""

    def setUp(self):
        super().setUp()
        self.launch("left", program="worker-2")
        self.launch("right")
        self.address = self.ask("right", "address").split()[1]

    def test_stop_in_foreign_code(self):
        self.gdb(f"""
ex("tproc attach left")
tell("left", "call {self.address}")
ex("tproc break left *{self.address}")
ex("continue")
equals(current(), "left")
frame = gdb.newest_frame()
equals(frame.name(), "offer")
equals(frame.older().name(), "do_call")
text = ex("bt")
matches(text, r"^#0 .*\\[right\\] offer.*^#1 .*do_call.*main")
holds("[left]" not in text)
matches(ex("info line"), "worker.c")
ex("up")
equals(gdb.selected_frame().name(), "do_call")
ex("set tproc frame-names off")
holds("[right]" not in ex("bt"))
ex("set tproc frame-names all")
matches(ex("bt"), r"\\[right\\] offer.*\\[left\\] do_call")
ex("down")
ex("finish")
equals(gdb.selected_frame().name(), "do_call")
ex("tproc detach")
equals(hear("left"), "called 44")
""")

    def test_step_into_foreign_code(self):
        self.gdb(f"""
ex("tproc attach")
ex("tproc tbreak left do_call")
tell("left", "call {self.address}")
ex("continue")
ex("advance " + line("do_call calls"))
for _ in range(50):
    ex("stepi")
    if gdb.selected_frame().name() == "offer":
        break
matches(ex("bt"), r"\\[right\\] offer.*do_call")
ex("next")
matches(here(), "offer|doubled|component")
ex("finish")
equals(gdb.selected_frame().name(), "do_call")
ex("tproc detach")
equals(hear("left"), "called 44")
""")

    def test_backtrace_of_another_thread(self):
        """tproc bt sees to it by itself."""
        self.gdb(f"""
ex("tproc attach")
ex("break *{self.address}")
ex("set tproc foreign-frames off")
tell("left", "call {self.address}")
ex("continue")
ex("tproc select right")
matches(ex("tproc bt left"), r"\\[right\\] offer.*do_call.*main")
ex("tproc detach")
equals(hear("left"), "called 44")
""")

    STACKS = """
def foreign():
    mine = debugger.component()
    registry = debugger.registry()
    return sys.modules["tproc.stacks"].foreign_modules(gdb.selected_inferior(), registry, mine)
debugger = sys.modules["tproc.debugger"].debugger
"""

    def test_below_own_code(self):
        """A signal's handler, which interrupted code of right's that GDB does not know yet."""
        self.gdb(f"""{self.STACKS}
ex("tproc attach")
ex("set tproc foreign-frames off")
ex("break *{self.address}")
tell("left", "call {self.address}")
ex("continue")
equals((current(), gdb.selected_frame().name()), ("left", None))
ex("set tproc foreign-frames on")
ex("tproc break left on_signal")
ex("signal SIGUSR1")
equals((current(), gdb.selected_frame().name()), ("left", "on_signal"))
matches(ex("bt"), r"on_signal.*<signal handler called>.*\\[right\\] offer.*do_call.*main")
equals({{module.path for module in foreign()}}, {{c.exe for _, c in debugger.attached()
                                                 if c.name == "right"}})
ex("delete")
ex("tproc detach")
equals(hear("left"), "called 44")
""")

    def test_seen_without_unwinding(self):
        """Where all frames are a thread's own; its stack has to be one of those that are understood."""
        self.gdb(f"""{self.STACKS}
ex("tproc attach")
for function, text in (("square", None), ("do_thread", "thread")):
    ex(f"tproc break left {{function}}")
    if text:
        tell("left", text)
    ex("continue")
    equals((current(), gdb.selected_frame().name()), ("left", function))
    equals(foreign(), [])
    ex("delete")
ex("tproc detach")
equals(hear("left"), "thread 1")
""")

    def test_unattached_runs_onto_it(self):
        """right's function has a breakpoint of left's debugger; right goes on when that is gone."""
        self.gdb(f"""
ex("tproc attach left")
ex("break *{self.address}")
tell("left", "call {self.address}")
ex("continue")
equals(current(), "left")
tell("right", "call {self.address}")
ex("tproc detach")
equals(hear("left"), "called 44")
equals(hear("right"), "called 44")
""")


class Follow(GdbTest):
    LAUNCH = """
import subprocess
def launch(name, *argv):
    return subprocess.Popen([os.environ["TPROC_TEST_TPRUN"], "-n", name, *argv],
                            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
names = lambda: sorted(component.name for _, component in
                       sys.modules["tproc.debugger"].debugger.attached())
"""

    def test_all_stop(self):
        self.launch("left")
        self.gdb_in_loop(self.LAUNCH + """
ex("tproc attach --follow")
equals(names(), ["left"])
---
ex("continue &")
late = launch("late", "/bin/sleep", "1000")
yield lambda: names() == ["late", "left"]
yield lambda: all(t.is_running() for i in gdb.inferiors() for t in i.threads())
equals(value("$tproc(\\"late\\")"), 2)
late.kill()
yield lambda: names() == ["left"]
late.wait()
ex("interrupt")
yield lambda: all_stopped(2)
ex("tproc detach")
""")

    def test_non_stop(self):
        self.launch("left")
        self.gdb_in_loop(self.LAUNCH + """
ex("set non-stop on")
ex("tproc attach --follow")
yield lambda: all_stopped(2)
ex("continue -a &")
late = launch("late", "/bin/sleep", "1000")
yield lambda: names() == ["late", "left"]
yield lambda: all(t.is_running() for i in gdb.inferiors() for t in i.threads())
late.kill()
yield lambda: names() == ["left"]
late.wait()
yield lambda: len(gdb.inferiors()) == 1
ex("interrupt -a")
yield lambda: all_stopped(2)
ex("tproc detach")
""")

    def test_break_kept_for_a_restart(self):
        self.launch("left")
        self.gdb_in_loop(self.LAUNCH + """
ex("tproc attach left --follow")
ex("tproc break again square")
---
worker = ex("tproc list").split()[-1]
for _ in range(2):
    ex("continue &")
    again = launch("again", worker, "5", "1")
    yield lambda: names() == ["again", "left"] and all_stopped(3) and \\
        current() == "again" and gdb.selected_frame().name() == "square"
    gdb.breakpoints()[0].enabled = False
    again.stdin.close()
    ex("continue &")
    yield lambda: names() == ["left"] and all_stopped(2)
    gdb.breakpoints()[0].enabled = True
    ex("tproc select left")
ex("tproc detach")
""")

    def environment(self):
        from space import command
        return {**super().environment(), "TPROC_TEST_TPRUN": command("tprun")}


if __name__ == "__main__":
    main()
