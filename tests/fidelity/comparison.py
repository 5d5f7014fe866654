"""Runs cases natively and in a space, and compares."""

import dataclasses
import difflib
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
# pylint: disable=wrong-import-position
from execution import FIRST_TAG, PATIENCE, Execution
from space import Space, command, fd_count

LIMITS = HERE.parent.parent / "docs/LIMITS.md"
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
SHOWN_LINES = 60
SHOWN_WIDTH = 400

# What lives in the shared space all the while, until its input ends.
NEIGHBOURS = (
    ("cat",),
    ("perl", "-e", "my $much = 'x' x (50 << 20); <STDIN>"),
)


@dataclasses.dataclass
class Verdict:
    """How a case went."""

    name: str
    result: str
    note: str = ""
    details: list = dataclasses.field(default_factory=list)


def anchors():
    """The places in docs/LIMITS.md that can be named."""
    return set(re.findall(r'<a id="([^"]+)">', LIMITS.read_text(encoding="utf-8")))


def why_skip(case, slow):
    """A reason not to run the case, or None."""
    if "slow" in case.flags and not slow:
        return "slow (--slow)"
    if "root" in case.flags and os.geteuid():
        return "needs root"
    if "user" in case.flags and not os.geteuid():
        return "not as root"
    missing = [name for name in case.needs
               if not (os.path.exists(name) if "/" in name else shutil.which(name, path=SEARCH))]
    return f"not installed: {', '.join(missing)}" if missing else None


def difference(native, other, title):
    """Lines that tell two outcomes apart; empty when nothing does."""
    lines = list(difflib.unified_diff(native.report(), other.report(), "native", title, n=2,
                                      lineterm=""))
    if len(lines) > SHOWN_LINES:
        lines[SHOWN_LINES:] = [f"... {len(lines) - SHOWN_LINES} more lines"]
    return [textwrap.shorten(line, SHOWN_WIDTH) if len(line) > SHOWN_WIDTH else line
            for line in lines]


class Comparison:
    """The scratch directory, the shared space and its neighbours."""

    def __init__(self, build, once=False):
        self.build, self.once = build, once
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="fidelity-"))
        self.scratch.chmod(0o755)
        self.numbers = itertools.count()
        self.lock = threading.Lock()
        self.fixed_lock = threading.Lock()
        runtime = self.scratch / "run"
        runtime.mkdir(mode=0o700)
        (self.scratch / "cache").mkdir()
        self.space = Space("shared", str(runtime))
        self.env = {"PATH": SEARCH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TERM": "dumb",
                    "XDG_RUNTIME_DIR": str(runtime), "TPROC_SPACE": "shared"}
        self.space.env = self.env
        self.pids = self.space.start()
        self.neighbours = [self.space.popen(*argv, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL) for argv in NEIGHBOURS]
        self.space.until(lambda: self.space.ping()[2] == len(NEIGHBOURS), "the neighbours live")

    def close(self):
        """Ends the neighbours and the space, and removes everything."""
        for process in self.neighbours:
            process.stdin.close()
            process.wait()
        self.space.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    # ---- one case ---------------------------------------------------------------------------

    def _execution(self, case, prefix, space, letter):
        with self.lock:
            number = next(self.numbers)
        programs = str(self.build / "tests/fidelity/programs/fidelity")
        variables = {"P": programs, "I": str(self.build / "tests/integration/programs"),
                     "CACHE": str(self.scratch / "cache"), "TPINSPECT": command("tpinspect"),
                     "TPSERVER": command("tpserver")}
        # the native run and those in a space have directories of the same length
        directory = self.scratch / f"{number:04}{letter}"
        return Execution(case, directory, FIRST_TAG + number, prefix, variables,
                         {**self.env, "TPROC_SPACE": space})

    def _run_native(self, case):
        execution = self._execution(case, "", "shared", "n")
        execution.start()
        return execution.finish()

    def _run_in_space(self, case, copies, space):
        executions = [self._execution(case, command("tprun"), space, letter)
                      for letter in "ab"[:copies]]
        for execution in executions:
            execution.start()
        return [execution.finish() for execution in executions]

    def _run_alone(self, case):
        """In a space that has this case only; it is ended with it."""
        name = case.name.replace("/", ".")
        try:
            return self._run_in_space(case, 1, name)
        finally:
            own = Space(name, str(self.scratch / "run"))
            if own.is_up():
                subprocess.run([command("tpserver"), "--space", name, "--stop"], check=False,
                               env=self.env, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, timeout=PATIENCE)

    def judge(self, case, slow):
        """Runs one case; its Verdict."""
        if reason := why_skip(case, slow):
            return Verdict(case.name, SKIPPED, reason)
        if case.differs and case.differs not in anchors():
            return Verdict(case.name, FAILED, f"docs/LIMITS.md has no {case.differs}")
        native = self._run_native(case)
        if native.timed_out:
            return Verdict(case.name, FAILED, "natively not at an end in time", native.report())
        if "alone" in case.flags:
            outcomes = self._run_alone(case)
        elif "fixed" in case.flags:
            with self.fixed_lock:
                outcomes = self._run_in_space(case, 1, "shared")
        else:
            outcomes = self._run_in_space(case, 1 if self.once else 2, "shared")
        details = []
        for number, outcome in enumerate(outcomes, 1):
            lines = difference(native, outcome, "in the space" if len(outcomes) == 1 else
                               f"in the space, {number} of {len(outcomes)}")
            if bool(lines) != bool(case.differs):
                details += lines or ["does not differ any more:", *native.report()]
        if details:
            return Verdict(case.name, FAILED, "", details)
        return Verdict(case.name, PASSED, case.differs and f"differs: LIMITS.md#{case.differs}")

    # ---- what all together left behind --------------------------------------------------------

    def judge_space(self):
        """After all cases: the space is as it was before them."""
        details = []
        if self.space.ping()[:2] != self.pids:
            details.append("server or agent was replaced")
        try:
            self.space.until(lambda: self.space.ping()[2] == len(NEIGHBOURS),
                             "only the neighbours live")
            # what the server keeps for a neighbour: connection and pidfd; the rest is its own
            for pid, most in zip(self.pids, (40, 4)):
                self.space.until(lambda p=pid, m=most: fd_count(p) <= m,
                                 f"{most} descriptors at most in process {pid}")
        except AssertionError as error:
            details.append(str(error))
        if log := self.space.log():
            details += ["server.log:", *log.splitlines()]
        return Verdict("space/afterwards", FAILED if details else PASSED, "", details)
