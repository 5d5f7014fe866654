#!/usr/bin/env python3
"""Debug files that come from a server: how far they are, and that nobody has to wait for them."""

import contextlib
import ctypes
import http.server
import pathlib
import shutil
import subprocess
import threading
import unittest

import space
from space import SpaceTest, TIMEOUT, command, program, tool
from terminal import CTRL_C, CTRL_D, Terminal

SIZE = 1 << 20


class Handler(http.server.BaseHTTPRequestHandler):
    """Sends the first half of whatever is asked for, and the rest when it is told to."""

    def do_GET(self):
        """The one request there is."""
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(SIZE))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(bytes(SIZE // 2))
            self.wfile.flush()
            self.server.released.wait(TIMEOUT)

    def log_message(self, *_):
        """Not in the middle of a test's output."""


class Download(SpaceTest):
    """A stripped program, and a server that takes its time."""

    def setUp(self):
        super().setUp()
        try:
            ctypes.CDLL("libdebuginfod.so.1")
        except OSError:
            raise unittest.SkipTest("elfutils' client is not installed") from None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.asked = []
        self.server.released = threading.Event()
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.addCleanup(self.server.released.set)
        self.stripped = pathlib.Path(self.space.runtime) / "stripped"
        shutil.copy(program("cxx"), self.stripped)
        subprocess.run([tool("objcopy"), "--strip-all", self.stripped], check=True,
                       timeout=TIMEOUT)

    def test_ctrl_c(self):
        """It is shown how far the file is; Ctrl-C ends the verb, the next one does not wait."""
        env = dict(self.space.env, TERM="xterm", NO_COLOR="1", TPROC_HISTFILE="",
                   DEBUGINFOD_URLS=f"http://127.0.0.1:{self.server.server_port}",
                   DEBUGINFOD_CACHE_PATH=f"{self.space.runtime}/debuginfod")
        with self.space.running(self.stripped, "wait", options=["-n", "one"]) as process:
            self.assert_line(process, "ok 42")
            self.space.until_loaded("one")
            entry = self.space.inspect("show one")["threadprocs"][0]["places"]["entry"]
            with Terminal([command("tpinspect"), "-s", "test"], env, columns=100) as terminal:
                terminal.expect("test> ")
                terminal.type(f"owner {entry}\r")
                terminal.expect("fetching a debug file  50%")
                terminal.expect("of 1.0 MiB")
                terminal.type(CTRL_C)
                terminal.expect("test> ")
                terminal.type(f"owner {entry}\r")
                self.assertIn("one (id 1", terminal.expect("test> "))
                terminal.type(CTRL_D)
                self.assertEqual(terminal.end(), 0)
        self.assertEqual(len(self.server.asked), 1, self.server.asked)
        self.assertIn("/debuginfo", self.server.asked[0])


if __name__ == "__main__":
    space.main()
