"""Runs one script and tells everything about it that a user could notice."""

import dataclasses
import hashlib
import os
import pathlib
import random
import re
import select
import shlex
import shutil
import signal
import stat
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
# Of the soft limit of POSIX message queues' bytes, which marks a case's processes.  Another in
# each run, should one that was killed have left some behind.
FIRST_TAG = random.randrange(100, 800) * 1000
PATIENCE = 10
LIMIT_LINE = re.compile(r"^Max msgqueue size +(\d+) ", re.MULTILINE)


@dataclasses.dataclass
class Outcome:
    """What a run left behind."""

    stdout: bytes
    stderr: bytes
    status: int  # as subprocess has it: -N is a death by signal N
    files: list
    leftovers: list
    timed_out: bool = False

    def report(self):
        """As lines of text, to be compared."""
        lines = [f"signal {-self.status}" if self.status < 0 else f"status {self.status}"]
        if self.timed_out:
            lines = ["not at an end when its time was over"]
        for name, text in (("stdout", self.stdout), ("stderr", self.stderr)):
            lines += [f"{name}: {line}" for line in
                      text.decode(errors="backslashreplace").split("\n")]
        lines += [f"file: {file}" for file in self.files]
        lines += [f"left: {name}" for name in self.leftovers]
        return lines


def describe_file(path, root):
    """One file of a tree, without what no two runs have in common."""
    info = path.lstat()
    name, mode = path.relative_to(root), stat.filemode(info.st_mode)
    if stat.S_ISLNK(info.st_mode):
        return f"{mode} {name} -> {os.readlink(path)}".replace(str(root), "$D")
    if stat.S_ISREG(info.st_mode) and path.name.split(".")[0] != "core":
        try:
            return f"{mode} {name} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
        except PermissionError:
            return f"{mode} {name} unreadable"
    return f"{mode} {name}"


def tree(root):
    """All files under a directory."""
    return sorted(describe_file(path, root) for path in pathlib.Path(root).rglob("*"))


# A server that a case starts is the space's, not the case's.
NOT_OURS = {"tpserver", "tproc-agent"}
# What stays as long as a program does.
COMPANIONS = {"tprun", "group-witness"}


def tagged(tag):
    """(pid, name) of the processes that carry the tag."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            limits = pathlib.Path("/proc", entry, "limits").read_text(encoding="ascii")
            match = LIMIT_LINE.search(limits)
            if match and int(match[1]) == tag:
                name = pathlib.Path("/proc", entry, "comm").read_text(encoding="utf-8",
                                                                    errors="replace")
                if name.rstrip("\n") not in NOT_OURS:
                    found.append((int(entry), name.rstrip("\n")))
        except OSError:
            continue
    return found


def wait_for_one(pids, seconds):
    """Waits until one of the processes ends."""
    poller = select.poll()
    fds = []
    try:
        for pid in pids:
            try:
                fds.append(os.pidfd_open(pid))
            except ProcessLookupError:
                return
            poller.register(fds[-1], select.POLLIN)
        poller.poll(seconds * 1000)
    finally:
        for fd in fds:
            os.close(fd)


def settle(tag, expected):
    """The names of what is left, once that is what is expected, or does not change any more."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = tagged(tag)
        names = sorted(name for _, name in found)
        if [name for name in names if name not in COMPANIONS or not expected] == \
                sorted(expected) or time.monotonic() > deadline:
            return names
        wait_for_one([pid for pid, _ in found], 0.05)


def kill_tagged(tag):
    """Ends everything that carries the tag."""
    deadline = time.monotonic() + PATIENCE
    while (found := tagged(tag)) and time.monotonic() < deadline:
        for pid, _ in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        wait_for_one([pid for pid, _ in found], 0.05)


class Execution:
    """One script in a directory of its own; `prefix` is what $T stands for."""

    def __init__(self, case, directory, tag, prefix, variables, env):
        self.case, self.directory, self.tag = case, pathlib.Path(directory), tag
        words = {"T": prefix, "TAG": str(tag), "D": str(directory), "F": str(HERE), **variables}
        setup = "; ".join(f"{name}={shlex.quote(value)}" for name, value in words.items())
        self.command = f"{setup}; . {shlex.quote(str(HERE))}/prelude.sh\n{case.script}"
        self.env = {**env, "HOME": str(directory)}
        self.process = None

    def start(self):
        """Starts it, in a process group of its own."""
        self.directory.mkdir(parents=True)
        self.process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-c", self.command, "bash"], cwd=self.directory,
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, process_group=0)

    def _normal(self, output):
        """Without what no two runs have in common."""
        output = output.replace(str(self.directory).encode(), b"$D")
        output = output.replace(str(self.tag).encode(), b"$TAG")
        return re.sub(rb"(bash: line \d+:) +\d+ ", rb"\1 PID ", output)

    def finish(self):
        """Waits for its end, and for the end of its output; the Outcome."""
        timed_out = False
        try:
            stdout, stderr = self.process.communicate(timeout=self.case.timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            kill_tagged(self.tag)
            stdout, stderr = self.process.communicate()
            timed_out = True
        leftovers = settle(self.tag, self.case.leaves)
        if self.case.leaves:
            leftovers = [name for name in leftovers if name not in COMPANIONS]
        kill_tagged(self.tag)
        outcome = Outcome(self._normal(stdout), self._normal(stderr), self.process.returncode,
                          tree(self.directory), leftovers, timed_out)
        shutil.rmtree(self.directory, ignore_errors=True)
        return outcome
