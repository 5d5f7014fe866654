"""Whether processes live."""

import contextlib
import os

import gdb


def is_alive(pid):
    """A process that has ended may still wait to be collected."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _is_over(pid):
    """It has ended, all of it: its first thread may be gone before others are."""
    try:
        return not any(is_alive(f"{pid}/task/{task}") for task in os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return False


def collect(inferior):
    """Has GDB collect one that has ended, if it does not know that yet.  True if it was so.

    It is about to be detached, and GDB 13 aborts when it detaches what is not there any more.
    """
    if not inferior.pid or not _is_over(inferior.pid):
        return False
    with contextlib.suppress(gdb.error):
        gdb.execute(f"kill inferiors {inferior.num}", to_string=True)
    return True
