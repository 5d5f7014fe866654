"""What a test's script may use within GDB.  The script comes after it (gdbtest.py)."""

import os
import re
import select
import sys
import textwrap
import threading
import traceback

import gdb

FIFOS = os.environ["TPROC_TEST_FIFOS"]
SOURCE = os.environ["TPROC_TEST_SOURCE"]
PLUGGED = os.environ["TPROC_TEST_PLUGGED"]


def ex(command):
    """Carries a command out; returns what it printed."""
    return gdb.execute(command, to_string=True)


def refuses(command, pattern):
    """The command fails, with a message like that."""
    try:
        ex(command)
    except gdb.error as error:
        matches(str(error), pattern)
    else:
        raise AssertionError(f"{command}: no error")


def value(expression):
    return int(gdb.parse_and_eval(expression))


def equals(found, expected):
    if found != expected:
        raise AssertionError(f"{found!r} is not {expected!r}")


def holds(what, text=""):
    if not what:
        raise AssertionError(text or "does not hold")


def matches(text, pattern):
    if not re.search(pattern, text, re.DOTALL | re.MULTILINE):
        raise AssertionError(f"{text!r} does not match {pattern!r}")


def line(marker):
    """SOURCE:N of the line of the program's source that ends in a comment with this text."""
    with open(SOURCE, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            if text.rstrip().endswith(f"/* {marker} */"):
                return f"{os.path.basename(SOURCE)}:{number}"
    raise KeyError(marker)


def here():
    """The text of the source line where the selected frame is."""
    where = gdb.selected_frame().find_sal()
    with open(SOURCE, encoding="utf-8") as file:
        return file.readlines()[where.line - 1].strip()


def tell(name, text):
    """Gives a component a line; it does not wait for the answer."""
    with open(f"{FIFOS}/{name}.in", "w", encoding="utf-8") as file:
        file.write(text + "\n")


def hear(name):
    """The next line that a component says."""
    fd = os.open(f"{FIFOS}/{name}.out", os.O_RDONLY)
    text = b""
    while not text.endswith(b"\n"):
        text += os.read(fd, 1)
    os.close(fd)
    return text.decode().rstrip("\n")


def said(name):
    """Everybody runs until a component says something; this is it."""
    end = os.open(f"{FIFOS}/{name}.out", os.O_RDONLY | os.O_NONBLOCK)
    text = b""

    def look():
        nonlocal text
        while not text.endswith(b"\n") and select.select([end], [], [], 0)[0]:
            text += os.read(end, 1)
        return text.endswith(b"\n")

    yield look
    os.close(end)
    return text.decode().rstrip("\n")


signals = []
gdb.events.stop.connect(lambda event: signals.append(event.stop_signal)
                        if isinstance(event, gdb.SignalEvent) else None)


def current():
    """Name of the current component."""
    return sys.modules["tproc.debugger"].debugger.component().name


def later(function):
    """Runs a function in a thread of its own, beside GDB."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def all_stopped(count):
    """There are so many threads, and they stand still."""
    threads = [thread for inferior in gdb.inferiors() for thread in inferior.threads()]
    return len(threads) >= count and all(thread.is_stopped() for thread in threads)


def reads_input(pid):
    """A process waits for its standard input: it is through with its start."""
    try:
        with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
            return file.read().startswith("0 0x0 ")
    except OSError:
        return False


def failed():
    traceback.print_exc(file=sys.stdout)
    sys.stdout.flush()
    gdb.execute("quit 1")


def passed():
    print("the script came to its end")
    sys.stdout.flush()
    gdb.execute("quit 0")


def test_in_loop(body):
    """Runs a script beside GDB's event loop: the body of a generator, which yields conditions.

    It goes on when the condition that it yielded holds.  What stands before a line "---" is carried out
    before the loop, as from the command line.
    """
    first, separator, rest = body.partition("\n---\n")
    if separator:
        exec(compile(first, "script", "exec"), globals())  # pylint: disable=exec-used
        body = rest
    source = "def steps():\n" + textwrap.indent(body, "    ") + "\n    yield lambda: True\n"
    exec(compile(source, "script", "exec"), globals())  # pylint: disable=exec-used
    steps = globals()["steps"]()
    waiting_for = lambda: True  # pylint: disable=unnecessary-lambda-assignment
    busy = False

    def look():
        """Commands that wait come back here while they do."""
        nonlocal waiting_for, busy
        try:
            while not busy and waiting_for():
                busy = True
                waiting_for = next(steps)
                busy = False
        except StopIteration:
            print("the script came to its end", flush=True)
            return
        except BaseException:  # pylint: disable=broad-except
            traceback.print_exc(file=sys.stdout)
            print("the script failed", flush=True)
            return
        select.select([], [], [], 0.002)
        gdb.post_event(look)

    gdb.post_event(look)


def test(body):
    """Runs a script; GDB's exit status and the last line tell how it went."""
    try:
        exec(compile(body, "script", "exec"), globals())  # pylint: disable=exec-used
    except BaseException:  # pylint: disable=broad-except
        failed()
    passed()
