"""Loads the tproc commands into GDB: "source tproc-gdb.py", or what tpgdb does."""

import os
import sys

import gdb

_here = os.path.dirname(os.path.realpath(__file__))
if _here not in sys.path:
    sys.path.insert(0, _here)
try:
    import tproc.load  # noqa: F401
except gdb.GdbError as error:
    gdb.write(f"{error}\n", gdb.STDERR)
