"""Where the toolkit's commands are.  Never imports gdb."""

import os
import pathlib
import shutil

from . import places


def find(name, room):
    """Path of a command: of the same build (room is its place there), installed, or in PATH; or None."""
    built = pathlib.Path(__file__).resolve().parents[2]
    for path in (built / room / name, pathlib.Path(places.BINDIR) / name):
        if os.access(path, os.X_OK):
            return str(path)
    return shutil.which(name)
