#!/usr/bin/env python3
"""tools/cast records a session, and that in docs/pictures is what one sees today.

Usage: cast.py SOURCE-DIR BUILD-DIR
"""

import difflib
import importlib.util
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from mask import masked

SKIPPED = 77
SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def shown(path, build):
    """What a cast shows, masked; its times only go on."""
    header, *events = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert header["version"] == 2 and all(kind == "o" for _, kind, _ in events), header
    times = [time for time, _, _ in events]
    assert times == sorted(times), times
    text = SEQUENCES.sub("", "".join(text for _, _, text in events)).replace("\r", "")
    return masked(text, build)


def words(path):
    """What a picture says, without addresses and numbers."""
    texts = xml.etree.ElementTree.parse(path).getroot().itertext()
    return re.findall(r"\b[a-z_]{4,}\b", " ".join(texts))


def main():
    source, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    if not importlib.util.find_spec("pyte"):
        print("python3-pyte is not installed")
        return SKIPPED
    with tempfile.TemporaryDirectory() as output:
        subprocess.run([sys.executable, source / "tools/cast", "--build-dir", build, "--output",
                        output], check=True, stdin=subprocess.DEVNULL, timeout=100)
        kept, fresh = source / "docs/pictures", pathlib.Path(output)
        found = [*difflib.unified_diff(shown(kept / "tpinspect.cast", build),
                                       shown(fresh / "tpinspect.cast", build),
                                       "docs/pictures/tpinspect.cast", "tools/cast", lineterm="")]
        said = words(fresh / "tpinspect.svg")
        assert {"owner", "telescope", "loop", "running"} <= set(said), said
        same = set(words(kept / "tpinspect.svg")) == set(said)
    print(*found, sep="\n")
    if not same:
        print("docs/pictures/tpinspect.svg shows something else")
    return 1 if found or not same else 0


sys.exit(main())
