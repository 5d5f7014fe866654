#!/usr/bin/env python3
"""Files that are no programs: a clear message each, the server alive, no descriptor leaked."""

import os
import pathlib
import shutil
import struct
import tempfile

from space import SpaceTest, fd_count, main, program, tool

# Elf64_Ehdr and Elf64_Phdr: where each field lies, and how long it is
EHDR = {"type": (16, "H"), "machine": (18, "H"), "version": (20, "I"), "phoff": (32, "Q"),
        "ehsize": (52, "H"), "phentsize": (54, "H"), "phnum": (56, "H")}
PHDR = {"type": (0, "I"), "flags": (4, "I"), "offset": (8, "Q"), "vaddr": (16, "Q"),
        "filesz": (32, "Q"), "memsz": (40, "Q"), "align": (48, "Q")}
PHDR_SIZE = 56
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
HUGE = 2**64 - 1


class Elf:
    """The bytes of a sound program, to be spoiled."""

    def __init__(self, path):
        self.bytes = bytearray(pathlib.Path(path).read_bytes())

    def set(self, field, value):
        """Changes a field of the ELF header."""
        offset, code = EHDR[field]
        struct.pack_into("<" + code, self.bytes, offset, value)
        return self

    def get(self, field):
        """A field of the ELF header."""
        offset, code = EHDR[field]
        return struct.unpack_from("<" + code, self.bytes, offset)[0]

    def headers(self, kind):
        """Offsets in the file of the program headers of one type."""
        phoff, phnum = self.get("phoff"), self.get("phnum")
        every = (phoff + i * PHDR_SIZE for i in range(phnum))
        return [at for at in every if struct.unpack_from("<I", self.bytes, at)[0] == kind]

    def set_ph(self, kind, number, **fields):
        """Changes fields of the number-th program header of one type."""
        at = self.headers(kind)[number]
        for field, value in fields.items():
            offset, code = PHDR[field]
            struct.pack_into("<" + code, self.bytes, at + offset, value)
        return self

    def get_ph(self, kind, number, field):
        """A field of the number-th program header of one type."""
        offset, code = PHDR[field]
        return struct.unpack_from("<" + code, self.bytes, self.headers(kind)[number] + offset)[0]


class BadFiles(SpaceTest):
    """Nothing that a path leads to may do harm."""

    def setUp(self):
        super().setUp()
        self.work = tempfile.mkdtemp(prefix="tproc-bad-")
        self.addCleanup(shutil.rmtree, self.work)
        self.path = os.path.join(self.work, "prog")
        self.server, self.agent = self.space.start()
        self.refuse("/nonexistent", 127)  # so that what is loaded on demand is loaded
        self.fds = self.count()

    def count(self):
        """Descriptors of server and agent."""
        return fd_count(self.server), fd_count(self.agent)

    def refuse(self, path, status, pattern="."):
        """The program cannot be run: one line that says why, and nothing else happens."""
        done = self.space.run(path)
        self.assertEqual(done.returncode, status, done)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, rf"^tprun: [^\n]*{pattern}[^\n]*\n$")
        self.assertLess(done.stderr.count(f"{path}: "), 2)

    def check(self, path, status, pattern="."):
        """refuse, and server and agent are as before."""
        self.refuse(path, status, pattern)
        self.check_alive()

    def check_alive(self):
        """The same server and agent, with as many descriptors, that can run a program."""
        self.assertEqual(self.space.ping()[:2], (self.server, self.agent))
        self.space.until(lambda: self.count() == self.fds, f"descriptors as before: {self.fds}")
        done = self.space.run("/bin/true")
        self.assertEqual(done.returncode, 0, done)

    def write(self, content, mode=0o755):
        """The file to be run."""
        with open(self.path, "wb") as file:
            file.write(content)
        os.chmod(self.path, mode)
        return self.path

    def test_no_files(self):
        self.check(self.path, 127, "No such file")
        self.check(self.path + "/below", 127, "No such file")
        self.check(self.work, 126)
        self.check("/dev/zero", 126)
        self.check("/dev/null", 126)
        self.check("/" + "x" * 300, 126, "too long")
        os.mkfifo(self.path, 0o755)
        self.check(self.path, 126)
        os.unlink(self.path)
        os.symlink(self.path, self.path)
        self.check(self.path, 126, "symbolic links")

    def test_below_a_file(self):
        self.check(self.write(b"x") + "/below", 127, "Not a directory")

    def test_permission(self):
        self.check(self.write(b"#!/bin/sh\n", 0o644), 126, "[Pp]ermission")

    def test_no_elf(self):
        for content in (b"", b"x", b"\0" * 5000, b"echo text without a first line\n",
                        b"\x7fELF", b"\x7fELF" + b"\0" * 60, b"\x7fELF" + b"\xff" * 5000):
            with self.subTest(content=content[:20]):
                self.check(self.write(content), 126)

    def test_scripts(self):
        for content in (b"#!", b"#!\n", b"#! \t \n", b"#!/nonexistent/interpreter\n",
                        b"#!" + b"x" * 10000, b"#!" + self.work.encode() + b"\n",
                        b"#!" + self.path.encode() + b"\n", b"#!relative/nowhere\n", b"#!\0\n"):
            with self.subTest(content=content[:40]):
                self.refuse(self.write(content), 127 if b"nowhere" in content or
                            b"nonexistent" in content else 126)
        self.check_alive()

    def test_foreign_elf(self):
        elf = Elf(program("basic-pie"))
        for offset, value in ((0, 0), (4, 1), (4, 3), (5, 2)):  # magic, class, byte order
            changed = bytearray(elf.bytes)
            changed[offset] = value
            with self.subTest(offset=offset, value=value):
                self.refuse(self.write(changed), 126)
        for machine in (0, 3, 40, 183, 243, 65535):
            with self.subTest(machine=machine):
                changed = Elf(program("basic-pie")).set("machine", machine)
                self.refuse(self.write(changed.bytes), 126)
        for kind in (0, 1, 4, 5, 0xfe00):
            with self.subTest(type=kind):
                self.refuse(self.write(Elf(program("basic-pie")).set("type", kind).bytes), 126)
        self.check_alive()

    def test_truncated(self):
        elf = Elf(program("basic-pie"))
        lengths = set(range(0, 65, 4)) | {63, 64, 65}
        phoff, phnum = elf.get("phoff"), elf.get("phnum")
        lengths |= {phoff + i * PHDR_SIZE + d for i in range(phnum + 1) for d in (-1, 0)}
        for kind in (PT_LOAD, PT_DYNAMIC, PT_INTERP):
            for i in range(len(elf.headers(kind))):
                start = elf.get_ph(kind, i, "offset")
                end = start + elf.get_ph(kind, i, "filesz")
                lengths |= {start, start + 1, (start + end) // 2, end - 1}
        last = max(elf.get_ph(PT_LOAD, i, "offset") + elf.get_ph(PT_LOAD, i, "filesz")
                   for i in range(len(elf.headers(PT_LOAD))))
        for length in sorted(n for n in lengths if n < last):
            with self.subTest(length=length):
                self.refuse(self.write(elf.bytes[:length]), 126)
        self.check_alive()

    def test_absurd_headers(self):
        for field, values in {"phnum": (0, 1000, 65534, 65535), "phentsize": (0, 1, 32, 57, 65535),
                              "phoff": (0, 1, 63, 2**31, 2**63, HUGE, HUGE - 55)}.items():
            for value in values:
                with self.subTest(field=field, value=value):
                    self.refuse(self.write(Elf(program("basic-pie")).set(field, value).bytes), 126)
        self.check_alive()

    def test_absurd_segments(self):
        cases = [
            {"vaddr": HUGE}, {"vaddr": 2**63}, {"vaddr": 2**47}, {"vaddr": 2**46 + 1},
            {"memsz": HUGE}, {"memsz": 2**47}, {"memsz": 2**40}, {"memsz": 0},
            {"filesz": HUGE}, {"filesz": 2**31}, {"offset": HUGE}, {"offset": 2**40},
            {"offset": 1}, {"align": 3}, {"align": 2**63}, {"align": HUGE}, {"vaddr": 4096 * 1000},
        ]
        for fields in cases:
            for number in (0, 1, -1):
                if fields == {"vaddr": 4096 * 1000} and number != 0:
                    continue  # out of order only when it is the first
                with self.subTest(fields=fields, number=number):
                    self.refuse(self.write(Elf(program("basic-pie"))
                                           .set_ph(PT_LOAD, number, **fields).bytes), 126)
        self.check_alive()

    def test_overlapping_segments(self):
        elf = Elf(program("basic-pie"))
        elf.set_ph(PT_LOAD, 1, vaddr=elf.get_ph(PT_LOAD, 0, "vaddr"))
        self.check(self.write(elf.bytes), 126)

    def test_kernel_addresses(self):
        """A fixed program that asks for memory of the toolkit's, of a slot, or of the kernel."""
        for vaddr in (0, 0x70000000, 0x78000000, 1028 << 34, 2**47 - 8192, 2**47):
            elf = Elf(program("basic-static"))
            delta = vaddr - elf.get_ph(PT_LOAD, 0, "vaddr")
            for i in range(len(elf.headers(PT_LOAD))):
                elf.set_ph(PT_LOAD, i, vaddr=elf.get_ph(PT_LOAD, i, "vaddr") + delta)
            with self.subTest(vaddr=hex(vaddr)):
                self.refuse(self.write(elf.bytes), 126)
        self.check_alive()

    def test_interpreter(self):
        elf = Elf(program("basic-pie"))
        start = elf.get_ph(PT_INTERP, 0, "offset")
        length = elf.get_ph(PT_INTERP, 0, "filesz")

        def with_interp(path):
            changed = Elf(program("basic-pie"))
            changed.bytes[start:start + length] = path.ljust(length, b"\0")[:length]
            return self.write(changed.bytes)

        self.check(with_interp(b"/nonexistent"), 127, "interpreter")
        self.check(with_interp(b"/etc/passwd"), 126)
        self.check(with_interp(b"/etc"), 126)
        self.check(with_interp(b"/dev/zero"), 126)
        self.check(with_interp(b""), 126)
        self.check(with_interp(b"x" * length), 126)  # no NUL
        for filesz in (0, 1, 5000, 2**40):
            with self.subTest(filesz=filesz):
                self.refuse(self.write(Elf(program("basic-pie"))
                                       .set_ph(PT_INTERP, 0, filesz=filesz).bytes), 126)
        self.check_alive()

    def test_messages_are_escaped(self):
        """A file's name and content must not reach the terminal as they are."""
        path = os.path.join(self.work, "a\033[31m\nb")
        with open(path, "wb") as file:
            file.write(b"#!/no\033[2J\x9bsuch\n")
        os.chmod(path, 0o755)
        done = self.space.run(path)
        self.assertNotIn("\033", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.check_alive()

    def test_arguments_too_long(self):
        done = self.space.run(tool("bash"), "-c", "exec \"$@\" $(seq 2000000)", "bash", "true")
        self.assertEqual(done.returncode, 126, done)
        self.check_alive()


if __name__ == "__main__":
    main()
