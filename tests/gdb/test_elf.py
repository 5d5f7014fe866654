#!/usr/bin/env python3
"""What gdb/tproc/elf.py finds in programs, and that it survives whatever else a file may be."""

import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(os.environ.get("TPROC_BUILD", "build")).resolve()
WORKER = BUILD / "tests/gdb/programs/worker"
DAMAGED = 300

sys.path.insert(0, str(BUILD / "gdb"))

from tproc import elf  # noqa: E402  pylint: disable=wrong-import-position


class Elf(unittest.TestCase):
    def test_as_nm_has_it(self):
        out = subprocess.run(["nm", WORKER], check=True, text=True, stdout=subprocess.PIPE).stdout
        expected = {name: int(value, 16)
                    for value, name in re.findall(r"^(\w+) [tT] (square|work|offer|main)$", out,
                                                  re.MULTILINE)}
        found = {function.name: function.value for function in elf.functions(WORKER)}
        self.assertEqual({name: found.get(name) for name in expected}, expected)
        self.assertEqual(len(expected), 4)

    def test_exported_only(self):
        """A stripped library still has what it exports."""
        with tempfile.NamedTemporaryFile() as file:
            subprocess.run(["strip", "-o", file.name, BUILD / "tests/gdb/programs/plugged.so"],
                           check=True)
            self.assertIn("plugged", [function.name for function in elf.functions(file.name)])

    def test_no_elf(self):
        for data in (b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF\x02\x01" + bytes(58)):
            self.assertEqual(self.functions_of(data), [])

    def test_damaged(self):
        """Nothing is raised, whatever stands in headers and sections."""
        numbers = random.Random(1)
        whole = WORKER.read_bytes()
        for _ in range(DAMAGED):
            data = bytearray(whole)
            table = int.from_bytes(data[40:48], "little")
            for _ in range(numbers.randrange(1, 9)):
                where = numbers.choice((numbers.randrange(64), numbers.randrange(table, len(data))))
                data[where] = numbers.choice((0, 1, 0x7F, 0xFF, numbers.randrange(256)))
            if numbers.random() < 0.2:
                del data[numbers.randrange(len(data)):]
            for function in self.functions_of(data):
                self.assertIsInstance(function.name, str)

    @staticmethod
    def functions_of(data):
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            return elf.functions(file.name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
