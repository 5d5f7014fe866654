"""Components that wait for a debugger before their first instruction (tprun --wait-debugger).

Such a one sleeps in the toolkit's code with its own stack in place already; how it is to begin then is
no secret: at its entry, with all registers but the stack pointer 0.  So there is no need to let it run
and to catch it again.
"""

import os
import time

import gdb

from .registry import layout

STEP = 0.001  # seconds
PATIENCE = 10  # seconds, for a process that was just made
# what is 0 at a program's start; orig_rax: no system call is to be made again
REGISTERS = {"i386:x86-64": ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11",
                             "r12", "r13", "r14", "r15")}


def waits(component):
    """True when it waits for a debugger, as its record said."""
    return bool(component.record.flags & layout.TP_THREADPROC_WAITS)


def await_sleep(component):
    """What is just being made of its process has to be complete before anybody stops it there."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            with open(f"/proc/{component.pid}/syscall", encoding="ascii") as file:
                words = file.read().split()
        except OSError:
            return  # it has ended, or may not be looked at: the attach will tell
        if len(words) > 1 and words[1] == hex(component.flags_address):
            return
        time.sleep(STEP)


def place(component):
    """Puts the current thread to the component's first instruction; False when it is not asleep there."""
    frame = gdb.newest_frame()
    names = REGISTERS.get(frame.architecture().name())
    if not names or int(frame.read_register("rbp")) != component.flags_address:
        return False
    for name in names:
        gdb.execute(f"set var ${name} = 0", to_string=True)
    gdb.execute("set var $orig_rax = -1", to_string=True)
    gdb.execute(f"set var $pc = {component.first_instruction:#x}", to_string=True)
    return True
