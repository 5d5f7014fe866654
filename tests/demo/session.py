#!/usr/bin/env python3
"""The session in README.md is what tools/demo shows today, but for what differs each time.

Usage: session.py SOURCE-DIR BUILD-DIR
"""

import difflib
import pathlib
import re
import subprocess
import sys

from mask import masked

BLOCK = re.compile(r"<!-- session -->\n```\n(.*?)\n```\n<!-- end of session -->", re.DOTALL)


def main():
    source, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    block = BLOCK.search((source / "README.md").read_text(encoding="utf-8"))
    if not block:
        print("README.md has no session between its marks")
        return 1
    run = subprocess.run([source / "tools/demo", "--build-dir", build], check=False, text=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    if run.returncode:
        print(run.stdout, f"tools/demo: exit status {run.returncode}", sep="")
        return 1
    difference = list(difflib.unified_diff(
        masked(block.group(1), build), masked(run.stdout, build),
        "README.md", "tools/demo", lineterm=""))
    print(*difference, sep="\n")
    return 1 if difference else 0


sys.exit(main())
