#!/usr/bin/env python3
"""docs/ABI.md mentions every structure and every constant of tproc/abi.h that has a meaning."""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
header = (root / "include/tproc/abi.h").read_text(encoding="utf-8")
document = (root / "docs/ABI.md").read_text(encoding="utf-8")

names = set(re.findall(r"^(?:struct|enum) (tp_\w+) \{", header, re.MULTILINE))
names |= set(re.findall(r"^\t(TP_\w+)(?: = \d+)?,", header, re.MULTILINE))
names |= set(re.findall(r"^#define (TP_\w+|AT_TPROC) ", header, re.MULTILINE))
version = re.search(r"^#define TP_ABI_VERSION (\d+)", header, re.MULTILINE).group(1)

missing = sorted(name for name in names if not re.search(rf"\b{name}\b", document))
if f"version {version}" not in document:
    missing.append(f"version {version}")
for name in missing:
    print(f"docs/ABI.md does not mention {name}")
print(f"{len(names)} names looked for")
sys.exit(1 if missing or not names else 0)
