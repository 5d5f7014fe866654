"""tproc owner"""

import gdb

from ..debugger import debugger
from . import Command

WHAT = {"toolkit": "the toolkit's own memory", "kernel": "placed by the kernel (vdso, stacks)",
        "": "nobody's"}


def describe(registry, address):
    """Whose an address is, in words."""
    component, what = registry.owner(address)
    if component is None:
        return WHAT.get(what, "of a component that is forgotten")
    if what == "ended":
        return f"was {component}'s, which has {component.exit_text() or 'gone on by execve'}"
    record = component.record
    module = component.module_at(address)
    if module:
        return f"{component}: {module.path} + {address - module.bias:#x}"
    if record.stack_lo <= address < record.stack_hi:
        return f"{component}: its main thread's stack"
    if record.brk_lo <= address < record.brk_hi:
        return f"{component}: its heap (brk)"
    return f"{component}: its own mappings (heap, thread stacks, files)"


class OwnerOf(Command):
    """Tell whose an address is.

Usage: tproc owner EXPR

EXPR is evaluated in the selected frame; a pointer, or a number.  An lvalue that is no pointer
stands for its address.

Examples:
  (gdb) tproc owner scene
  (gdb) tproc owner 0x101000a56040"""

    NAME = "owner"
    RAW = True
    COMPLETE = gdb.COMPLETE_EXPRESSION

    def run(self, args):
        if not args.strip():
            raise gdb.GdbError("usage: tproc owner EXPR")
        address = address_of(gdb.parse_and_eval(args))
        gdb.write(f"{address:#x}: {describe(debugger.registry(), address)}\n")


def address_of(value):
    """The address that a value means."""
    kind = value.type.strip_typedefs()
    if kind.code in (gdb.TYPE_CODE_REF, getattr(gdb, "TYPE_CODE_RVALUE_REF", gdb.TYPE_CODE_REF)):
        value = value.referenced_value()
        kind = value.type.strip_typedefs()
    if kind.code not in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_INT, gdb.TYPE_CODE_ENUM):
        if value.address is None:
            raise gdb.GdbError("tproc: that is no address, and has none")
        value = value.address
    return int(value.cast(gdb.lookup_type("unsigned long")))


OwnerOf()
