#!/usr/bin/env python3
"""Runs a program as the first of a new space, and ends the space.

Usage: in_space.py TPRUN TPSERVER PROGRAM [ARG...]
"""

import os
import subprocess
import sys
import tempfile

tprun, tpserver, *command = sys.argv[1:]
with tempfile.TemporaryDirectory() as runtime:
    os.environ["XDG_RUNTIME_DIR"] = runtime
    os.environ.pop("TPROC_SPACE", None)
    status = subprocess.run([tprun, *command], stdin=subprocess.DEVNULL, check=False).returncode
    stopped = subprocess.run([tpserver, "--stop"], check=False).returncode
print(f"program: {status}, server: {stopped}")
sys.exit(1 if status or stopped else 0)
