"""Runs clang-tidy (with .clang-tidy) over every C file of a build directory.

Exits with 0 when it has nothing to say.  Only `meson setup` is needed first, no build.
"""

import concurrent.futures
import json
import os
import subprocess
import sys

# The compilation database is gcc's: clang need not know all of its options.
TIDY = ["clang-tidy", "--quiet", "--warnings-as-errors=*",
        "--extra-arg=-Wno-unknown-warning-option",
        "--extra-arg=-Wno-ignored-optimization-argument",
        "--extra-arg=-Wno-format-nonliteral"]

# Programs that tests run in a space: they leak, crash and call the kernel as they please.
ODD_ON_PURPOSE = "/tests/integration/programs/"


def sources(build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as database:
        for entry in json.load(database):
            path = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
            if path.endswith(".c") and not path.startswith(os.path.realpath(build)) \
                    and ODD_ON_PURPOSE not in path:
                yield path


def tidy(build, path):
    run = subprocess.run(TIDY + ["-p", build, path], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, check=False)
    return run.returncode, run.stdout or run.stderr


def main():
    build = sys.argv[1]
    paths = sorted(set(sources(build)))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, (status, said) in zip(paths, pool.map(lambda p: tidy(build, p), paths)):
            if status:
                failed += 1
                print(path, said, sep="\n")
    print(f"{len(paths)} files, {failed} with findings")
    return 1 if failed or not paths else 0


sys.exit(main())
