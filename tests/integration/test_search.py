#!/usr/bin/env python3
"""search and telescope in spaces with known memory."""

import json
import re
import struct
import subprocess

import space

NAMES = ("noise", "strings", "wide", "wider", "doubles", "floats", "pointers", "code")


class Searched(space.SpaceTest):
    """Two components of the same program."""

    def setUp(self):
        super().setUp()
        self.places = [self.start(name) for name in ("one", "two")]

    def start(self, name):
        """Starts a component; where its variables are."""
        process = self.enterContext(self.space.running(space.program("examined"),
                                                       options=["-n", name]))
        return dict(zip(NAMES, (int(word, 16) for word in process.stdout.readline().split())))

    def found(self, line, name=None):
        """Addresses of what search finds, all or one component's."""
        done = subprocess.run([space.command("tpinspect"), "-s", self.space.name, "--json", "-c",
                               f"search --limit=1000 {line}"], env=self.space.env, check=False,
                              timeout=space.TIMEOUT, stdout=subprocess.PIPE, text=True)
        answer = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0 if answer["found"] else 1, answer)
        self.assertEqual(answer["found"], answer["shown"])
        return [int(p["address"], 16) for p in answer["places"]
                if not name or (p["place"]["threadproc"] or {}).get("name") == name]

    def memory(self, name):
        """All of a component's readable private memory, as the kernel has it."""
        tp, = [tp for tp in self.space.threadprocs() if tp["name"] == name]
        slots = [(int(s["lo"], 16), int(s["hi"], 16)) for s in tp["slots"]]
        with open(f"/proc/{tp['pid']}/mem", "rb", buffering=0) as memory:
            for m in self.space.maps(tp["pid"]):
                if m.perms[0] == "r" and any(lo <= m.lo < hi for lo, hi in slots):
                    memory.seek(m.lo)
                    yield m.lo, memory.read(m.hi - m.lo)

    def plainly(self, name, needle):
        """Where bytes are, found in the simplest way."""
        for lo, data in self.memory(name):
            at = data.find(needle)
            while at >= 0:
                yield lo + at
                at = data.find(needle, at + 1)


class Finds(Searched):
    """What is there is found, and nothing else."""

    def test_text(self):
        """A text, in all and in one component."""
        self.assertEqual(self.found(r'"\"quoted\" it"'),
                         [p["strings"] + 15 for p in self.places])
        self.assertEqual(self.found(r'--in=two "\"quoted\" it"'), [self.places[1]["strings"] + 15])

    def test_wide(self):
        """UTF-16 and UTF-32."""
        self.assertEqual(self.found('--in=1 u"wide\u20ac\U0001f600"'), [self.places[0]["wide"]])
        self.assertEqual(self.found('--in=1 U"w\U0001f600"'), [self.places[0]["wider"]])

    def test_bytes(self):
        """Bytes, some of which may be anything: the beginning of the noise."""
        with open(f"/proc/{self.space.threadprocs()[0]['pid']}/mem", "rb") as memory:
            memory.seek(self.places[0]["noise"] + 1000)
            data = memory.read(8)
        words = [f"{b:02x}" for b in data]
        expected = [p["noise"] + 1000 for p in self.places]
        self.assertEqual(self.found(":".join(words)), expected)
        words[3] = words[5] = "??"
        self.assertEqual(self.found(":".join(words)), expected)

    def test_pointer(self):
        """Pointers, anywhere and aligned; the same as a plain search finds."""
        target = self.places[1]["noise"]
        plain = sorted(self.plainly("two", struct.pack("<Q", target)))
        self.assertIn(self.places[1]["pointers"], plain)
        self.assertEqual(self.found(f"--in=two {target:#x}"), plain)
        self.assertEqual(self.found(f"--in=two --aligned {target:#x}"),
                         [at for at in plain if at % 8 == 0])

    def test_number(self):
        """A number of a size."""
        plain = sorted(self.plainly("one", struct.pack("<d", 123456789.0)))
        value, = struct.unpack("<q", struct.pack("<d", 123456789.0))
        self.assertEqual(self.found(f"--in=one --size=g {value}"), plain)
        self.assertIn(self.places[0]["doubles"] + 56, plain)

    def test_expression(self):
        """Regular expressions, over bytes."""
        self.assertEqual(self.found(r"--in=one /a{20}b{11}c+\x00/"),
                         [self.places[0]["strings"] + 83])
        self.assertEqual(self.found(r"--in=one /HéLLO €/iu"), [self.places[0]["strings"] + 41])

    def test_filters(self):
        """By the kind of memory."""
        everywhere = self.found("--in=one examined")
        stack = self.found("--in=one --stack examined")
        self.assertTrue(stack)
        self.assertLess(len(stack), len(everywhere))
        self.assertTrue(set(stack) <= set(everywhere))
        self.assertEqual(self.found('--in=one --writable "a literal"'), [])
        self.assertTrue(self.found('--in=one "a literal"'))

    def test_limit(self):
        """All are counted, some are shown."""
        answer = self.space.inspect("search --in=one --limit=2 --size=b 97")
        self.assertEqual((answer["shown"], len(answer["places"])), (2, 2))
        self.assertGreater(answer["found"], 1000)

    def test_nothing(self):
        """What is not there has its exit status."""
        done = subprocess.run([space.command("tpinspect"), "-s", self.space.name, "-c",
                               "search /no such/"], env=self.space.env, check=False,
                              timeout=space.TIMEOUT, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "", ""))


class Telescope(Searched):
    """Where words lead."""

    def words(self, line):
        """The answer's words, as (numbers of the hops, end)."""
        answer = self.space.inspect(f"telescope {line}")
        return [([int(h["address"], 16) for h in w["hops"]], w["end"], w) for w in answer["words"]]

    def test_ends(self):
        """A number, code, a loop, a text, and what is no address."""
        places = self.places[0]
        words = self.words(f"{places['pointers']:x} 8")
        noise, odd, code, heap, loop, no, text, null = words
        self.assertEqual(noise[0][0], places["noise"])
        self.assertEqual((noise[1], len(noise[0])), ("value", 2))
        self.assertEqual(odd[0][0], places["noise"] + 5)
        self.assertEqual(code[:2], ([places["code"]], "code"))
        self.assertEqual((heap[1], heap[2]["hops"][0]["identity"]["kind"]), ("value", "chunk"))
        # to the beginning of the table, and from there on as the first
        self.assertEqual(loop[:2], ([places["pointers"], *noise[0]], "value"))
        self.assertEqual(no[:2], ([2**64 - 1], "value"))
        self.assertEqual((text[1], text[2]["text"]), ("text", '"a literal"'))
        self.assertEqual(null[:2], ([0], "value"))

    def test_across(self):
        """From a component to another, and round."""
        here, there = self.places[0]["pointers"] + 64, self.places[1]["pointers"] + 64
        for tp, at, value in zip(self.space.threadprocs("running"), (here, there), (there, here)):
            with open(f"/proc/{tp['pid']}/mem", "r+b", buffering=0) as memory:
                memory.seek(at)
                memory.write(struct.pack("<Q", value))
        (hops, end, word), = self.words(f"{here:x} 1")
        self.assertEqual((hops, end, word["loop"]), ([there, here], "loop", 0))
        self.assertEqual([h["threadproc"]["name"] for h in word["hops"]], ["two", "one"])

    def test_unreadable(self):
        """An address of nothing."""
        with self.assertRaisesRegex(AssertionError, re.escape("cannot access memory")):
            self.words("10")


if __name__ == "__main__":
    space.main()
