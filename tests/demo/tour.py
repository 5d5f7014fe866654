#!/usr/bin/env python3
"""Sessions in a document: are they what one sees today?

Usage: tour.py [--update] DOCUMENT

TPROC_BUILD names the build directory.  A session is made of the commands in the comment before it,
with the scene of tests/golden ({node} and so on are its addresses):

    <!-- tour
    list
    owner {node}
    -->
    ```
    (what --update puts there)
    ```

It also finds the verbs that the document says nothing of.
"""

import difflib
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "golden"), str(HERE.parent / "integration")]

from golden import Scene  # noqa: E402
from mask import masked  # noqa: E402
from space import BUILD, TIMEOUT, command  # noqa: E402

SESSION = re.compile(r"(<!-- tour\n(.*?)-->\n```\n)(.*?)(```\n)", re.DOTALL)


def ask(scene, line):
    """A command at the prompt, and its answer, as a person sees them."""
    line = scene.filled_in(line)
    done = subprocess.run([command("tpinspect"), "-s", scene.space.name, "-c", line],
                          env=dict(scene.space.env, NO_COLOR="1"), check=False, text=True,
                          timeout=TIMEOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return f"{scene.space.name}> {line}\n{done.stdout}".replace(f"{BUILD}/", "build/")


def session(scene, lines):
    """A session of several commands."""
    return "\n".join(ask(scene, line) for line in lines.splitlines() if line)


def differences(scene, text):
    """What is not as it was, as lines to print."""
    for match in SESSION.finditer(text):
        yield from difflib.unified_diff(masked(match[3], BUILD),
                                        masked(session(scene, match[2]), BUILD),
                                        "document", "now", lineterm="")


def updated(scene, match):
    """A session as it is now; it stays as it is when only addresses and the like differ."""
    now = session(scene, match[2])
    same = masked(match[3], BUILD) == masked(now, BUILD)
    return match[0] if same else match[1] + now + match[4]


def unmentioned(scene, text):
    """Verbs that the document neither shows nor names."""
    for verb in json.loads(scene.answer("help"))["verbs"]:
        if not re.search(rf"`{verb['verb']}\b|^{verb['verb']}\b", text, re.MULTILINE):
            yield f"the document says nothing of '{verb['verb']}'"


def main():
    update = sys.argv[1:2] == ["--update"]
    path = pathlib.Path(sys.argv[-1])
    text = path.read_text(encoding="utf-8")
    with Scene() as scene:
        if update:
            text = SESSION.sub(lambda match: updated(scene, match), text)
            path.write_text(text, encoding="utf-8")
            return 0
        found = [*differences(scene, text), *unmentioned(scene, text)]
    for line in found:
        print(line)
    return 1 if found else 0


sys.exit(main())
