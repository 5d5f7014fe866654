#!/usr/bin/env python3
"""print, as GDB has it: both look at the same process, and show the same."""

import pathlib
import re
import shutil
import subprocess
import tempfile

import space

MARK = "--- next"
PRINTERS = pathlib.Path("/usr/share/gcc/python")

# Values of C; a semicolon stands for a blank.  GDB knows the program's symbols alone, so no pointer here leads to a library.
PLAIN = """
config counter hello list list->next->name *list numbers same matrix cloud pi single third
precise infinite -infinite yes tiny byte letter newline high small port mask big huge colour cold
odd none both strange unknown padded full dotted raw nobody pointer origin where *where pointers
operations array_pointer constant offset letters letters[0] flexible *flexible flexible->items[0]@4
hidden add &add *add sizeof(struct;node) sizeof;config numbers[1]@3 &numbers[3] *(int*)pointer
(struct;point*)pointer *(struct;point*)pointer config.bits config.bits.wide+1 config.bits.three
1+2*3 7/2 7/2.0 (char)65 'A'+1 'A' counter==43&&!0 fill::nodes matrix[1][2] *matrix matrix[1]
config.table[3].name[0] (enum;colour)5 (enum;flags)3 (unsigned;char)300 -5%3 1.5e3 0x10 010 ~0 -1u
(5>3?10:20) &config.table[3].name *&config.ratio &config config.table[2]@2 1<<4|1 6^3 (long)-1>>1
10-4-3 2*(3+4) 5>4 3>=4 'values.c'::counter list->number list->inner list->text config.corner[1].y
&*list !counter -counter +counter where->x (*where).y *pointers[2] **pointers &list->next
(short)70000 (float)1/3 1.0/3 sizeof(int[3]) sizeof(numbers)/sizeof(*numbers) (struct;node*)0
*config.table@1 config.op &cloud[3]-cloud &cloud[3]>cloud (unsigned;long)&cloud[3] GREEN
FLAG_A|FLAG_B colour==GREEN (enum;flags)17 numbers config.title[0] config.title[4]@3 huge+1 mask+1
big/3 big%1000 tiny+byte port<<16 small>>2 10==10.0 1.0<2 18446744073709551615 4294967296 2147483648
speaks 0x80000000 0xffffffffffffffff 'a' '\\n' '\\'' '\\\\' '\\0'
""".split()

# GDB's expressions have no name for these types.
COMPLEX = ["spin", "half_spins", "long_spin"]

# A letter of print/ and what it is applied to.
FORMATTED = [f"/{letter} {name}" for letter in "xduotcaz" for name in
             ("counter", "big", "mask", "tiny", "byte", "letter", "small", "port", "-1", "numbers",
              "config.corner", "raw", "both", "colour", "yes", "huge", "config.bits")]
FORMATTED += ["/x pi", "/d pi", "/f counter", "/s padded", "/s hello", "/x hello", "/d hello",
              "/x pointers", "/x config.title", "/c padded", "/d padded", "/x list->inner",
              "/f config.ratio", "/x single", "/a &counter", "/x &counter", "/f mask", "/f big", "/f small",
              "/u tiny", "/z port", "/d numbers", "/x same", "/x list", "/d list", "/a operations"]

# Values of C++, with the library's own printers for GDB.
CXX = """
sso heap with_nul view vector strings nested none map hash some nothing some_text
nowhere empty shared second weak expired variant number reference plain colour nothing_in_it
map_of_vectors diamond.bottom right circle->radius_ base base->name_ side->tag
multimap with_static.own Static::shared (shapes::Diamond*)right (shapes::Left*)&diamond
(shapes::Right*)&diamond circle many
""".split()


def flat(text):
    """An answer without the differences that are meant."""
    # which of several spellings of a template's arguments, and of a variable in a function
    return re.sub(r"<fill\[(\w+)\]", r"<\1", re.sub(r" >", ">", text))


def is_unknown(answer):
    """What GDB does not find in code that was optimized."""
    return answer.startswith('No symbol "fill"')


class SameAsGdb(space.SpaceTest):
    """Line by line."""

    def ours(self, lines, options="--plain "):
        """What tpinspect answers to each."""
        argv = [space.command("tpinspect"), "-s", self.space.name, "--keep-going"]
        answers = []
        for line in lines:
            head, _, rest = line.rpartition(" ") if line.startswith("/") else ("", "", line)
            done = subprocess.run([*argv, "-c", f"print{head} {options}{rest}"],
                                  env=self.space.env, check=False, text=True, encoding="utf-8",
                                  timeout=space.TIMEOUT, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
            answers.append(done.stdout.rstrip("\n") or done.stderr.rstrip("\n"))
        return answers

    def gdb(self, program, pid, lines, setup=()):
        """What GDB answers to each, with the program's symbols alone."""
        bias, = [m["bias"] for m in self.space.inspect("modules")["modules"]
                 if m["kind"] == "program"]
        argv = [space.tool("gdb"), "-nx", "-q", "-batch", "-ex", "set auto-load off",
                "-ex", "set auto-solib-add off", "-ex", "set width 0",
                "-ex", "set style enabled off", "-ex", "set host-charset UTF-8",
                "-ex", "set target-charset ASCII", "-ex", "set print static-members off",
                "-ex", f"attach {pid}", "-ex", "symbol-file",
                "-ex", f"add-symbol-file {program} -o {bias}"]
        for line in setup:
            argv += ["-ex", line]
        for line in lines:
            argv += ["-ex", f"echo {MARK}\\n", "-ex", f"output{line}" if line.startswith("/")
                     else f"print {line}"]
        done = subprocess.run(argv, env=self.space.env, check=False, text=True, encoding="utf-8",
                              timeout=space.TIMEOUT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        parts = done.stdout.split(f"{MARK}\n")
        self.assertEqual(len(parts), len(lines) + 1, done.stdout)
        parts[-1] = re.sub(r"\[Inferior .*\n", "", parts[-1])
        parts = [re.sub(r"warning: RTTI .*\n", "", part) for part in parts]
        return [re.sub(r"^\$\d+ = ", "", part).rstrip("\n") for part in parts[1:]]

    def compare(self, name, lines, setup=()):
        """Starts the program and compares."""
        program = space.program(name)
        lines = [line.replace(";", " ") for line in lines]
        with self.space.running(program) as process:
            self.assertIn("ready", process.stdout.readline())
            self.space.until(lambda: self.space.threadprocs("running"), "it runs")
            component, = self.space.threadprocs("running")
            theirs = self.gdb(program, component["pid"], lines, setup)
            ours = self.ours(lines)
        differences = [f"{line}\n  tpinspect  {a}\n  GDB        {b}"
                       for line, a, b in zip(lines, ours, theirs) if flat(a) != flat(b) and not is_unknown(b)]
        self.assertFalse(differences, "\n" + "\n".join(differences))

    def test_commands(self):
        """What --gdb says shows the same in GDB as the expression itself."""
        program = space.program("values")
        lines = [line.replace(";", " ") for line in PLAIN + FORMATTED]
        with self.space.running(program) as process:
            self.assertIn("ready", process.stdout.readline())
            self.space.until(lambda: self.space.threadprocs("running"), "it runs")
            component, = self.space.threadprocs("running")
            commands = [command.removeprefix("print").removeprefix(" ")
                        for command in self.ours(lines, "--gdb ")]
            wanted = self.gdb(program, component["pid"], lines)
            found = self.gdb(program, component["pid"], commands)
        self.assertIn("0x", commands[0])
        differences = [f"{line}\n  {command}\n  {a}\n  {b}" for line, command, a, b
                       in zip(lines, commands, wanted, found) if a != b]
        self.assertFalse(differences, "\n" + "\n".join(differences))

    def test_formats(self):
        """print/x and so on."""
        self.compare("values", FORMATTED)


def add_tests(name):
    """Values of C and of C++, as one compiler writes them down."""

    def test_c(self):
        self.compare(name, PLAIN + COMPLEX)

    def test_cxx(self):
        if not PRINTERS.is_dir():
            self.skipTest("GDB's printers for the C++ library are not there")
        self.compare(name.replace("values", "values_cxx"), CXX, [
            "set language c++",
            f"python import sys; sys.path.insert(0, '{PRINTERS}')",
            "python from libstdcxx.v6 import register_libstdcxx_printers",
            "python register_libstdcxx_printers(None)"])

    word = name.replace("-", "_")
    setattr(SameAsGdb, f"test_c_{word}", test_c)
    setattr(SameAsGdb, f"test_cxx_{word}", test_cxx)


for form in ("values", "values-4", "values-types", "values-clang-4", "values-clang-5"):
    add_tests(form)

class Own(space.SpaceTest):
    """What GDB does not show."""

    def start(self, name):
        """A program of the kind, which has filled in its values."""
        process = self.enterContext(self.space.running(space.program(name)))
        self.assertIn("ready", process.stdout.readline())
        self.space.until(lambda: any(tp["program"].endswith("/" + name) for tp in
                                     self.space.threadprocs("running")), "it runs")
        return process

    def value(self, expression):
        """The "value" of an answer."""
        return self.space.inspect(f"print {expression}")["value"]

    def failure(self, line, status):
        """The message of a command that fails with that status."""
        done = subprocess.run([space.command("tpinspect"), "-s", self.space.name, "-c", line],
                              env=self.space.env, check=False, text=True, timeout=space.TIMEOUT,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, status, done)
        return done.stderr.strip()

    def test_real_types(self):
        """Objects by their real types, through what owns them."""
        self.start("values_cxx")
        for name in ("shape", "side", "tagged", "right"):
            with self.subTest(name):
                value = self.value(name if name in ("shape", "tagged") else f"*{name}")
                if "members" in value and value["members"][0]["name"] == "get()":
                    value = value["members"][1]
                self.assertRegex(value["real_type"], r"^shapes::.*(Circle|Tagged<.*>|Diamond)$")
        sun, = self.value("scene")["entries"]
        self.assertEqual(sun["key"]["value"], '"sun"')
        radius = sun["value"]["members"][1]["members"][-1]
        self.assertEqual((radius["name"], radius["value"]), ("radius_", "3"))

    def test_owners(self):
        """Every pointer has its owner."""
        self.start("values")
        members = {m["name"]: m for m in self.value("*list")["members"] if "name" in m}
        self.assertEqual(members["next"]["owner"], "values(1) program")
        self.assertEqual(self.value("flexible")["owner"], "values(1) heap")
        self.assertEqual(self.value("(char *) 16")["owner"], "not mapped")

    def test_ring(self):
        """What leads back to itself is shown once."""
        self.start("values_cxx")
        self.assertEqual(str(self.value("ring")).count("'name': 'value'"), 2)

    def test_containers(self):
        """Those that GDB's printers do not have, or show in another way."""
        self.start("values_cxx")
        texts = lambda value: [part["value"] for part in value["elements"]]
        self.assertEqual(texts(self.value("set")), ["1", "2", "3", "4", "5"])
        self.assertEqual(texts(self.value("list")), ["1", "2", "3"])
        self.assertEqual(texts(self.value("forward")), ["4", "5"])
        self.assertEqual(texts(self.value("array")), ["7", "8", "9"])
        self.assertEqual(texts(self.value("bits")), ["true", "false", "true"])
        self.assertEqual(texts(self.value("deque")), [str(i) for i in range(100, 300)])
        self.assertEqual([m["value"] for m in self.value("tuple")["members"][:2]], ["1", '"two"'])
        self.assertIn("_M_invoke", self.value("function")["members"][0]["value"])
        self.assertEqual(self.value("hash_set")["elements"][0]["value"], '"only"')

    def test_several(self):
        """Which threadproc is meant has to be said when several have the name."""
        self.start("values")
        self.start("values-4")
        self.assertEqual(self.failure("print counter", 2),
                         "tpinspect: 2 threadprocs have a counter: 1::counter, 2::counter")
        self.assertEqual(self.value("2::counter + values::counter")["value"], "86")
        self.assertEqual(self.space.inspect("print --in=2 counter")["threadproc"]["id"], 2)
        types = self.space.inspect("types struct node")["types"]
        self.assertEqual(len([t for t in types if t["kind"] == "struct"]), 2)

    def test_threads(self):
        """Thread-local variables, of each thread and of one."""
        process = self.start("values")
        threads = self.space.inspect("print own")["threads"]
        self.assertEqual([t["value"]["value"] for t in threads], ["100", "7"])
        main, other = (t["thread"] for t in threads)
        self.assertEqual(self.value(f"--thread={other} own + 1")["value"], "8")
        self.assertEqual(self.value(f"--thread={main} *&own")["value"], "100")
        self.assertIsNone(process.poll())

    def test_virtual_base(self):
        """Back from a virtual base class: only the object knows the way."""
        self.start("values_cxx")
        self.assertEqual(self.value("(Diamond *) (shapes::Root *) right == &diamond")["value"], "1")
        self.assertEqual(self.value("((Diamond *) (shapes::Root *) right)->bottom")["value"], "4")

    def test_templates(self):
        """Arguments of templates that have defaults may be left out."""
        self.start("values_cxx")
        for type_name, variable in (("std::vector<int>", "vector"),
                                    ("std::map<std::string, int>", "map"),
                                    ("std::vector<std::vector<int>>", "nested")):
            address = self.value(variable)["address"]
            self.assertEqual(self.value(f"*({type_name} *) {address}"), self.value(variable))

    def test_separate_file(self):
        """Debugging information in a file of its own; none; and a file that is another one now."""
        directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        program, debug = directory / "values", directory / "values.debug"
        shutil.copy(space.program("values"), program)
        for argv in (["objcopy", "--only-keep-debug", program, debug],
                     ["objcopy", "--strip-all", f"--add-gnu-debuglink={debug}", program]):
            subprocess.run(argv, check=True)
        process = self.enterContext(self.space.running(program))
        self.assertIn("ready", process.stdout.readline())
        self.assertEqual(self.value("values::counter")["value"], "43")
        debug.unlink()
        self.assertEqual(self.failure("print values::counter", 1),
                         "tpinspect: values (1): no debugging information: there is no debug file")
        program.unlink()
        shutil.copy("/bin/true", program)
        self.assertEqual(self.failure("print values::counter", 1),
                         "tpinspect: values (1): the file has changed since it was mapped")

    def test_lines(self):
        """Source lines, as eu-addr2line has them."""
        self.start("values_cxx-4")
        program = space.program("values_cxx-4")
        symbols = subprocess.run(["nm", "--defined-only", program], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
        places = [int(line.split()[0], 16) + step for line in symbols.splitlines()
                  if line.split()[1] in "tT" for step in (0, 5, 23)]
        bias, = [int(m["bias"], 16) for m in self.space.inspect("modules")["modules"]
                 if m["kind"] == "program"]
        theirs = subprocess.run([space.tool("eu-addr2line"), "-e", program, "-i",
                                 *map(hex, places)], check=True, text=True,
                                stdout=subprocess.PIPE).stdout
        lines = [[]]
        for answer in self.space.inspect("owner " + " ".join(f"{p + bias:x}" for p in places))[
                "addresses"]:
            found = [i["lines"] for i in answer["identities"] if i["kind"] == "source"]
            lines.append([f"{pathlib.PurePath(line['file']).name}:{line['line']}"
                          for line in (found[0] if found else [])])
        ours = [line for answer in lines for line in answer]
        wanted = [re.sub(r":\d+$", "", pathlib.PurePath(line).name)
                  for line in theirs.splitlines() if not line.startswith("??")]
        self.assertGreater(len(wanted), 100)
        self.assertEqual(ours, wanted)


if __name__ == "__main__":
    space.main()
