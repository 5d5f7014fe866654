"""Whether a thread may have frames in the code of others, found without unwinding, which takes GDB long.

Such a frame is there only if the program counter or a word of the stack leads into that code.
"""

from array import array

import gdb

MOST = 32 << 10  # bytes; with more between stack pointer and the stack's end, nothing is known
WORD = 8


def _bounds(frame, mine):
    """Where the frames of a thread are, up to the initial data or its thread's block; or None."""
    try:
        low = int(frame.read_register("rsp")) & -WORD
        first, high = mine.main_stack
        if not first <= low < high:
            high = int(frame.read_register("fs_base")) & -WORD
    except (gdb.error, ValueError):  # no such register on this machine
        return None
    return (low, high) if low < high <= low + MOST else None


def _modules(words, registry, mine):
    """Whose text some words lead into."""
    for word in words:
        owner = registry.owner(word).component
        module = owner.module_at(word) if owner and owner.id != mine.id else None
        if module and module.text_lo <= word <= module.text_hi:
            yield module


def foreign_modules(inferior, registry, mine):
    """Modules of others in whose code the selected thread may have frames; None if nothing is known."""
    frame = gdb.newest_frame()
    bounds = _bounds(frame, mine)
    if not bounds:
        return None
    low, high = bounds
    pc = frame.pc()
    data = bytes(inferior.read_memory(low, high - low))
    others = registry.upper_halves(mine)
    if pc >> 32 not in others and others.isdisjoint(array("I", data)[1::2]):
        return []
    words = {word for word in {pc, *array("Q", data)} if word >> 32 in others}
    return list(_modules(words, registry, mine))
