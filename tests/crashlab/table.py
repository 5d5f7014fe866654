"""The cases of tools/crashlab, from the tables beside this file.

    NAME | HOW | ENDS | FUNCTION @ADDRESS | WORDS | LOCK: OUTCOME

HOW         arguments of crashlab-faulty, behind options of tprun (--...); "$ COMMAND" another command; "! WAY ARGUMENT..." a function
            of ways.py.  {variable} and the like are addresses that the component "partner" offers
            (programs/neighbour.c), {gone.variable} those of one that has exited.
ENDS        SEGV or another signal, or "exit 7"; then "unrecorded" when there can be no record, "half"
            when it was not finished, "untold" when the server hears of it only if it happens to look; then ", natively ENDS" when that cannot be the same outside,
            "-" when nobody tries.
FUNCTION    the symbol of pc, "-" when it has none, "*" when it does not matter.
ADDRESS     the fault address in hexadecimal, "-" when the signal has none, "*" when it does not
            matter, or its owner: "partner", "gone", "self", with "/PLACE" as tpinspect has it.
WORDS       a regular expression for what the report says.
LOCK        of the partner's, and what trying it then says.
"""

import itertools
import re
import shlex
import signal
from typing import NamedTuple


class TableError(Exception):
    """A line that cannot be understood."""


class Ends(NamedTuple):
    """How a program ends."""

    status: int  # as subprocess has it: -N by signal N
    record: str = "complete"  # complete, half, untold or unrecorded
    native: object = None  # status outside; None: nobody tries


class Case(NamedTuple):
    """A line of a table."""

    name: str
    how: str
    ends: Ends
    function: str
    address: str
    words: str
    lock: str
    outcome: str

    @property
    def needs_partner(self):
        """True when it is about memory of another one that lives."""
        return bool(re.search(r"\{(?!gone\.|programs|scratch)", self.how))

    @property
    def needs_gone(self):
        """True when it is about memory of another one that has exited."""
        return "{gone." in self.how

    @property
    def options(self):
        """Those of tprun."""
        return list(itertools.takewhile(lambda word: word.startswith("--"), shlex.split(self.how)))

    def argv(self, places):
        """The command, with addresses and directories put in."""
        words = [re.sub(r"\{([a-z.]+)\}", lambda m: str(places[m[1]]), word)
                 for word in shlex.split(self.how)[len(self.options):]]
        return words[1:] if words[0] == "$" else [f"{places['programs']}/crashlab-faulty", *words]


def parse_status(text):
    """A signal's name, or "exit N"."""
    if found := re.fullmatch(r"exit (\d+)", text):
        return int(found[1])
    try:
        return -signal.Signals["SIG" + text]
    except KeyError:
        raise TableError(f"no signal and no status: {text}") from None


def parse_ends(text):
    """The column ENDS."""
    found = re.fullmatch(r"(exit \d+|[A-Z]+)(?: (unrecorded|half|untold))?(?:, natively (.+))?", text)
    if not found:
        raise TableError(f"no way to end: {text}")
    status = parse_status(found[1])
    native = status
    if found[3]:
        native = None if found[3] == "-" else parse_status(found[3])
    return Ends(status, found[2] or ("complete" if status < 0 else "unrecorded"), native)


def parse_line(line):
    """A case."""
    columns = [c.strip() for c in re.split(r"(?<=\s)\|(?=\s|$)", line)]
    if not 3 <= len(columns) <= 6:
        raise TableError(f"{len(columns)} columns")
    name, how, ends, where, words, lock = columns + [""] * (6 - len(columns))
    found = re.fullmatch(r"(\S+) @(\S+)", where or "* @*")
    if not found:
        raise TableError(f"no place: {where}")
    re.compile(words)
    lock, _, outcome = lock.partition(": ")
    return Case(name, how, parse_ends(ends), found[1], found[2], words, lock, outcome)


def load(directory):
    """All cases, in order."""
    cases = {}
    for path in sorted(directory.glob("*.cases")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                case = parse_line(line)
                if case.name in cases:
                    raise TableError(f"{case.name} is there twice")
            except TableError as error:
                raise TableError(f"{path}:{number}: {error}") from None
            cases[case.name] = case
    return list(cases.values())
