"""Symbols of many addresses, against elfutils' and GDB's answers."""

import json
import lzma
import pathlib
import random
import re
import shutil
import subprocess

from space import TIMEOUT, SpaceTest, command, main, program, tool

VERSION = re.compile(r"(?<=[\w)])@@?[A-Za-z_][\w.]*$")


def lines(*addresses):
    """Input for owner -."""
    return "".join(f"{address:x}\n" for address in addresses)


class SymbolsTest(SpaceTest):
    """A space with some programs, and questions to it."""

    def tpinspect(self, *options, **kwargs):
        """Runs tpinspect on the space."""
        return subprocess.run([command("tpinspect"), "-s", self.space.name, *options],
                              env=self.space.env, check=False, text=True, timeout=TIMEOUT,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)

    def stream(self, *addresses):
        """The answers of owner -, each an object."""
        done = self.tpinspect("--json", "-c", "owner -", input=lines(*addresses))
        self.assertEqual(done.stderr, "")
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([int(answer["address"], 16) for answer in answers], list(addresses))
        return answers

    def modules(self):
        """Modules of what runs that have a file, each file once."""
        running = [tp["id"] for tp in self.space.threadprocs("running")]
        modules = [m for m in self.space.inspect("modules")["modules"] if m["id"] in running]
        return list({m["file"]: m for m in modules if m["file"] and m["build_id"]}.values())


class Stream(SymbolsTest):
    """owner -: a line for each line."""

    def test_answers(self):
        with self.space.running("cat") as process:
            process.stdin.write("ready\n")
            process.stdin.flush()
            self.assert_line(process, "ready")
            self.check_text()
            self.check_same_as_one_by_one()
            self.check_script()

    def check_text(self):
        done = self.tpinspect("-c", "owner -", input="0x10\n\n 78000000+8 \nzz\n78000000")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "0x10\t-\tunowned\tunmapped\t-\n"
                                      "0x78000008\t-\ttoolkit\tregistry\t-\n"
                                      "zz\t-\t-\t-\tno address\n"
                                      "0x78000000\t-\ttoolkit\tregistry\t-\n")
        self.assertEqual(self.tpinspect("-c", "owner -", input="78000000\n").returncode, 0)
        self.assertEqual(self.tpinspect("-c", "owner -", input="").stdout, "")

    def check_same_as_one_by_one(self):
        """What owner says of the same addresses; stacks, heaps and gaps too."""
        mappings = self.space.maps()
        addresses = [m.lo for m in mappings] + [m.hi - 1 for m in mappings] + \
            [m.hi for m in mappings] + [m.lo + 0x11 for m in mappings]
        for answer in self.stream(*addresses):
            done = self.tpinspect("--json", "-c", f"owner {answer['address']}")
            full = json.loads(done.stdout)["addresses"][0]
            by_kind = {identity["kind"]: identity for identity in full["identities"]}
            self.assertEqual(answer["found"], full["found"])
            self.assertEqual(answer["id"], full["threadproc"] and full["threadproc"]["id"])
            symbol = by_kind.get("symbol")
            self.assertEqual(answer.get("symbol"), symbol and symbol["name"], answer)
            if symbol:
                self.assertEqual(answer["offset"], symbol["offset"])
            if "module" in by_kind:
                self.assertEqual(answer["file"], by_kind["module"]["path"])

    def check_script(self):
        """Commands and addresses come from the same input."""
        done = self.tpinspect(input="owner -\n78000000\n78000001\n\nnames\nowner -\n78000002")
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual([line.split("\t")[0] for line in done.stdout.splitlines()],
                         ["0x78000000", "0x78000001", "no names", "0x78000002"])

    def test_answers_at_once(self):
        """Whoever asks on only after an answer gets it."""
        self.space.start()
        with subprocess.Popen([command("tpinspect"), "-s", self.space.name, "-c", "owner -"],
                              env=self.space.env, text=True, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as process:
            for address in ("0x78000000", "0x78000001"):
                process.stdin.write(f"{address}\n")
                process.stdin.flush()
                self.assertEqual(process.stdout.readline().split("\t")[0], address)
            process.stdin.close()
            self.assertEqual(process.wait(TIMEOUT), 0)


class Sources(SymbolsTest):
    """Where symbols come from, and what became of the file."""

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(self.space.runtime) / "programs"
        self.directory.mkdir()
        self.copy = self.directory / "copy"
        shutil.copy(program("cxx"), self.copy)
        self.space.start()

    def objcopy(self, *arguments):
        """objcopy in the directory of the copies."""
        subprocess.run([tool("objcopy"), *map(str, arguments)], check=True, timeout=TIMEOUT)

    def looked_at(self):
        """The program's symbols, from modules, and the name of the address of its main."""
        module = next(m for m in self.modules() if m["kind"] == "program")
        main_address = int(module["bias"], 16) + self.main
        answer = self.stream(main_address)[0]
        return module["symbols"]["source"], module["file_state"], answer.get("symbol")

    @property
    def main(self):
        """Where main is in the file."""
        names = subprocess.run([tool("nm"), program("cxx")], check=True, text=True,
                               timeout=TIMEOUT, stdout=subprocess.PIPE).stdout
        return int(re.search(r"^(\w+) T main$", names, re.MULTILINE)[1], 16)

    def expect(self, *expected):
        """Runs the copy, and looks at it."""
        with self.space.running(self.copy, "wait") as process:
            self.assert_line(process, "ok 42")
            self.assertEqual(self.looked_at(), expected)

    def test_own(self):
        self.expect("symtab", "same", "main")

    def test_stripped(self):
        self.objcopy("--strip-all", self.copy)
        self.expect("dynsym", "same", None)

    def test_debug_file(self):
        """The debug file comes later than the first look: what was kept is not the last word."""
        debug = self.directory / "copy.debug"
        self.objcopy("--only-keep-debug", self.copy, self.directory / "elsewhere")
        self.objcopy("--strip-all", self.copy)
        self.expect("dynsym", "same", None)
        (self.directory / "elsewhere").rename(debug)
        self.expect("debug file", "same", "main")
        debug.unlink()  # it is not needed any more
        self.expect("debug file", "same", "main")

    def test_debugdata(self):
        inner = self.directory / "inner"
        self.objcopy("--only-keep-debug", self.copy, inner)
        self.objcopy("--strip-debug", inner)
        packed = self.directory / "packed"
        packed.write_bytes(lzma.compress(inner.read_bytes()))
        self.objcopy("--strip-all", f"--add-section=.gnu_debugdata={packed}", self.copy)
        inner.unlink()
        self.expect("debugdata", "same", "main")

    def replace(self):
        """Another version where the copy was."""
        other = self.directory / "other"
        shutil.copy(tool("cat"), other)
        other.rename(self.copy)

    def test_changed(self):
        with self.space.running(self.copy, "wait") as process:
            self.assert_line(process, "ok 42")
            self.replace()
            self.assertEqual(self.looked_at(), ("none", "changed", None))
            # what it exports is known from its memory
            exported = self.space.inspect("sym copy /std::cout/")["symbols"]
            self.assertEqual({symbol["module"].rpartition("/")[2] for symbol in exported},
                             {"copy", "libstdc++.so.6"})

    def test_changed_after_a_look(self):
        """What was kept by build-id is right still."""
        with self.space.running(self.copy, "wait") as process:
            self.assert_line(process, "ok 42")
            self.looked_at()
            self.replace()
            self.assertEqual(self.looked_at(), ("symtab", "changed", "main"))
            address = self.space.inspect("sym copy main")["symbols"][0]["address"]
            answer = self.space.inspect(f"owner {address}")["addresses"][0]
            self.assertEqual(answer["note"], "the file has changed since it was mapped")
            self.copy.unlink()
            self.assertEqual(self.looked_at(), ("symtab", "gone", "main"))


class Differential(SymbolsTest):
    """The same addresses, asked elsewhere."""

    ADDRESSES = 2000

    def setUp(self):
        super().setUp()
        self.random = random.Random(7)
        # elfutils and GDB look for debug files where they are
        self.space.env["TPROC_DEBUG_DIR"] = "/usr/lib/debug"

    def questions(self, module):
        """Addresses in a module, and what tpinspect answers."""
        lo, hi = int(module["lo"], 16), int(module["hi"], 16)
        return self.stream(*(self.random.randrange(lo, hi) for _ in range(self.ADDRESSES)))

    @staticmethod
    def by_elfutils(module, answers):
        """(name, offset) of each."""
        bias = int(module["bias"], 16)
        done = subprocess.run([tool("eu-addr2line"), "-S", "-C", "-e", module["file"]],
                              input=lines(*(int(a["address"], 16) - bias for a in answers)),
                              check=True, text=True, timeout=TIMEOUT, stdout=subprocess.PIPE)
        for line in done.stdout.splitlines()[0::2]:
            name, offset = re.fullmatch(r"(.*?)(?:\+(0x[0-9a-f]+|0))?", line).groups()
            yield None if name in ("()", "??") else VERSION.sub("", name), int(offset or "0", 16)

    @staticmethod
    def agrees(answer, name, offset):
        """Known differences count as agreement; each of them has its reason."""
        ours = answer.get("symbol")
        if name == ours:
            return not name or int(answer["offset"], 16) == offset
        if not name:
            return False
        # theirs is neither cut when it is long, nor demangled when it has a version
        if ours and (ours.endswith("...") and name.startswith(ours[:-3]) or name[:2] == "_Z"):
            return int(answer["offset"], 16) == offset
        # there, a label names later addresses that lie in no section, or right behind its own
        return name == "__ehdr_start"

    def test_elfutils(self):
        tool("eu-addr2line")
        self.space.start()
        with self.space.running("python3", "-c", "print('ready', flush=True); input()") as python, \
                self.space.running(program("cxx"), "wait") as cxx:
            self.assert_line(python, "ready")
            self.assert_line(cxx, "ok 42")
            self.space.until(lambda: len(self.modules()) > 4, "libraries are known")
            asked = agreed = 0
            for module in self.modules():
                answers = self.questions(module)
                for answer, theirs in zip(answers, self.by_elfutils(module, answers)):
                    asked += 1
                    agreed += self.agrees(answer, *theirs)
        self.assertGreater(asked, 4 * self.ADDRESSES)
        self.assertGreaterEqual(agreed / asked, 0.999)

    def test_gdb(self):
        """Symbols begin where GDB says they do, under one of their names."""
        gdb = tool("gdb")
        self.space.start()
        with self.space.running(program("cxx"), "wait") as cxx:
            self.assert_line(cxx, "ok 42")
            self.space.until(lambda: len(self.modules()) > 4, "libraries are known")
            for module in self.modules():
                if module["kind"] == "program":
                    self.check_gdb(gdb, module)

    def check_gdb(self, gdb, module):
        bias = int(module["bias"], 16)
        answers = [a for a in self.questions(module) if "symbol" in a]
        script = pathlib.Path(self.space.runtime) / "script"
        script.write_text("".join(f"info symbol {int(a['address'], 16) - bias}\n"
                                  for a in answers), encoding="ascii")
        done = subprocess.run([gdb, "-nx", "-batch", "-x", script, module["file"]],
                              check=True, text=True, timeout=TIMEOUT,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        theirs = [re.search(r"^(.*?)( \+ (\d+))? in section", line)
                  for line in done.stdout.splitlines()]
        self.assertGreater(len(answers), 100)
        self.assertEqual(len(theirs), len(answers))
        for answer, match in zip(answers, theirs):
            name, _, offset = match.groups()
            if not name.endswith("plt"):  # GDB's own, for entries of these tables
                self.assertEqual(int(answer["offset"], 16), int(offset or 0), (answer, match))


if __name__ == "__main__":
    main()
