#!/usr/bin/env python3
"""malloc's chunks, read from outside, against what the program itself says of them."""

import json

import space
from space import SpaceTest, program


def identity(answer, kind):
    """The identity of that kind among those of an address, or None."""
    found = [i for i in answer["identities"] if i["kind"] == kind]
    return found[0] if found else None


class Chunks(SpaceTest):
    """Each chunk by its first byte, its last one, and its header."""

    def identities(self, chunks, header):
        """What the program says and what tpinspect does, three times for each chunk."""
        addresses = [(int(c["user"], 16) + offset, offset, c)
                     for c in chunks for offset in (0, c["size"] - 1, -header)]
        answers = self.space.inspect("owner " + " ".join(f"{a:x}" for a, _, _ in addresses))
        for (address, offset, chunk), answer in zip(addresses, answers["addresses"]):
            self.assertEqual(int(answer["address"], 16), address)
            yield chunk, offset, answer

    def check(self, name, header, more):
        """Every chunk that the program names is found, with its extent and state."""
        with self.space.running(program(name)) as process:
            chunks = json.loads(process.stdout.readline())
            self.assertGreater(len(chunks), 20)
            if "static" not in name:
                self.space.until_loaded(name, "musl" if "musl" in name else "libc.")
            for chunk, offset, answer in self.identities(chunks, header):
                with self.subTest(chunk=chunk, offset=offset):
                    found = identity(answer, "chunk")
                    self.assertIsNotNone(found, answer)
                    self.assertEqual(answer["place"], "heap")
                    self.assertEqual((found["user"], found["offset"], found["state"]),
                                     (chunk["user"], offset, chunk["state"]))
                    more(chunk, found)

    def check_glibc(self, name):
        """The arena too."""
        def more(chunk, found):
            self.assertEqual(found["allocator"], "glibc")
            self.assertEqual(found["size"], chunk["size"])
            self.assertEqual(found["main_arena"], chunk["arena"] == "main")
            self.assertEqual(found["arena"] is None, chunk["arena"] == "none")
        self.check(name, 8, more)

    def test_glibc(self):
        """libc.so.6 has no symbol for main_arena."""
        self.check_glibc("heaps")

    def test_glibc_static(self):
        """malloc is in the program."""
        self.check_glibc("heaps-static")

    def check_musl(self, name):
        """Of a free slot, musl does not keep what was asked for."""
        def more(chunk, found):
            self.assertEqual(found["allocator"], "musl")
            if chunk["state"] == "in_use":
                self.assertEqual(found["size"], chunk["size"])
        self.check(name, 4, more)

    def test_musl(self):
        """libc.so of musl is the interpreter, too."""
        self.check_musl("heaps-musl")

    def test_musl_static(self):
        """malloc is in the program."""
        self.check_musl("heaps-musl-static")


if __name__ == "__main__":
    space.main()
