"""Convenience functions: $tproc, $tproc_owner, $tproc_name."""

import gdb

from .commands.owner import address_of
from .debugger import debugger, told


class Inferior(gdb.Function):
    """The inferior that is attached to a component: $tproc("NAME").

0 when it is not attached.

Example:
  (gdb) inferior $tproc("printstr")"""

    def __init__(self):
        super().__init__("tproc")

    def invoke(self, name):
        name = name.string()
        return next((inferior.num for inferior, component in debugger.attached()
                     if name in (component.name, str(component.id))), 0)


class Owner(gdb.Function):
    """The id of the component that an address belongs to: $tproc_owner(ADDR).

0 when it belongs to none.

Example:
  (gdb) tproc break printstr show if $tproc_owner(s) != $tproc_owner(&s)"""

    def __init__(self):
        super().__init__("tproc_owner")

    def invoke(self, address):
        with told():
            component = debugger.registry().owner(address_of(address)).component
        return component.id if component else 0


class Name(gdb.Function):
    """The name of the component that an address belongs to: $tproc_name(ADDR).

Empty when it belongs to none.

Example:
  (gdb) printf "%s\\n", $tproc_name(scene)"""

    def __init__(self):
        super().__init__("tproc_name")

    def invoke(self, address):
        with told():
            component = debugger.registry().owner(address_of(address)).component
        return component.name if component else ""


Inferior()
Owner()
Name()
