"""The prompt tells the current component, where the prompt is GDB's own."""

import gdb

from .debugger import debugger
from .frames import parameters

PLAIN = "(gdb) "


def hook(current):
    """What GDB is to show; None leaves it as it is."""
    if not parameters["prompt"].value or gdb.parameter("prompt") not in (PLAIN, current):
        return None
    component = debugger.components.get(gdb.selected_inferior().num)
    return f"(gdb {component.name}) " if component else PLAIN


def install():
    if gdb.prompt_hook is None and gdb.parameter("prompt") == PLAIN:
        gdb.prompt_hook = hook
