"""Prints the style and the script of a page as strings of C, and what permits that script alone.

Usage: page_assets.py STYLE.css SCRIPT.js
"""

import base64
import hashlib
import pathlib
import sys


def literal(name, text):
    """A constant of C, a line for each line."""
    lines = "\n".join('\t"' + line.replace("\\", "\\\\").replace('"', '\\"') + '\\n"'
                      for line in text.splitlines())
    return f"static const char {name}[] =\n{lines};\n"


def main():
    style, script = (pathlib.Path(path).read_text(encoding="utf-8") for path in sys.argv[1:3])
    if "</" in script + style:
        sys.exit("a tag would end within the style or the script")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    print("/* Made by tools/lib/page_assets.py. */")
    print(literal("page_style", style))
    print(literal("page_script", script))
    print(f'static const char page_script_hash[] = "sha256-{digest}";')


main()
