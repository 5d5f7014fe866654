"""Tests that run in all-stop mode and in non-stop mode alike: what their scripts may use besides prelude.py."""

import os
import re
import subprocess

from gdbtest import PROGRAMS, GdbTest

from space import command

ATTACH = {"all_stop": 'ex("tproc attach{}")\n---\n',
          "non_stop": 'pass\n---\nex("set non-stop on")\nex("tproc attach{}")\n'}
TOOLS = r"""
import subprocess

held = []
NON_STOP = gdb.parameter("non-stop")
debugger = sys.modules["tproc.debugger"].debugger
names = lambda: sorted(component.name for _, component in debugger.attached())
threads = lambda: [thread for inferior in gdb.inferiors() for thread in inferior.threads()]


def tells(pattern):
    # Something of that kind has been said about components.
    return any(re.search(pattern, text) for text in told)


told = []
attach = sys.modules["tproc.attach"]
say = attach.say
attach.say = lambda text: (told.append(text), say(text))


def go():
    ex("continue -a &" if NON_STOP else "continue &")


def hit(name, function):
    # That one has stopped there; in all-stop mode everybody stops for a moment when somebody is attached, too.
    def look():
        stopped = [t for t in threads() if t.is_stopped()]
        if not stopped or not (NON_STOP or len(stopped) == len(threads())):
            return False
        if NON_STOP:
            stopped[0].switch()
        component = debugger.component()
        thread = gdb.selected_thread()
        return (component and thread and thread.is_stopped() and
                (component.name, gdb.selected_frame().name()) == (name, function))

    yield look


def launch(name, *argv):
    # A worker that is told what to do and heard by pipes.
    for suffix in ("in", "out"):
        if not os.path.exists(f"{FIFOS}/{name}.{suffix}"):
            os.mkfifo(f"{FIFOS}/{name}.{suffix}")
    ends = [os.open(f"{FIFOS}/{name}.{suffix}", os.O_RDWR) for suffix in ("in", "out")]
    held.append(ends)
    return subprocess.Popen([os.environ["TPROC_TEST_TPRUN"], "-n", name, *(
        argv or [os.environ["TPROC_TEST_WORKER"], "77", "1"])], stdin=ends[0], stdout=ends[1],
                            stderr=subprocess.DEVNULL)


def deselect():
    # GDB 13 crashes at interrupt where what is current has ended.
    yield lambda: names()
    ex(f"tproc select {names()[0]}")


def settled():
    # What executes another program has done so.  GDB 13 forgets that it was to stop a process that does, and waits
    # for ever for one that is killed just then.
    return all(reads_input(inferior.pid) for inferior, _ in debugger.executing())


def stand_still():
    yield settled
    ex("interrupt -a" if NON_STOP else "interrupt")
    yield lambda: all_stopped(2 * len(names()))
"""


class ModesTest(GdbTest):
    """A script for both modes."""

    def environment(self):
        return {**super().environment(), "TPROC_TEST_TPRUN": command("tprun"),
                "TPROC_TEST_WORKER": str(PROGRAMS / "worker")}

    def need_locations(self):
        """GDB 12 is not enough."""
        version = subprocess.run([os.environ.get("TPROC_GDB", "gdb"), "--version"], check=True,
                                 stdout=subprocess.PIPE, text=True).stdout
        if re.search(r" 12\.\d", version):
            self.skipTest("GDB 12 lets scripts not see where breakpoints are")

    def run_in(self, mode, options, count, body):
        """Attaches to so many, as options say, and waits until they stand still."""
        return self.gdb_in_loop(ATTACH[mode].format(options) + TOOLS +
                                f"\nyield lambda: all_stopped(2 * {count})\n{body}")


def in_both_modes(test_case, names):
    """Makes tests of methods that take the mode."""
    for mode in ATTACH:
        for name in names:
            setattr(test_case, f"test_{name}_{mode}",
                    lambda self, mode=mode, name=name: getattr(self, name)(mode))
