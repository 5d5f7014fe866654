#!/usr/bin/env python3
"""Checks who includes whom, and some house rules, over the whole source tree.

Arrows run only downwards.  MAY says for each part what its #include "..." lines may name;
what is listed in NEVER is refused even where a MAY would let it through.  Paths are
prefixes from the top of the tree; "tproc/" is include/tproc/.
"""

import pathlib
import platform
import re
import subprocess
import sys

ABI = "tproc/"
BASE = "lib/base/"
LIBELF = ["libelf.h", "gelf.h", "elfutils/", "dwarf.h"]
# The kernel's own headers and those the compiler brings: they hold no code of libc.
FREESTANDING = ["asm/", "linux/", "stddef.h", "stdint.h", "stdbool.h", "stdarg.h",
                "stdatomic.h", "limits.h", "cpuid.h"]

# Part -> what its files may include with quotes.  The longest prefix decides.
MAY = {
    "include/": [ABI],
    "lib/base/": [BASE],
    "lib/tproc/": ["lib/tproc/", ABI],
    "lib/read/": ["lib/read/", BASE, ABI],
    "lib/types/": ["lib/types/", "lib/read/", BASE, ABI],
    "lib/unwind/": ["lib/unwind/", "lib/read/", BASE, ABI],
    "loader/wire.h": [],
    "loader/packet": ["loader/packet.h", "loader/wire.h", BASE],
    "loader/quarantine": ["loader/quarantine.h", BASE, ABI],
    "loader/patch/": ["loader/patch/", ABI],
    "loader/agent/": ["loader/agent/", "loader/patch/", ABI],
    "loader/guard/": [ABI],
    "loader/server/": ["loader/server/", "loader/wire.h", "loader/packet.h", "loader/patch/",
                       "loader/quarantine.h", "loader/agent/plan.h", "loader/agent/slot.h", BASE, ABI],
    "loader/client/": ["loader/client/", "loader/wire.h", "loader/packet.h",
                       "loader/quarantine.h", BASE],
    "inspect/": ["inspect/", "lib/types/", "lib/unwind/", "lib/read/", BASE, ABI],
    "gdb/": ["gdb/", ABI],
    "examples/": ["scene.h"],
    "tests/": ["tests/", "lib/", "loader/", "inspect/", ABI],
    "tools/": ["lib/base/", "loader/client/", "loader/wire.h", "loader/packet.h", ABI],
}

# Part -> what its files must not include in either way, with a word on why.
NEVER = {
    "include/": ([BASE, "lib/", "loader/"], "the contract depends on nothing"),
    "lib/base/": (LIBELF + [ABI], "knows neither ELF nor the registry"),
    "lib/tproc/": (LIBELF + ["stdio.h", "stdlib.h"], "does not print, exit or allocate"),
    "lib/read/": (["loader/"], "readers stand without the loader"),
    "lib/types/": (["loader/"], "readers stand without the loader"),
    "lib/unwind/": (["loader/"], "readers stand without the loader"),
    "inspect/": (["loader/"], "readers stand without the loader"),
    "gdb/": (["loader/"], "readers stand without the loader"),
    "loader/": (["lib/read/", "inspect/"], "the loader does not read what it writes"),
    "loader/client/": (["tproc/abi.h"] + LIBELF, "talks to the server only"),
    "": (["tests/"], "nothing needs a test"),
}
# Code that runs without a libc: nothing but these, and its own.
WITHOUT_LIBC = ["loader/agent/", "loader/guard/", "loader/patch/", "include/"]

SOURCE = {".c", ".h", ".cc", ".S"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
MAX_LINES = 800
# Built from pieces, so that this file passes its own test.
MACHINE_PATH = re.compile(r"(?<![\w.$}/])/(?:work|farm|" + r"home/\w+|root)/\w")
SLEEPS = re.compile(r"(?<![\w.])(?:u|nano|time\.)?sleep" + r"\s*\(")
SHELL_SLEEPS = re.compile(r"^\s*sleep" + r"\s+[\d.]", re.MULTILINE)


def part_of(path, table):
    """The longest prefix in table that path begins with, or None."""
    fitting = [prefix for prefix in table if path.startswith(prefix)]
    return max(fitting, key=len) if fitting else None


def resolve(path, name, root):
    """The name an include has from the top of the tree; a file beside comes first."""
    part = pathlib.PurePosixPath(part_of(path, MAY))
    arch = part / "arch" / platform.machine()
    for directory in (pathlib.PurePosixPath(path).parent, part, arch):
        if (root / directory / name).is_file():
            return str(directory / name)
    return name


def is_beside(path, name):
    return pathlib.PurePosixPath(name).parent == pathlib.PurePosixPath(path).parent


def begins_with(name, prefixes):
    return any(name == prefix or name.startswith(prefix) for prefix in prefixes)


def include_errors(path, text, root):
    """What is wrong with the includes of one source file, as messages."""
    part = part_of(path, MAY)
    if part is None:
        yield "belongs to no part: name it in tests/layering/layering.py"
        return
    for quote, written in INCLUDE.findall(text):
        quoted = quote == '"'
        name = resolve(path, written, root) if quoted else written
        if quoted and not begins_with(name, MAY[part]) and not is_beside(path, name):
            yield f"{part} may not include {name}"
        for prefix, (refused, why) in NEVER.items():
            if path.startswith(prefix) and begins_with(name, refused) and part != "tests/":
                yield f"must not include {name}: {why}"
        if begins_with(path, WITHOUT_LIBC) and not quoted \
                and not begins_with(name, FREESTANDING + [ABI]):
            yield f"runs without a libc and must not include <{name}>"


def house_errors(path, text):
    """Rules for every file, whatever its part."""
    lines = text.count("\n")
    if pathlib.PurePosixPath(path).suffix in SOURCE | {".py"} and lines > MAX_LINES:
        yield f"has {lines} lines: {MAX_LINES} are the most"
    if MACHINE_PATH.search(text):
        yield f"names a path of one machine: {MACHINE_PATH.search(text).group(0)}"
    if path.startswith("tests/") and (SLEEPS.search(text) or SHELL_SLEEPS.search(text)):
        yield "waits for time: tests wait for events"


def files(root):
    """Everything that belongs to the project: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if listed.returncode == 0 and listed.stdout:
        names = listed.stdout.decode().split("\0")
    else:
        names = [str(path.relative_to(root)) for path in root.rglob("*")]
    for name in sorted(names):
        hidden = name.startswith((".git/", "build"))
        if name and not hidden and (root / name).is_file():
            yield name


def check(root):
    errors = []
    for path in files(root):
        try:
            text = (root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # binary test data
        errors += [f"{path}: {error}" for error in house_errors(path, text)]
        if pathlib.PurePosixPath(path).suffix in SOURCE:
            errors += [f"{path}: {error}" for error in include_errors(path, text, root)]
    return errors


def main():
    errors = check(pathlib.Path(sys.argv[1]).resolve())
    print(*errors, sep="\n", end="\n" if errors else "")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
