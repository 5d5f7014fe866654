"""Prints the ninja targets of the unit tests of a build directory, one a line."""

import json
import os
import subprocess
import sys


def targets(build):
    build = os.path.realpath(build)
    tests = json.loads(subprocess.check_output(["meson", "introspect", "--tests", build]))
    for test in tests:
        program = os.path.realpath(test["cmd"][0])
        is_unit = any(suite.split(":")[-1] == "unit" for suite in test["suite"])
        if is_unit and program.startswith(build + os.sep):
            yield os.path.relpath(program, build)


print(*sorted(set(targets(sys.argv[1]))), sep="\n")
