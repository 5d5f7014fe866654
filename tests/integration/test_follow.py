"""tpinspect follow: events as they happen, to everybody who waits for them."""

import contextlib
import json
import os
import signal
import subprocess

from space import TIMEOUT, SpaceTest, command, main, program


class FollowTest(SpaceTest):
    """Each follower says nothing until something happens, so tests look for it in the registry."""

    @contextlib.contextmanager
    def following(self, words="", text=False):
        """A running `follow`, which waits at the registry."""
        argv = [command("tpinspect"), "-s", self.space.name, "-c", f"follow {words}"]
        with subprocess.Popen(argv if text else [*argv, "--json"], text=True, env=self.space.env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                self.space.until(lambda: self.waits(process.pid), "follow waits")
                yield process
            finally:
                process.kill()
                process.wait(TIMEOUT)

    @staticmethod
    def waits(pid):
        """Whether a process waits at a futex of the registry."""
        with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
            words = file.read().split()
        if words[0] != "202":
            return False
        word = int(words[1], 16)
        with open(f"/proc/{pid}/maps", encoding="ascii") as file:
            spans = [line.split()[0].split("-") for line in file if "tproc-registry" in line]
        return any(int(lo, 16) <= word < int(hi, 16) for lo, hi in spans)

    def events(self, process):
        """What a follower that ends by itself has told."""
        output, errors = process.communicate(timeout=TIMEOUT)
        self.assertEqual((process.returncode, errors), (0, ""))
        return [json.loads(line) for line in output.splitlines()]

    def next_event(self, process, *kinds):
        """The next one of these kinds."""
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] in kinds:
                return event
        raise AssertionError(process.stderr.read())

    def test_life(self):
        """Launch, names and libraries in between, stop, continue, exit, crash."""
        self.space.start()
        with self.following() as follower:
            with self.space.running(program("stacks"), "owner") as process:
                event = self.next_event(follower, "launched")
                self.assertEqual(event["details"]["program"], program("stacks"))
                self.assertEqual(event["threadproc"]["name"], "stacks")
                loaded = {self.next_event(follower, "loaded")["details"]["path"]}
                while not any("libc.so" in path for path in loaded):
                    loaded.add(self.next_event(follower, "loaded")["details"]["path"])
                os.kill(event["threadproc"]["pid"], signal.SIGSTOP)
                self.next_event(follower, "stopped")
                process.send_signal(signal.SIGCONT)
                self.next_event(follower, "continued")
                process.stdin.close()
                event = self.next_event(follower, "exited")
                self.assertEqual(event["threadproc"]["exit"], {"code": "exited", "status": 0})
            self.space.run("/bin/sh", "-c", "kill -SEGV $$", options=["-n", "falls"])
            event = self.next_event(follower, "crashed")
            self.assertEqual(event["threadproc"]["name"], "falls")

    def test_count_and_several(self):
        """Two followers get the same; --count ends them; one of them wants one name only."""
        self.space.start()
        with self.space.running(program("stacks"), "owner", options=["-n", "one"]) as process:
            self.assertRegex(process.stdout.readline(), "^owner ")
            with self.following("--count 2 one") as only, self.following("--count 1") as every:
                pid = self.space.threadprocs("running")[0]["pid"]
                os.kill(pid, signal.SIGSTOP)
                every_events = self.events(every)
                self.assertEqual([event["event"] for event in every_events], ["stopped"])
                self.space.run("/bin/true")
                process.send_signal(signal.SIGCONT)
                self.assertEqual([event["event"] for event in self.events(only)],
                                 ["stopped", "continued"])

    def test_many_at_once(self):
        """No launch is lost in a hurry: each is told, or counted as missed."""
        self.space.start()
        with self.following() as follower:
            done = self.space.run("/bin/sh", "-c", "exit 0")
            running = [self.space.popen("/bin/true") for _ in range(40)]
            for process in running:
                process.communicate(timeout=TIMEOUT)
            told, missed = set(), 0
            while len(told) + missed < 41:
                event = self.next_event(follower, "launched", "missed")
                if event["event"] == "launched":
                    self.assertNotIn(event["threadproc"]["id"], told)
                    told.add(event["threadproc"]["id"])
                else:
                    missed += event["details"]["count"]
            self.assertEqual(done.returncode, 0)

    def test_one_ends(self):
        """The end of who is followed is the last that is told; of one that has ended nothing is."""
        self.space.start()
        with self.space.running("/bin/cat", options=["-n", "one"]) as process:
            self.space.until_loaded("one")
            with self.following("one") as follower:
                process.stdin.close()
                self.assertEqual([event["event"] for event in self.events(follower)][-1:],
                                 ["exited"])
        with self.assertRaisesRegex(AssertionError, "1: tpinspect: one has ended"):
            self.space.inspect("follow one")

    def test_ends(self):
        """By Ctrl-C, which is no failure; with the space, which is one."""
        self.space.start()
        with self.following(text=True) as follower:
            follower.send_signal(signal.SIGINT)
            self.assertEqual(follower.communicate(timeout=TIMEOUT), ("", ""))
        for end in (signal.SIGTERM, signal.SIGKILL):
            server, _ = self.space.start()
            with self.following(text=True) as follower:
                os.kill(server, end)
                _, errors = follower.communicate(timeout=TIMEOUT)
                self.assertEqual((follower.returncode, errors),
                                 (3, "tpinspect: the space has ended\n"))


if __name__ == "__main__":
    main()
