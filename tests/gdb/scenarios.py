"""What a user does with a debugger, one function each; they run within GDB, after prelude.py.

A scenario is a generator with the name of the component that it is about.  It begins and ends with everybody
stopped, in all-stop mode and in non-stop mode alike; what it yields are conditions to wait for.
"""

import contextlib
import subprocess
import zlib

stops = []  # (thread, event) since the last go()
gdb.events.stop.connect(lambda event: stops.append((
    event.inferior_thread or gdb.selected_thread(), event)))

non_stop = lambda: gdb.parameter("non-stop")
debugger = lambda: sys.modules["tproc.debugger"].debugger
threads = lambda: [thread for inferior in gdb.inferiors() for thread in inferior.threads()]
names = lambda: sorted(component.name for _, component in debugger().attached())


def stopped():
    """Somebody has stopped; then its thread is the selected one."""
    if not stops or not (non_stop() or all(t.is_stopped() for t in threads())):
        return False
    if stops[0][0].is_valid() and stops[0][0].is_stopped():
        stops[0][0].switch()
    return True


def go(command="continue"):
    """Sets threads going: all of them, or in non-stop mode, with another command than continue, one."""
    stops.clear()
    ex(f"{command}{' -a' if non_stop() and command == 'continue' else ''} &")


def all_go():
    """Everybody runs; who runs already does so on."""
    stops.clear()
    if not all(thread.is_running() for thread in threads()):
        ex("continue -a &" if non_stop() else "continue &")


def stand_still():
    if any(thread.is_running() for thread in threads()):
        ex("interrupt -a" if non_stop() else "interrupt")
    yield lambda: threads() and all(thread.is_stopped() for thread in threads())


def rest():
    """No breakpoints, and everybody stands still."""
    ex("delete")
    yield from stand_still()


def at(name, function):
    equals((current(), gdb.selected_frame().name()), (name, function))


def heard(name, answer):
    """Everybody runs until a component has said that."""
    equals((yield from said(name)), answer)


# ---- the scenarios --------------------------------------------------------------------------------


def breakpoint_and_tbreak(name):
    for command in ("break", "tbreak"):
        ex(f"tproc {command} {name} do_thread")
        tell(name, "thread")
        go()
        yield stopped
        at(name, "do_thread")
        equals(len(gdb.breakpoints() or ()), command == "break")
        ex("delete")
        all_go()
        yield from heard(name, "thread 1")
        yield from rest()


def condition_on_locals(name):
    ex(f"tproc break {name} square if n % 5 == 3")
    for _ in range(3):
        go()
        yield stopped
        at(name, "square")
        equals(value("n") % 5, 3)


def stepping(name):
    ex(f"tproc tbreak {name} " + line("first line of work"))
    go()
    yield stopped
    at(name, "work")
    n = value("n")
    for command, where in (("next", "work calls square"), ("step", "first line of square"),
                           ("finish", "work calls square"), ("next", "long other"),
                           ("until " + line("work compares"), "work compares"),
                           ("advance " + line("last line of work"), "last line of work")):
        go(command)
        yield stopped
        equals(current(), name)
        matches(here(), where)
    equals(value("got"), n * n)
    for command in ("stepi", "nexti"):
        go(command)
        yield stopped
    equals(current(), name)


def call_and_return(name):
    ex(f"tproc tbreak {name} square")
    go()
    yield stopped
    number = value("component")
    equals(value("offer(4)"), 8 + number)
    equals(value("square(100)"), 10000)
    n = value("n")
    ex(f"return {n}L * {n}")
    equals(gdb.selected_frame().name(), "work")


def signals_that_stop(name):
    ex("handle SIGUSR1 stop print pass")
    ex(f"tproc select {name}")
    before = value("signals_caught")
    tell(name, "raise 10")
    go()
    yield stopped
    equals((current(), stops[0][1].stop_signal), (name, "SIGUSR1"))
    all_go()
    yield from heard(name, "raised 0")
    yield from rest()
    ex(f"tproc select {name}")
    equals(value("signals_caught"), before + 1)


def signals_that_do_not_come(name):
    ex("handle SIGUSR1 nostop noprint nopass")
    ex(f"tproc select {name}")
    before = value("signals_caught")
    tell(name, "raise 10")
    all_go()
    yield from heard(name, "raised 0")
    yield from rest()
    ex(f"tproc select {name}")
    equals(value("signals_caught"), before)
    ex("handle SIGUSR1 nostop noprint pass")


def threads_by_the_dozen(name):
    ex(f"tproc break {name} nothing if arg == 0")
    tell(name, "crowd 36")
    all_go()
    yield from heard(name, "crowd 36")


def thread_locals(name):
    ex(f"tproc select {name}")
    seen = []
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        seen.append(value("own_rounds"))
    equals(min(seen), 0)
    holds(max(seen) > 0)
    yield lambda: True


def dlopen_and_dlclose(name):
    ex(f"tproc break {name} plugged")
    for _ in range(2):
        tell(name, f"dlopen {PLUGGED}")
        go()
        yield stopped
        at(name, "plugged")
        equals(value("n"), 7)
        all_go()
        yield from heard(name, "plugged 42")
        yield from stand_still()


def children(name):
    """They meet the breakpoints of their parent."""
    ex("break " + line("last line of work") + " if n == -1")
    for word, past in (("fork", "forked"), ("vfork", "vforked"), ("spawn", "spawned"),
                       ("system", "system")):
        tell(name, word)
        all_go()
        yield from heard(name, f"{past} 0x2a00")


def caught_fork(name):
    ex("catch fork")
    tell(name, "fork")
    go()
    yield stopped
    equals(current(), name)
    ex("delete")
    all_go()
    yield from heard(name, "forked 0x2a00")


def ends(name):
    """Components that are launched, exit, crash and exec while everybody runs."""
    for words in ("exit 3", "peek 8", "exec"):
        victim = words.split()[0]
        all_go()
        process = launch(victim)
        yield lambda: victim in names() and all(thread.is_running() for thread in threads())
        yield from heard(victim, "ready")
        stops.clear()
        tell(victim, words)
        if words == "peek 8":
            yield stopped
            equals((current(), stops[0][1].stop_signal), (victim, "SIGSEGV"))
            ex("kill")
        if words == "exec":
            yield from heard(victim, "executed")
            # GDB 13 may wait for ever for one that is killed while its dynamic linker is at work
            yield lambda: debugger().executing() and reads_input(debugger().executing()[0][0].pid)
            process.kill()
        yield lambda: victim not in names() and not debugger().executing()
        process.wait()
        if non_stop():  # it is removed, because of what GDB 13 does at interrupt -a
            yield lambda: len(gdb.inferiors()) == len(names())
        ex(f"tproc select {name}")  # GDB 13 crashes at interrupt where what is current has ended
        yield from rest()


def launch(name):
    for suffix in ("in", "out"):
        with contextlib.suppress(FileExistsError):  # of its last run
            os.mkfifo(f"{FIFOS}/{name}.{suffix}")
    held = [os.open(f"{FIFOS}/{name}.{suffix}", os.O_RDWR) for suffix in ("in", "out")]
    held_ends.append(held)
    return subprocess.Popen([os.environ["TPROC_TEST_TPRUN"], "-n", name,
                             os.environ["TPROC_TEST_WORKER"], "77", "1"], stdin=held[0],
                            stdout=held[1], stderr=subprocess.DEVNULL)


held_ends = []


# ---- C++ (shapes.cpp) -------------------------------------------------------------------------------


def exceptions(name):
    """Thrown and caught in one component; never across a border."""
    for what, function in (("throw", "__cxa_throw"), ("catch", "__cxa_begin_catch")):
        ex(f"catch {what}")
        go()
        yield stopped
        matches(ex("bt"), f"#0 .* {function} .*catcher.*work")
        holds("[" not in ex("bt"))
        ex("delete")
        ex("tproc tbreak all " + line("catcher catches"))
        go()
        yield stopped
        matches(here(), "catcher catches")
        ex("delete")


def virtual_call_of_anothers_object(name):
    """Into the other's code by stepi, through it by next, out of it by finish."""
    other = names()[-1]
    tell(other, "object")
    all_go()
    address = yield from said(other)
    yield from rest()
    ex(f"tproc tbreak {name} " + line("call calls"))
    tell(name, "call " + address.split()[1])
    go()
    yield stopped
    at(name, "call")
    for _ in range(100):
        go("stepi")
        yield stopped
        if "area" in (gdb.selected_frame().name() or ""):
            break
    matches(ex("bt"), rf"#0 .*\[{other}\] Square::area.*call.*main")
    for where in ("long result", "return result"):
        go("next")
        yield stopped
        matches(here(), where)
    equals(value("extra"), 2)
    go("finish")
    yield stopped
    at(name, "call")
    go("next")
    yield stopped
    equals(value("result"), 51)
    all_go()
    yield from heard(name, "area 51")


# ---- all of them ------------------------------------------------------------------------------------

IN_C = (breakpoint_and_tbreak, condition_on_locals, stepping, call_and_return, signals_that_stop,
        signals_that_do_not_come, threads_by_the_dozen, thread_locals, dlopen_and_dlclose, children,
        caught_fork, ends)
IN_CPP = (exceptions, virtual_call_of_anothers_object)


def texts():
    """Checksums of the texts of some components; nobody's breakpoints are there."""
    found = {}
    for _, component in debugger().attached()[:3]:
        with open(f"/proc/{component.pid}/mem", "rb", 0) as memory:
            for module in component.modules():
                if module.text_lo < module.text_hi:
                    data = os.pread(memory.fileno(), module.text_hi - module.text_lo, module.text_lo)
                    found[module.text_lo] = zlib.crc32(data)
    return found


def play(scenarios, name, count):
    """One after the other, with so many threads attached."""
    ex("set confirm off")
    yield lambda: all_stopped(count)
    before = texts()
    holds(before)
    for scenario in scenarios:
        print("---", scenario.__name__, flush=True)
        yield from scenario(name)
        yield from rest()
        if scenario is not ends:  # GDB leaves its own breakpoints when what stopped has ended
            now = texts()
            equals({place: now[place] for place in before}, before)
    ex("tproc detach")
