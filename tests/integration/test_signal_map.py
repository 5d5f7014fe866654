"""tpinspect signals: what is caught by which handler, ignored, blocked, and what waits."""

from space import SpaceTest, main, program, tool

PYTHON = """
import signal, sys, threading
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
signal.pthread_kill(threading.get_ident(), signal.SIGUSR2)
signal.signal(signal.SIGWINCH, signal.SIG_IGN)
print("ready", flush=True)
sys.stdin.read()
"""


class SignalMapTest(SpaceTest):
    """Of programs that are where they are to be looked at."""

    def signals(self, name):
        """{signal's name: what there is to tell}, of the latest threadproc of a name."""
        answer = self.space.inspect(f"signals {name}")["threadprocs"][-1]
        self.assertTrue(answer["live"])
        return {entry["name"]: entry for entry in answer["signals"]}

    def handler(self):
        """The handler that the program of stacks.c has for SIGUSR1; None when it is not known."""
        with self.space.running(program("stacks"), "signal") as process:
            self.assertRegex(process.stdout.readline(), "^signal ")
            entry = self.signals("stacks")["SIGUSR1"]
            process.stdin.close()
            self.assert_ends(process, 0)
        self.assertEqual(entry["action"], "caught")
        self.assertEqual(len(entry["blocked_by"]), 1)
        return entry["handler"]

    def test_handler(self):
        """Known once the server knows the C library, from the second program on at the latest."""
        found = []
        self.space.start()
        self.space.until(lambda: found.append(self.handler()) or found[-1], "a handler")
        self.assertEqual(found[-1]["at"]["identity"]["name"], "on_signal")
        self.assertEqual(found[-1]["at"]["threadproc"]["name"], "stacks")

    def test_pending(self):
        """Blocked and pending for one thread, ignored, and untouched by children."""
        with self.space.running(tool("python3"), "-c", PYTHON, options=["-n", "py"]) as process:
            self.assert_line(process, "ready")
            signals = self.signals("py")
            pid = self.space.threadprocs("running")[0]["pid"]
            self.assertEqual(signals["SIGUSR2"]["blocked_by"], [pid])
            self.assertEqual(signals["SIGUSR2"]["pending_for_threads"], [pid])
            self.assertFalse(signals["SIGUSR2"]["pending_for_process"])
            self.assertEqual(signals["SIGWINCH"]["action"], "ignored")
            self.assertNotIn("SIGHUP", signals)
            process.stdin.close()
            self.assert_ends(process, 0)


if __name__ == "__main__":
    main()
