"""Where a space keeps its socket and its registry (lib/base/space_dir.h).  Never imports gdb."""

import os
import pathlib
import re
import stat

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,62}")
DEFAULT = "default"


class NoSpace(Exception):
    """There is no such space, or it is not the user's."""


def _base():
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/"):
        return pathlib.Path(runtime) / "tproc"
    return pathlib.Path(f"/tmp/tproc-{os.geteuid()}")


def _is_private(path):
    info = os.lstat(path)
    return stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid() and not info.st_mode & 0o77


def names():
    """The user's spaces."""
    try:
        return sorted(entry.name for entry in _base().iterdir() if (entry / "socket").exists())
    except OSError:
        return []


def chosen(name=None):
    """The space to use: that of the name, of the environment, or the default."""
    name = name or os.environ.get("TPROC_SPACE") or DEFAULT
    if not NAME.fullmatch(name):
        raise NoSpace(f"not a name of a space: {name!r}")
    return name


def directory(name):
    """The directory of a space, which has to be the user's own."""
    path = _base() / chosen(name)
    try:
        if not _is_private(path.parent) or not _is_private(path):
            raise NoSpace(f"{path} is not private to you")
    except OSError as error:
        others = ", ".join(names())
        raise NoSpace(f"there is no space {chosen(name)}"
                      + (f" (there is {others})" if others else "")) from error
    return path
