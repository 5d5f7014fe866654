#!/usr/bin/env python3
"""Crashes in a document: is what one reads of them what one sees today?

Usage: crashes.py [--update] DOCUMENT

TPROC_BUILD names the build directory.  A session is made by the script in the comment before it:

    <!-- crash
    start keep party keep       a component in the background; it tells addresses, "NAME ADDRESS",
                                then "ready", and stays until the session ends
    end keep                    ends it, until its memory is gone
    $ tprun --report party read {variable}
    hold tprun --on-crash=wait party ...        in the background from where it is held on
    wait 1 waiters              until `crash 1` has something under that name
    -->
    ```
    (what --update puts there)
    ```

Only lines that begin with $ or hold are shown, with their answers.
"""

import difflib
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

from mask import masked  # noqa: E402
from space import BUILD, Space, TIMEOUT  # noqa: E402

SESSION = re.compile(r"(<!-- crash\n(.*?)-->\n```\n)(.*?)(```\n)", re.DOTALL)
# Whatever is in the libraries of the system differs from one update to the next.
SYSTEM = re.compile(r"^( *#\d+ ).*(\.so\b|\.(c|S|h):\d+\)).*$", re.MULTILINE)
OURS = re.compile(r"\(party\.c:\d+\)")
ADDRESSES = re.compile(r"^  (fault|r[a-z0-9]{1,3}) +0x.*\n", re.MULTILINE)


class Play:
    """A session: a space and what is in it."""

    def __init__(self):
        self.space = Space("demo")
        self.processes = {}
        self.addresses = {}
        self.shown = []
        places = ("loader/client", "inspect", "loader", "tests/integration/programs")
        self.env = dict(self.space.env, TPROC_SPACE="demo", NO_COLOR="1", TZ="UTC",
                        PATH=":".join([*(str(BUILD / p) for p in places), "/usr/bin", "/bin"]))

    def close(self):
        """Ends all of it."""
        for process in self.processes.values():
            process.kill()
            process.communicate()
        self.space.close()

    def popen(self, command):
        """A command in the background."""
        return subprocess.Popen(["/bin/sh", "-c", f"exec {command}"], env=self.env, text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)

    def start(self, name, command):
        """A component that tells where its things are."""
        self.processes[name] = process = self.popen(f"tprun -n {name} {command}")
        for line in iter(process.stdout.readline, "ready\n"):
            key, address = line.split()
            self.addresses[key] = address
        self.space.until_loaded(name)

    def end(self, name):
        """Ends it; its memory goes soon after."""
        slots = [s for tp in self.space.threadprocs() if tp["name"] == name for s in tp["slots"]]
        self.processes.pop(name).communicate("\n", timeout=TIMEOUT)
        spans = [(int(s["lo"], 16), int(s["hi"], 16)) for s in slots]
        self.space.until(lambda: not any(lo <= m.lo < hi for m in self.space.maps()
                                         for lo, hi in spans), f"the memory of {name} is gone")

    def show(self, command, answer):
        """What is to be read."""
        self.shown.append(f"$ {command}\n{answer}".replace(
            f"{self.space.runtime}/state", "~/.local/state"))

    def run(self, command):
        """A command in the foreground; how it ends is what it tells."""
        done = subprocess.run(["/bin/sh", "-c", f"exec {command}"], env=self.env, check=False,
                              text=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.show(command, done.stdout)

    def hold(self, command):
        """A program that will be held where it crashes."""
        self.processes[f"held {len(self.processes)}"] = process = self.popen(command)
        lines = []
        while not lines or "lets go of it" not in lines[-1]:
            lines.append(process.stdout.readline())
            if not lines[-1]:
                sys.exit(f"it ended: {lines}")
        self.show(command, re.sub(r"process \d+ lets", "process 4711 lets", "".join(lines)))

    def wait(self, number, key):
        """Until a report has that."""
        self.space.until(lambda: self.space.inspect(f"crash {number}")["crashes"][0][key],
                         f"{key} of {number}")

    def play(self, script):
        """The whole of it, as text."""
        for line in script.splitlines():
            line = line.format(**self.addresses)
            word, _, rest = line.partition(" ")
            if word in ("start", "wait"):
                getattr(self, word)(*rest.split(" ", 1))
            elif word in ("end", "hold"):
                getattr(self, word)(rest)
            elif word == "$":
                self.run(rest)
            elif line:
                sys.exit(f"what is '{line}'?")
        return "\n".join(self.shown)


def session(script):
    """What is to be read of a script."""
    play = Play()
    try:
        return play.play(script)
    finally:
        play.close()


def comparable(text):
    """A session without what differs from one machine to the next."""
    text = SYSTEM.sub(lambda m: m[0] if OURS.search(m[0]) else m[1] + "SYSTEM", text)
    text = re.sub(r"(?m)^( *#\d+ +SYSTEM\n)+", "SYSTEM\n", text)
    text = re.sub(r", for \d+\.\d s$", "", text, flags=re.MULTILINE)  # not every kernel tells
    return masked(ADDRESSES.sub("", text), BUILD)


def main():
    update = sys.argv[1:2] == ["--update"]
    path = pathlib.Path(sys.argv[-1])
    text = path.read_text(encoding="utf-8")
    found = []
    for match in SESSION.finditer(text):
        now = session(match[2])
        if comparable(now) == comparable(match[3]):
            continue
        found += difflib.unified_diff(comparable(match[3]), comparable(now), "document", "now",
                                      lineterm="")
        text = text.replace(match[0], match[1] + now + match[4])
    if update:
        path.write_text(text, encoding="utf-8")
        return 0
    print(*found, sep="\n", end="")
    return 1 if found else 0


if __name__ == "__main__":
    os.environ.pop("TPROC_SPACE", None)
    sys.exit(main())
