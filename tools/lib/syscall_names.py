#!/usr/bin/env python3
"""Prints the names of this machine's system calls as initialisers of an array in C.

Usage: syscall_names.py COMPILER...
"""

import re
import subprocess
import sys


def main():
    macros = subprocess.run([*sys.argv[1:], "-x", "c", "-E", "-dM", "-"], input="#include <asm/unistd.h>\n",
                            check=True, text=True, stdout=subprocess.PIPE).stdout
    found = {int(number): name
             for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", macros, re.MULTILINE)}
    if not found:
        sys.exit("syscall_names.py: the compiler knows of no system calls")
    for number, name in sorted(found.items()):
        print(f'[{number}] = "{name}",')


main()
