"""Pointers into other components, marked with whose they are ("set tproc mark-pointers on")."""

import gdb

from .debugger import WRONG, debugger
from .frames import parameters


class Pointer:
    """A pointer that leads to another component."""

    def __init__(self, value, owner):
        self._value = value
        self._owner = owner

    def to_string(self):
        return f"{self._value.format_string(raw=True)} [{self._owner}]"


def lookup(value):
    """A printer for a foreign pointer; None for everything else."""
    parameter = parameters.get("mark-pointers")
    if not parameter or not parameter.value or value.type.code != gdb.TYPE_CODE_PTR:
        return None
    try:
        mine = debugger.component()
        owner = debugger.recent_registry().owner(int(value)).component if mine else None
    except (gdb.error, OSError, *WRONG):
        return None
    return Pointer(value, owner) if owner and owner.id != mine.id else None


gdb.pretty_printers.append(lookup)
