"""Addresses of programs that have ended: how long they rest, and whose they were."""

import signal
import subprocess

from space import SpaceTest, TIMEOUT, command, main, program, tool

GRANULE = 1 << 34
FIRST = 1028 * GRANULE
LAUNCHES = 5000
LOOPS = 2
LONG = 240  # seconds: thousands of launches on a machine that has other things to do

# Takes all addresses but for less than a TiB, and says so.  What found no room at all would be
# placed by the kernel, where others are to be.
HOG = """
import mmap
kept = [mmap.mmap(-1, size << 40, prot=mmap.PROT_READ,
                  flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
        for size in (63, 46)]
print("ready", flush=True)
input()
"""


class Quarantine(SpaceTest):
    def launch_until_refused(self, most):
        """How many programs came and went, and what the next one was told."""
        for count in range(most):
            done = self.space.run("/bin/true")
            if done.returncode:
                return count, done
        return most, None

    def test_no_reuse_before(self):
        hog = self.space.popen(tool("python3"), "-c", HOG, options=["--quarantine=2T", "-n", "hog"])
        try:
            self.assert_line(hog, "ready")
            count, refused = self.launch_until_refused(64)
            self.assertIsNotNone(refused, "addresses were used again too soon")
            self.assertGreater(count, 0)
            self.assertEqual(refused.returncode, 126)
            self.assertRegex(refused.stderr, r"has no \d+ GiB of addresses left in a row: \d+ GiB rest in "
                                             r"quarantine \(--quarantine=2048G\)")
            self.assertEqual(hog.communicate("\n", TIMEOUT)[0], "")
        finally:
            hog.kill()
            hog.communicate()
        # what it gave up is more than 2 TiB: all that rested before has rested for long enough
        self.space.until(lambda: not self.space.run("/bin/true").returncode, "launches again")

    def test_without_one_nothing_is_refused(self):
        with self.space.running(tool("python3"), "-c", HOG, options=["-n", "hog"]) as hog:
            self.assert_line(hog, "ready")
            self.assertEqual(self.launch_until_refused(80), (80, None))

    def test_of_a_space_that_runs(self):
        with self.space.running("/bin/cat", options=["--quarantine=64G", "-n", "cat"]) as cat:
            cat.stdin.write("runs\n")
            cat.stdin.flush()
            self.assert_line(cat, "runs")
            self.assertEqual(self.space.run("/bin/true").returncode, 0)
            self.assertEqual(self.space.run("/bin/true", options=["--quarantine=64G"]).returncode, 0)
            done = self.space.run("/bin/true", options=["--quarantine=forever"])
            self.assertEqual(done.returncode, 125)
            self.assertIn("was started with --quarantine=64G", done.stderr)
        # nobody lives there: the server makes room for one that suits
        self.space.until(lambda: not self.space.threadprocs("running"), "cat has ended")
        self.assertEqual(self.space.run("/bin/true", options=["--quarantine=forever"]).returncode, 0)

    def test_that_is_none(self):
        for size in ("", "12X", "200T", "-1"):
            with self.subTest(size=size):
                done = self.space.run("/bin/true", options=[f"--quarantine={size}"])
                self.assertEqual(done.returncode, 125)
                self.assertIn("--quarantine", done.stderr)
        done = subprocess.run([command("tpserver"), "--quarantine=12X"], check=False, text=True,
                              env=self.space.env, stderr=subprocess.PIPE, timeout=TIMEOUT)
        self.assertEqual(done.returncode, 2)
        self.assertIn("64G", done.stderr)

    def owners(self, addresses):
        """What is said of each address, in their order."""
        done = subprocess.run([command("tpinspect"), "-s", self.space.name, "-c", "owner -"],
                              input="".join(f"{a:x}\n" for a in addresses), text=True, check=False,
                              env=self.space.env, stdout=subprocess.PIPE, timeout=LONG)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def test_forever(self):
        """Thousands of launches later, the first is still known, by module and symbol."""
        options = ["--quarantine=forever", "-n", "first"]
        with self.space.running(program("party"), "keep", options=options) as first:
            lines = list(iter(first.stdout.readline, "ready\n"))
            self.space.until_loaded("first")
            self.assertEqual(first.communicate("\n", TIMEOUT)[0], "")
        loop = f"for ((i = 0; i < {LAUNCHES // LOOPS}; i++)); do \"$@\" || exit; done"
        loops = [subprocess.Popen(["bash", "-c", loop, "bash", *self.space.argv(["/bin/true"])],
                                  env=self.space.env, stdin=subprocess.DEVNULL)
                 for _ in range(LOOPS)]
        self.assertEqual([process.wait(LONG) for process in loops], [0] * LOOPS)

        owners = self.owners(FIRST + i * GRANULE for i in range(LAUNCHES + 1))
        self.assertEqual({o[1] for o in owners}, {str(i) for i in range(1, LAUNCHES + 2)})
        self.assertEqual({o[2] for o in owners}, {"first", "true"}, owners[:3])

        variable = dict(line.split() for line in lines)["variable"]
        done = self.space.run(program("party"), "read", variable, options=["-n", "late", "--report"])
        self.assertEqual(done.returncode, -signal.SIGSEGV)
        self.assertRegex(done.stderr, r"a stale pointer into first \(1\), which exited .* \(variable of party\)")


if __name__ == "__main__":
    main()
