"""A tpinspect that watches memory for this debugger, and tells who accesses it.  Never imports gdb.

The processor's debug registers are the kernel's to give out (perf_event_open), so they are gone
when the process that asked for them is: tpinspect ends with its input, which GDB's end closes.
"""

import json
import queue
import subprocess
import threading

from . import tools

PATIENCE = 20  # seconds


class Failed(Exception):
    """tpinspect cannot watch."""


def _tpinspect():
    found = tools.find("tpinspect", "inspect")
    if not found:
        raise Failed("tpinspect, which watches memory, is not installed")
    return found


class Hits:
    """One address that is watched."""

    def __init__(self, space, number, address, length, reads, on_hit, start_thread):
        """on_hit is called with each hit, in another thread."""
        verb = f"watch --bt --attend {number} {'--access ' if reads else ''}{address:#x},{length}"
        self._process = subprocess.Popen(
            [_tpinspect(), "-s", space, "--json", "-c", verb], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self._on_hit = on_hit
        self._answers = queue.Queue()
        self._problem = ""
        self._thread = threading.Thread(target=self._listen)
        start_thread(self._thread)
        try:
            self.notice = self._answer()["watching"]
        except Failed:
            self.close()
            raise

    def _listen(self):
        for line in self._process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                self._said(line)
                continue
            if isinstance(message, dict) and "hit" in message:
                self._on_hit(message)
            elif isinstance(message, dict):
                self._answers.put(message)
        self._answers.put(None)

    def _said(self, line):
        """Why it ends, which it says at once as text and as JSON of several lines."""
        text = line.decode("utf-8", "replace")
        if text.startswith("tpinspect: "):
            self._problem = text.partition(": ")[2].strip()

    def _answer(self):
        try:
            answer = self._answers.get(timeout=PATIENCE)
        except queue.Empty:
            answer = None
        if answer is None:
            raise Failed(self._problem or "tpinspect has ended")
        return answer

    def order(self, what, pid):
        """"trap" or "untrap": the threads of a process stop at the access, or do not.

        "spare": its children are not watched, for want of debug registers.  Returns whether they are.
        """
        try:
            self._process.stdin.write(f"{what} {pid}\n".encode())
            self._process.stdin.flush()
        except (OSError, ValueError) as error:  # ended, or closed by us
            raise Failed(self._problem or "tpinspect has ended") from error
        answer = self._answer()
        if answer["error"]:
            raise Failed(answer["error"])
        return answer["children"]

    def close(self):
        try:
            self._process.stdin.close()
        except OSError:
            pass
        self._thread.join(PATIENCE)
        self._process.stdout.close()
        self._process.wait()
