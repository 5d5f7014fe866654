#!/usr/bin/env python3
"""Sessions in docs/gdb.md: are they what one sees today?

Usage: tour.py [--update] DOCUMENT

Two components run in one space, left and right, and sessions come one after the other.  A session is made
of the commands in the comment before it.  A line "@NAME TEXT" is told to a component and not shown;
{offer} is the address of a function of right's, {shared} that of a variable of left's, {build} the build
directory.

    <!-- gdb
    tproc list
    -->
    ```
    (what --update puts there)
    ```
"""

import difflib
import pathlib
import re
import subprocess
import sys
import unittest

from gdbtest import BUILD, GdbTest

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "demo"))

import mask  # noqa: E402  pylint: disable=wrong-import-position

SESSION = re.compile(r"(<!-- gdb\n(.*?)-->\n```\n)(.*?)(```\n)", re.DOTALL)
UNWATCHED = re.compile("does not permit watching|no debug registers")
START, END = "--- the session begins", "--- the session ends"


def masked(text, build):
    """Counters of the programs differ as well."""
    return mask.masked(re.sub(r"\b(n|LWP|rounds|Breakpoint)([= ])-?\d+", r"\1\2N", text), build)


class Tour(GdbTest):
    """Not a test by itself: a space with two components."""

    def runTest(self):
        text = DOCUMENT.read_text(encoding="utf-8")
        self.launch("left")
        self.launch("right", program="worker-2")
        self.places = {"{build}": str(BUILD), "{offer}": self.ask("right", "address").split()[1],
                       "{shared}": self.ask("left", "shared").split()[1]}
        if UPDATE:
            DOCUMENT.write_text(SESSION.sub(self.updated, text), encoding="utf-8")
            return
        found = []
        for match in SESSION.finditer(text):
            now = self.session(match[2])
            if UNWATCHED.search(now):  # what it shows cannot be had on this machine
                continue
            found += difflib.unified_diff(masked(match[3], BUILD), masked(now, BUILD), "document",
                                          "now", lineterm="")
        self.assertFalse(found, "\n".join(found))
        self.assertTrue(SESSION.search(text))

    def updated(self, match):
        now = self.session(match[2])
        same = masked(match[3], BUILD) == masked(now, BUILD)
        return match[0] if same else match[1] + now + match[4]

    def session(self, commands):
        """What one sees when these commands are typed."""
        for name, address in self.places.items():
            commands = commands.replace(name, address)
        said = self.run_tour(f"""
print({START!r}, flush=True)
for command in {commands!r}.splitlines():
    if command.startswith("@"):
        tell(*command[1:].split(" ", 1))
        continue
    print("(gdb)", command, flush=True)
    try:
        gdb.execute(command)
    except gdb.error as error:
        print(error, flush=True)
print({END!r}, flush=True)
""")
        lines = said.split(START + "\n")[1].split(END)[0]
        return lines.replace(f"{BUILD}/", "build/").replace("../tests/", "tests/")

    def run_tour(self, body):
        done = subprocess.run(self.command("-batch", "-ex", "set width 0", "-x", self.script(body)),
                              env=self.environment(), check=False, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout


UPDATE = sys.argv[1:2] == ["--update"]
DOCUMENT = pathlib.Path(sys.argv[-1])
RESULT = unittest.TextTestRunner().run(Tour())
sys.exit(0 if RESULT.wasSuccessful() else 1)
