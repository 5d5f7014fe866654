"""The tables of cases: one case a line.

    # a comment
    name: SCRIPT
    name [option] [option=value]: SCRIPT

SCRIPT is for bash.  It says `$T PROG` where a user would put tprun before a program; outside a
space $T is empty.  $P-NAME is a program of tests/fidelity/programs, $I/NAME one of
tests/integration/programs, $D the working directory, $CACHE a directory that all cases share;
prelude.sh has functions.  Options:

    slow            only with --slow
    alone           one at a time in a space of its own, instead of two at once with neighbours
    fixed           runs a position-dependent program: one at a time, since these share an address
    root            needs root
    user            needs to be somebody else than root
    needs=A,B       programs (or files, with a slash) without which it is skipped
    leaves=A,B      processes that are left when it ends, by the name the kernel has for them
    differs=ANCHOR  differs in a space, and ANCHOR of docs/LIMITS.md says why
    timeout=N       seconds, instead of 60, or 240 for a slow one
"""

import dataclasses
import pathlib
import re

LINE = re.compile(r"([a-z0-9-]+)((?: \[[^\]]+\])*): (.*)")
FLAGS = {"slow", "alone", "fixed", "root", "user"}
VALUES = {"needs", "leaves", "differs", "timeout"}
TIMEOUT, SLOW_TIMEOUT = 60, 240


@dataclasses.dataclass
class Case:
    """One line of a table."""

    name: str
    script: str
    flags: set = dataclasses.field(default_factory=set)
    needs: list = dataclasses.field(default_factory=list)
    leaves: list = dataclasses.field(default_factory=list)
    differs: str = None
    timeout: float = TIMEOUT


class TableError(Exception):
    """A table that cannot be read; says where."""


def _set_option(case, option):
    name, _, value = option.partition("=")
    if name in FLAGS and not value:
        case.flags.add(name)
    elif name in ("needs", "leaves") and value:
        getattr(case, name).extend(value.split(","))
    elif name == "differs" and value:
        case.differs = value
    elif name == "timeout" and value.isdigit():
        case.timeout = float(value)
    else:
        raise TableError(f"no option [{option}]")


def parse_line(group, text):
    """The case of one line."""
    match = LINE.fullmatch(text)
    if not match:
        raise TableError("expected `name [option]: script`")
    name, options, script = match.groups()
    case = Case(f"{group}/{name}", script)
    for option in re.findall(r"\[([^\]]+)\]", options):
        _set_option(case, option)
    if "slow" in case.flags:
        case.timeout = max(case.timeout, SLOW_TIMEOUT)
    return case


def load(directory):
    """All cases of a directory, in the order of the files' names and lines."""
    cases, seen = [], set()
    for path in sorted(pathlib.Path(directory).glob("*.cases")):
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not text or text.startswith("#"):
                continue
            try:
                case = parse_line(path.stem, text)
                if case.name in seen:
                    raise TableError(f"a second case {case.name}")
            except TableError as error:
                raise TableError(f"{path.name}:{number}: {error}") from None
            seen.add(case.name)
            cases.append(case)
    return cases
