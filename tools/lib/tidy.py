"""Runs clang-tidy (with .clang-tidy) over every C file of a build directory.

Exits with 0 when it has nothing to say.  Only `meson setup` is needed first: of a build, it makes
the headers that are generated.
"""

import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile

# The compilation database is gcc's: clang does not know all of its options.
GCC_ONLY = "-fno-tree-loop-distribute-patterns"
TIDY = ["clang-tidy", "--quiet", "--warnings-as-errors=*",
        "--extra-arg=-Wno-unknown-warning-option",
        "--extra-arg=-Wno-format-nonliteral"]

# Programs that tests run in a space: they leak, crash and call the kernel as they please.
ODD_ON_PURPOSE = ("/tests/integration/programs/", "/tests/crashlab/programs/",
                  "/tests/fidelity/programs/")


def database(build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as commands:
        for entry in json.load(commands):
            entry["command"] = entry["command"].replace(GCC_ONLY, "")
            yield entry


def is_ours(path, build):
    return path.endswith(".c") and not path.startswith(build) and not any(
        odd in path for odd in ODD_ON_PURPOSE)


def generate(build):
    """Makes what is generated and included."""
    targets = subprocess.run(["ninja", "-C", build, "-t", "targets", "all"], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    names = [line.split(":")[0] for line in targets.splitlines() if ": CUSTOM_COMMAND" in line]
    headers = [name for name in names if name.endswith((".inc", ".h"))]
    if headers:
        subprocess.run(["ninja", "-C", build, *headers], check=True, stdout=subprocess.DEVNULL)


def tidy(directory, path):
    run = subprocess.run(TIDY + ["-p", directory, path], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, check=False)
    return run.returncode, run.stdout or run.stderr


def main():
    build = os.path.realpath(sys.argv[1])
    generate(build)
    entries = list(database(build))
    named = (os.path.realpath(os.path.join(e["directory"], e["file"])) for e in entries)
    paths = sorted({path for path in named if is_ours(path, build)})
    failed = 0
    with tempfile.TemporaryDirectory() as scratch, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        with open(os.path.join(scratch, "compile_commands.json"), "w", encoding="utf-8") as copy:
            json.dump(entries, copy)
        for path, (status, said) in zip(paths, pool.map(lambda p: tidy(scratch, p), paths)):
            if status:
                failed += 1
                print(path, said, sep="\n")
    print(f"{len(paths)} files, {failed} with findings")
    return 1 if failed or not paths else 0


sys.exit(main())
