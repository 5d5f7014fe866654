#!/usr/bin/env python3
"""The registry as the GDB package decodes it: the same that tpinspect says; and damaged ones."""

import os
import random
import sys

from gdbtest import BUILD, GdbTest, main
from space import TIMEOUT, program

sys.path.insert(0, str(BUILD / "gdb"))

from tproc import layout, registry  # noqa: E402  pylint: disable=wrong-import-position


class BytesSource:
    """A registry in bytes."""

    def __init__(self, data):
        self.data = data

    def read(self, offset, length):
        data = bytes(self.data[offset:offset + length])
        if len(data) != length:
            raise registry.Damaged("short")
        return data


class Registry(GdbTest):
    def source(self):
        return registry.FileSource(self.space.directory / "registry")

    def test_no_gdb(self):
        """The part that decodes needs no GDB."""
        self.assertNotIn("gdb", sys.modules)

    def test_agrees_with_tpinspect(self):
        self.launch("left")
        self.launch("right", program="worker-2")
        self.space.run("/bin/sh", "-c", "exit 3")
        self.space.until(lambda: len(self.space.threadprocs("exited")) == 2, "both have ended")
        found = {component.id: component for component in registry.Registry(self.source()).components()}
        listed = self.space.threadprocs()
        self.assertEqual(sorted(found), sorted(tp["id"] for tp in listed))
        for tp in listed:
            component = found[tp["id"]]
            self.assertEqual((component.name, component.pid, component.state, component.exe,
                              component.argv),
                             (tp["name"], tp["pid"], tp["state"], tp["program"], tp["argv"]))
            self.assertEqual([(hex(lo), hex(hi)) for lo, hi in component.runs],
                             [(slot["lo"], slot["hi"]) for slot in tp["slots"]])

    def test_owner(self):
        left = self.launch("left")
        reg = registry.Registry(self.source())
        component = reg.find("left")[0]
        self.assertEqual(component.id, left.id)
        self.assertIs(reg.find(str(left.id))[0], component)
        self.assertIs(reg.by_pid(left.pid), component)
        for lo, hi in component.runs:
            for address in (lo, hi - 1):
                self.assertEqual(reg.owner(address), (component, "live"))
        self.assertEqual(reg.owner(layout.TP_REGISTRY_ADDR).what, "toolkit")
        self.assertEqual(reg.owner(1 << 63), (None, ""))
        module = next(m for m in component.modules() if m.kind == "program")
        self.assertIs(type(component.module_at(module.lo)), registry.Module)
        self.assertEqual(component.module_at(module.lo).path, component.exe)

    def test_suspects(self):
        """What somebody died with."""
        def ask(process, line):
            process.stdin.write(line + "\n")
            process.stdin.flush()
            self.assert_line(process, "success")

        with self.space.running(program("sharing"), options=["-n", "keeper"]) as keeper, \
                self.space.running(program("sharing"), options=["-n", "other"]) as other:
            ask(keeper, "publish ledger")
            ask(other, "find ledger")
            ask(other, "lock")
            self.assertEqual(registry.Registry(self.source()).suspects(), [])
            other.kill()
            other.wait(TIMEOUT)
            self.space.until(lambda: registry.Registry(self.source()).suspects(), "it is suspect")
            (name, owner, died), = registry.Registry(self.source()).suspects()
            self.assertEqual((name, owner.name, died.name), ("ledger", "keeper", "other"))
            self.gdb("""
matches(ex("tproc list"), r"ledger of keeper \\(\\d+\\) is suspect: other \\(\\d+\\) died while changing")
""")

    def test_damaged(self):
        """Whatever it holds: an answer, or Damaged, soon."""
        self.launch("left")
        with open(self.space.directory / "registry", "rb") as file:
            head = file.read(1 << 20)
        numbers = random.Random(1)
        for _ in range(300):
            data = bytearray(head)
            for _ in range(numbers.randrange(1, 40)):
                at = numbers.choice((numbers.randrange(512), numbers.randrange(len(data))))
                data[at] = numbers.randrange(256)
            try:
                reg = registry.Registry(BytesSource(data))
                for component in reg.components()[:10]:
                    str(component), component.argv, component.runs, component.fds()
                    component.modules()
                reg.owner(0x101000000000)
                reg.suspects()
            except registry.Damaged:
                pass

    def test_text_for_terminals(self):
        self.assertEqual(registry.printable(b"a\033[2Jb\0c"), "a\\x1b[2Jb")
        self.assertEqual(registry.printable(b"\xff\n"), "\\xff\\n")
        self.assertEqual(os.fsencode(registry.printable("ä".encode())), "ä".encode())


if __name__ == "__main__":
    main()
