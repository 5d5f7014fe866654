"""Prints "passed failed skipped" of one run of `meson test`, from its testlog.json.

A log that is missing or empty counts as a failure: the run did not even begin.
"""

import json
import os
import sys


def count(path):
    passed = failed = skipped = 0
    if not os.path.exists(path) or not os.path.getsize(path):
        return 0, 1, 0
    with open(path, encoding="utf-8") as log:
        for line in log:
            result = json.loads(line)["result"]
            if result in ("OK", "EXPECTEDFAIL"):
                passed += 1
            elif result == "SKIP":
                skipped += 1
            else:
                failed += 1
    return passed, failed, skipped


print(*count(sys.argv[1]))
