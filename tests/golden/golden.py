#!/usr/bin/env python3
"""Compares what tpinspect answers in JSON on a fixed scene with what it is known to answer.

Usage: golden.py [--update] [NAME...]

TPROC_BUILD names the build directory.  The cases are in cases.txt, the answers beside it.
"""

import difflib
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

from space import BUILD, Space, TIMEOUT, command  # noqa: E402

# Verbs that have no answer to compare, and why.
WITHOUT = {"quit": "says nothing", "follow": "waits for what happens",
           "watch": "waits for what happens",
           "dump-core": "writes a file", "report": "writes a file"}

# What is another one each time, by its key.
BY_KEY = {
    "pid": "PID", "tid": "TID", "thread": "TID", "server_pid": "PID", "agent_pid": "PID",
    "launcher_pid": "PID", "build_id": "BUILD-ID", "inode": "INODE", "device": "DEVICE",
    "uptime": "TIME", "mapped": "BYTES", "reserved": "BYTES", "resident": "BYTES",
    "dirty": "BYTES", "swapped": "BYTES", "symbol_count": "COUNT", "bytes_read": "BYTES",
    "pages": "PAGES",
}
# The same in a text, in this order.  Small numbers are no addresses.
IN_TEXT = [
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+Z?)?"), "TIME"),
    (re.compile(r"0x[0-9a-f]{5,}"), "ADDRESS"),
    (re.compile(r"(pipe|socket):\[\d+\]"), r"\1:[INODE]"),
    (re.compile(r"\b(pid|tid|thread) \d+"), r"\1 NUMBER"),
]


def normalised(value, key=None):
    """An answer without what differs from run to run."""
    if isinstance(value, dict):
        return {k: normalised(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [normalised(v, key) for v in value]
    if key and value is not None:
        if key in BY_KEY:
            return BY_KEY[key]
        if key.endswith("_ns"):
            return "TIME"
    if isinstance(value, str):
        value = value.replace(str(BUILD), "BUILD")
        # the compiler was called in the build directory
        value = re.sub(r"^.*tests/golden/scene\.c$", "tests/golden/scene.c", value)
        for pattern, word in IN_TEXT:
            value = pattern.sub(word, value)
    return value


class Scene:
    """A space with two components that play the scene, `one` and `two`, and one that has ended."""

    def __init__(self):
        self.space = Space("golden")
        self.running = []
        self.addresses = {}

    def __enter__(self):
        program = str(BUILD / "tests/golden/golden_scene")
        one = self.start("one", program)
        two = self.start("two", program, one["node"])
        self.ended("three")
        self.space.until(self.all_wait, "every thread waits")
        self.addresses = {**one, **{f"two.{name}": address for name, address in two.items()}}
        return self

    def __exit__(self, *_):
        for process in self.running:
            process.kill()
            process.wait(TIMEOUT)
        self.space.close()

    def start(self, name, *argv):
        """Starts a component; the addresses that it tells."""
        process = self.space.popen(*argv, options=["-n", name], stderr=subprocess.DEVNULL,
                                   cwd="/")
        self.running.append(process)
        lines = iter(process.stdout.readline, "ready\n")
        return dict(line.split() for line in lines if line or sys.exit(f"{name} did not start"))

    def ended(self, name):
        """A component that ended after the server had seen all of it."""
        process = self.space.popen("/bin/sh", "-c", "read line; exit 3", options=["-n", name],
                                   cwd="/", stdin=subprocess.PIPE)
        self.space.until(lambda: any(tp["name"] == name and tp["cwd"]
                                     for tp in self.space.threadprocs()), f"{name} is known")
        process.communicate("\n", timeout=TIMEOUT)

    def all_wait(self):
        """Whether each thread has come to where it stays."""
        for tp in self.space.threadprocs("running"):
            for task in pathlib.Path(f"/proc/{tp['pid']}/task").iterdir():
                state = (task / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "S":
                    return False
        return True

    def filled_in(self, line):
        """A command with the addresses that it names."""
        for name, address in self.addresses.items():
            line = line.replace("{" + name + "}", address)
        return line

    def answer(self, line):
        """What tpinspect answers in JSON, as text."""
        done = subprocess.run([command("tpinspect"), "-s", self.space.name, "--json", "-c",
                               self.filled_in(line)],
                              env=self.space.env, check=False, text=True, timeout=TIMEOUT,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return done.stdout

    def ask(self, line):
        """The same as an object; what is no JSON is shown as what it is."""
        text = self.answer(line)
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return {"no JSON": text}


def cases():
    """(name, command) of each."""
    for line in (HERE / "cases.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, asked = line.split(maxsplit=1)
            yield name, asked


def without_case(scene):
    """Verbs that nobody asks."""
    verbs = {verb["verb"] for verb in scene.ask("help")["verbs"]}
    asked = {re.match(r"[a-z-]+", asked).group(0) for _, asked in cases()}
    return sorted(verbs - asked - set(WITHOUT))


def compare(name, answer, update):
    """Prints how an answer differs from the one that is known; True when it does not."""
    path = HERE / f"{name}.json"
    found = json.dumps(normalised(answer), indent=2, ensure_ascii=False) + "\n"
    known = path.read_text(encoding="utf-8") if path.exists() else ""
    if found == known:
        return True
    if update:
        path.write_text(found, encoding="utf-8")
        print(f"{path.name}: updated")
        return True
    print(*difflib.unified_diff(known.splitlines(), found.splitlines(), path.name, "now",
                                lineterm=""), sep="\n")
    return False


def main():
    update = "--update" in sys.argv[1:]
    wanted = [word for word in sys.argv[1:] if word != "--update"]
    failed = 0
    with Scene() as scene:
        for name, asked in cases():
            if not wanted or name in wanted:
                failed += not compare(name, scene.ask(asked), update)
        for verb in without_case(scene):
            print(f"no case asks '{verb}': add one to {HERE.name}/cases.txt")
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ.pop("TPROC_SPACE", None)
    sys.exit(main())
