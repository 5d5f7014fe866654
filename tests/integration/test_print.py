#!/usr/bin/env python3
"""print, as GDB has it: both look at the same process, and show the same."""

import pathlib
import re
import subprocess

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
0x80000000 0xffffffffffffffff 'a' '\\n' '\\'' '\\\\' '\\0'
""".split()

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

    def test_formats(self):
        """print/x and so on."""
        self.compare("values", FORMATTED)


def add_tests(name):
    """Values of C and of C++, as one compiler writes them down."""

    def test_c(self):
        self.compare(name, PLAIN)

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

if __name__ == "__main__":
    space.main()
