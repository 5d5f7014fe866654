"""tpinspect fds: what a program got, what became of it, and who shares it."""

import contextlib
import os

from space import SpaceTest, main, tool

SCRIPT = """
exec 7<>/dev/null                                       # replaces what was passed
exec 8>&-                                               # closes it
exec 20<"$1"; dd bs=3 count=1 <&20 >/dev/null 2>&1      # opens something
echo ready
read line
exit 0
"""


class FdsTest(SpaceTest):
    """Two programs that were given some of the same descriptors."""

    def fds(self, name):
        """{number: what there is to tell}."""
        return {fd["fd"]: fd for fd in self.space.inspect(f"fds {name}")["fds"]}

    def test_states_and_sharers(self):
        """inherited, replaced, closed, opened; shared within a program and with another."""
        path = os.path.join(self.space.runtime, "file")
        with open(path, "w+", encoding="ascii") as file:
            file.write("0123456789")
            file.flush()
            numbers = [os.dup2(file.fileno(), number, inheritable=True) for number in (6, 7, 8)]
            try:
                with self.running("one", path, numbers) as one, \
                        self.running("two", path, numbers) as two:
                    self.check("one", "two")
                    for process in (one, two):
                        process.stdin.close()
                        self.assert_ends(process, 0)
            finally:
                for number in numbers:
                    os.close(number)

    @contextlib.contextmanager
    def running(self, name, path, numbers):
        """The script, which has done what it does."""
        with self.space.running(tool("bash"), "-c", SCRIPT, "bash", path, options=["-n", name],
                                pass_fds=numbers) as process:
            self.assert_line(process, "ready")
            yield process

    def check(self, name, other):
        """One of the two."""
        fds = self.fds(name)
        ids = {tp["name"]: tp["id"] for tp in self.space.threadprocs()}
        state = {number: fd["state"] for number, fd in fds.items()}
        self.assertEqual((state[6], state[7], state[8], state[20]),
                         ("inherited", "replaced", "closed", "opened"))
        self.assertEqual(fds[6]["launcher_fd"], 6)
        self.assertEqual(fds[6]["position"], 10)
        self.assertEqual(fds[7]["target"], "/dev/null")
        self.assertEqual(fds[7]["target_at_launch"], fds[6]["target"])
        self.assertEqual(fds[20]["position"], 3)
        self.assertIsNone(fds[20]["launcher_fd"])
        self.assertIn({"id": ids[other], "fd": 6}, fds[6]["shared_with"])
        # the two opened the same file each for itself: no common position
        self.assertNotIn(ids[other], [sharer["id"] for sharer in fds[20]["shared_with"]])
        self.assertEqual(fds[20]["shared_with"], [])
        # 7 in one and 7 in the other are the same device, opened twice
        self.assertNotIn(ids[other], [sharer["id"] for sharer in fds[7]["shared_with"]])


if __name__ == "__main__":
    main()
